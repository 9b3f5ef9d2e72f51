"""A machine in which network files are read by the programs that read them on a node, and what its kernel says then.

It is a User Mode Linux of Debian's, a kernel that runs as a process: it has bonds, VLANs and bridges whether the
host's kernel has them or not. Whoever tests needs Debian, root, dnsmasq, dhclient and systemd; the other packages are
unpacked beside the system.
"""

import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from luna_core.run import run_contained
from luna_core.testing import network_reader
from luna_core.testing.debian_packages import unpacked
from luna_core.testing.network_config import BOOT_MAC, write_files
from luna_core.types import NodeFile

Reader = Literal["networkd", "netplan", "networkmanager", "ifupdown"]
PACKAGES = (
    *("user-mode-linux", "network-manager", "libnm0", "libndp0", "libjansson4", "libpsl5"),
    *("netplan.io", "libnetplan0 | libnetplan1", "ifupdown", "ifenslave", "bridge-utils", "vlan"),
)
LIMIT_S = 330
BOOTS = 2
_USUAL_MTU = 1500
# Exit statuses of timeout(1), after a signal that can be caught and after one that can't.
_TOO_LONG = (124, 137)


@dataclass(frozen=True)
class Case:
    """Files of a node and who is to read them; with `router` somebody advertises a network beside."""

    files: Sequence[NodeFile]
    reader: Reader
    router: bool = False


class Seen:
    """What a case came to: the exit status and words of the reader, and a line for each fact of kernel and resolver."""

    def __init__(self, directory: Path, name: str) -> None:
        """Raises FileNotFoundError, with the reader's words, if the machine did not come to its end."""
        self.log = (directory / f"{name}.log").read_text()
        result = directory / f"{name}.json"
        if not result.exists():
            raise FileNotFoundError(f"{name}: {self.log}")
        self._found: dict[str, Any] = json.loads(result.read_text())
        self.status: int = self._found["status"]

    def lines(self) -> list[str]:
        """All facts, each once, sorted."""
        links = [link for link in self._found["links"] if link["ifname"] != "lo"]
        facts = {fact for link in links for fact in _of_link(link)}
        facts |= {
            f"default by {one['gateway']} on {one['dev']}, metric {one.get('metric', 0)}"
            for one in self._found["routes"]
            if one["dst"] == "default"
        }
        facts |= set(self._answers())
        for line in self._found["resolver"].splitlines():
            word, *values = line.split()
            verb = {"nameserver": "asks", "search": "searches"}.get(word)
            facts |= {f"{verb} {value}" for value in values if verb}
        return sorted(facts)

    def _answers(self) -> Iterator[str]:
        """What is routed by its source, and what is then wrong: the network of an address is not behind its gateway."""
        for rule in self._found["rules"]:
            for source, to, way in self._found["ways"]:
                if source == rule["src"] and (to == "others" or "gateway" in way):
                    yield f"{source} answers {to} by {way.get('gateway')} on {way.get('dev')}"


def _of_link(link: Any) -> Iterator[str]:
    name, about = link["ifname"], link.get("linkinfo", {})
    data, kind = about.get("info_data", {}), about.get("info_kind")
    if kind == "bond":
        yield f"{name} is a bond, {data['mode']}, watched every {data['miimon']} ms"
    if kind == "bridge":
        yield f"{name} is a bridge {'with' if data['stp_state'] else 'without'} STP"
    if kind == "vlan":
        yield f"{name} is VLAN {data['id']} of {link['link']}"
    if "master" in link:
        yield f"{name} is in {link['master']}"
    if link["mtu"] != _USUAL_MTU:
        yield f"{name} has MTU {link['mtu']}"
    held = [f"{one['local']}/{one['prefixlen']}" for one in link["addr_info"] if one["scope"] == "global"]
    yield from (f"{name} has {one}" for one in held)
    # Of what has an address or is part of something this needn't be said.
    if kind == "veth" and "UP" in link["flags"] and not held and "master" not in link:
        yield f"{name} is up"


def read(cases: Mapping[str, Case], directory: Path) -> Mapping[str, "Seen"]:
    """What became of each case, all in one boot. Raises CommandFailed if the machine doesn't come that far.

    One that didn't do all of them, which may tell of its kernel and not of the files, is booted once more.
    """
    packages = unpacked("network-readers", PACKAGES, merged=True)
    for name, case in cases.items():
        place = directory / "cases" / name
        write_files(place / "files", case.files)
        (place / "case.json").write_text(json.dumps({"reader": case.reader, "router": case.router}))
    script = directory / "network_reader.py"
    shutil.copy(network_reader.__file__, script)
    machine: list[str | Path] = [
        *(packages / "usr/bin/linux.uml", "mem=384M", "root=/dev/root", "rootfstype=hostfs", "ro", "quiet"),
        *("panic=-1", "con=null", "con0=null,null", f"uml_dir={directory}/"),
        *(
            f"eth{network_reader.FIRST_BOOT_CARD + number}=mcast,{BOOT_MAC},239.0.0.1,{1100 + number}"
            for number in range(len(cases))
        ),
        *(f"PACKAGES={packages}", f"JOB={directory}", f"init={sys.executable}", "--", script),
    ]
    # Its cards are multicast groups of the host's, in a network that ends with it.
    network = 'ip link set lo up && ip route add 239.0.0.0/8 dev lo && "$@"'
    limited = ["timeout", "--kill-after=5", str(LIMIT_S), "unshare", "--net", "sh", "-c", network, "sh", *machine]
    failure = directory / "failure"
    for _ in range(BOOTS):
        failure.unlink(missing_ok=True)
        run_contained(limited, print, accepted=(0, *_TOO_LONG))
        if all((directory / f"{name}.json").exists() for name in cases):
            break
        print(failure.read_text() if failure.exists() else "The machine said nothing of its end.")
    assert not failure.exists(), failure.read_text()
    return {name: Seen(directory, name) for name in cases}
