"""`luna-python -m luna_core.node.disks JOB FOUND ETC [ROOT]`: makes the disks of this machine what the job says.

The job has the node's id and its layout; the node's key comes on standard input where something is encrypted. FOUND
gets what is on the disks, ETC, a directory, what the new system is to know of them; the file systems are mounted below
ROOT. Exit status 1 with the reason as the last line.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from luna_core.node.disks.carry_out import carry_out, crypttab_lines, fstab_lines, mdadm_lines, mount
from luna_core.node.disks.choose import Refused
from luna_core.node.disks.commands import DiskError
from luna_core.node.disks.inventory import Inventory
from luna_core.node.disks.layout import Layout, read_layout
from luna_core.node.disks.look import look
from luna_core.node.disks.plan import plan


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says and return the exit status."""
    job, found, etc = (Path(word) for word in arguments[:3])
    document = json.loads(job.read_bytes())
    layout = read_layout(document["node_id"], document["layout"])
    key = sys.stdin.read() if layout.is_encrypted() else ""
    if layout.is_encrypted() and not key:
        say("The controller gave no key for what is to be encrypted. Nothing was written.")
        return 1
    try:
        _make(layout, key, found, etc, arguments[3:])
    except Refused as error:
        say(f"{error} Nothing was written.")
        return 1
    except DiskError as error:
        say(str(error))
        return 1
    return 0


def say(text: str) -> None:
    """For the phase's log."""
    print(f"luna: {text}", flush=True)


def _make(layout: Layout, key: str, found: Path, etc: Path, root: Sequence[str]) -> None:
    there = look(layout, key)
    found.write_text(there.dump())
    planned = plan(layout, there)
    for item in planned.items:
        say(str(item))
    carry_out(planned, say, key)
    for directory in root:
        mount(planned, Path(directory), say)
    etc.mkdir(parents=True, exist_ok=True)
    (etc / "fstab").write_text(fstab_lines(planned))
    (etc / "crypttab").write_text(crypttab_lines(planned))
    (etc / "mdadm.conf").write_text(mdadm_lines(planned))
    found.write_text(_after(layout, key).dump())


def _after(layout: Layout, key: str) -> Inventory:
    """As the next boot would find it, with nothing mounted or started yet."""
    return look(layout, key).at_rest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
