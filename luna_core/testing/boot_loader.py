"""A node on which the script of a boot loader runs without being one: programs that only tell that they were called."""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from luna_core.run import run

ESP = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
LAYERS = """\
/dev/mapper/vg0-root lvm ext4 1111-2222
/dev/md127 raid1 LVM2_member aaaa-bbbb
/dev/vda3 part linux_raid_member cccc-dddd
/dev/vda disk
/dev/vdb3 part linux_raid_member cccc-dddd
/dev/vdb disk
"""
# By program; of what lsblk is asked decides the columns. The root is a volume on a mirror of two disks.
ANSWERS: Mapping[str, str] = {
    "findmnt": 'case "$*" in *efi) echo /dev/vdb1 ;; *UUID*) echo 1111-2222 ;; *) echo /dev/mapper/vg0-root ;; esac',
    "lsblk": f"""case "$*" in
*NAME,TYPE,FSTYPE,UUID*) cat <<'END'
{LAYERS}END
;;
*NAME,TYPE*) printf '/dev/vda disk\\n/dev/vdb disk\\n/dev/md127 raid1\\n' ;;
*output\\ TYPE*) printf 'lvm\\nraid1\\npart\\ndisk\\npart\\ndisk\\n' ;;
*NAME,FSTYPE*) printf '%s vfat {ESP}\\n%s vfat 0fc63daf\\n%s vfat 0xef\\n' "${{6}}1" "${{6}}2" "${{6}}4" ;;
*PKNAME*) echo "${{6%[0-9]}}" ;;
esac""",
    "lvs": "echo '  vg0/root'",
    "mdadm": "echo MD_LEVEL=raid1; echo MD_UUID=1:2:3:4",
}
_QUIET = ("mount", "umount", "mountpoint", "efibootmgr", "modprobe")
_PLACES = re.compile(r"(?<=[ =\"<>(])/(?=(?:etc|boot|sys|usr|run)\b)")


@dataclass(frozen=True)
class FakeNode:
    """A directory that stands for the new root; `answers` are shell for what the programs print, by their names."""

    root: Path
    answers: Mapping[str, str] = field(default_factory=dict)

    def run(self, script: str, programs: Sequence[str] = (), *, uefi: bool = False) -> list[str]:
        """What was called, one line each. Raises AssertionError with the script's output if it fails.

        It must be clean by shellcheck(1), which minds $ in a node's kernel arguments.
        """
        run(["shellcheck", "--shell=sh", "--exclude=SC2016", "-"], stdin=script)
        for name in ("etc", "boot", "run", *(["sys/firmware/efi"] if uefi else [])):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        for name in ("vda1", "vda4", "vdb1", "vdb4"):
            number = self.root / f"sys/class/block/{name}/partition"
            number.parent.mkdir(parents=True, exist_ok=True)
            number.write_text(f"{name[-1]}\n")
        answers = {**dict.fromkeys((*_QUIET, *programs), ":"), **ANSWERS, **self.answers}
        calls = self.root / "calls"
        calls.write_text("")
        for name, answer in answers.items():
            program = self.root / "programs" / name
            program.parent.mkdir(exist_ok=True)
            program.write_text(f'#!/bin/sh\necho "{name} $*" >> {calls}\n{answer}\n')
            program.chmod(0o755)
        environment = {"PATH": f"{self.root}/programs:{os.environ['PATH']}"}
        text = _PLACES.sub(f"{self.root}/", script)
        done = subprocess.run(["sh", "-eu"], input=text, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, (done.stdout + done.stderr).replace(str(self.root), "")
        return calls.read_text().replace(str(self.root), "").splitlines()
