# ruff: noqa: S603 - what it runs is written here
"""What runs in the machine of `network_machine`: network files get their cards, their reader, and a look at the result.

The first process of a User Mode Linux, with nothing but Python's own library. It sees the host's files, reads only,
below the unpacked packages; each case has a network of its own, and nothing that it writes outlives it.
"""

import ctypes
import json
import os
import shutil
import subprocess
import sys
import time
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

BASE, PACKAGES, JOB, ROOT = (Path("/mnt", name) for name in ("base", "packages", "job", "root"))
MODULES = ("overlay", "bridge", "ipv6", "8021q", "bonding", "veth")
CARDS = ("eth1", "eth2", "eth3", "eth4")
# The numbers below are those of the cards of each case.
FIRST_BOOT_CARD = 10
# For all readers together, well before somebody ends the machine: so it can say which one hangs.
LIMIT_S = 240
NOTHING = subprocess.DEVNULL
_INIT_MODULE, _POWER_OFF = 175, 0x4321FEDC
# The network of `eth1` has a DHCP server, and a router that offers addresses which luna has not given.
SERVER = """
dnsmasq --no-daemon --conf-file=/dev/null --leasefile-ro --port=0 --interface=eth1 --bind-interfaces \
    --dhcp-authoritative --dhcp-range=10.9.0.77,10.9.0.77,255.255.0.0 --dhcp-option=option:router,10.9.255.254 {router}
"""
ROUTER = "--enable-ra --dhcp-range=fd00:bad::,ra-only"
_NETWORKD = """
mkdir -p /run/systemd/netif/links /run/systemd/network
chown -R systemd-network: /run/systemd/netif
SYSTEMD_LOG_TARGET=console SYSTEMD_LOG_LEVEL=info /lib/systemd/systemd-networkd &
until [ -e /run/systemd/netif/state ]; do sleep 0.1; done
/lib/systemd/systemd-networkd-wait-online --quiet --timeout=90
sed -n 's/^DNS=//p' /run/systemd/netif/links/* | tr ' ' '\\n' | sed 's/^/nameserver /' > /run/resolver
sed -n 's/^DOMAINS=/search /p' /run/systemd/netif/links/* >> /run/resolver
"""
# Nobody else is there who could have the same address. A writable /sys tells systemd that udev will name the cards.
SYSTEM = f"""
for which in all default; do echo 0 > /proc/sys/net/ipv6/conf/$which/accept_dad; done
mount -t tmpfs none {ROOT}
mkdir {ROOT}/upper {ROOT}/work
mount -t overlay none {ROOT} -o lowerdir={PACKAGES}:{BASE},upperdir={ROOT}/upper,workdir={ROOT}/work
cd {ROOT}
mount -t proc none proc
mount -t devtmpfs none dev
mount -t tmpfs none run
mount -t tmpfs none tmp
mount -t sysfs -o ro none sys
rm -rf etc/netplan/* etc/systemd/network/* etc/network/interfaces etc/network/interfaces.d/* etc/resolv.conf
"""
READERS = {
    "networkd": _NETWORKD,
    "netplan": f"/usr/libexec/netplan/generate{_NETWORKD}",
    "networkmanager": """
        /usr/sbin/NetworkManager --debug --configure-and-quit=initrd --log-level INFO
        cp /run/NetworkManager/resolv.conf /run/resolver
        """,
    "ifupdown": "mount -o remount,rw /sys; mkdir -p /run/network; ifup --all; cp /etc/resolv.conf /run/resolver",
}


def sh(command: str) -> str:
    """What a shell prints, or an end with what it says."""
    return subprocess.run(["sh", "-ec", command], capture_output=True, text=True, check=True).stdout


def main() -> None:
    """Everything of one job, as the first process; then switch off."""
    os.environ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    try:
        sh("mount -t proc none /proc && mount -t tmpfs none /run && mount -t tmpfs none /mnt")
        sh(f"mkdir {BASE} {PACKAGES} {JOB} {ROOT} && mount -t hostfs none {BASE} -o /")
        sh(f"mount -t hostfs none {PACKAGES} -o {os.environ['PACKAGES']}")
        sh(f"mount -t hostfs none {JOB} -o {os.environ['JOB']}")
        load_modules()
        running = [start(number, case.name) for number, case in enumerate(sorted((JOB / "cases").iterdir()))]
        until_s = time.monotonic() + LIMIT_S
        for process in running:
            process.wait(max(until_s - time.monotonic(), 0))
    except Exception as error:
        (JOB / "failure").write_text(f"{error!r}\n{getattr(error, 'stderr', '')}")
        raise
    finally:
        os.sync()
        ctypes.CDLL(None).reboot(_POWER_OFF)


def load_modules() -> None:
    """The machine's kernel has none built in of what a network is made of; the host may lack modprobe(8)."""
    (directory,) = (PACKAGES / "usr/lib/uml/modules").iterdir()
    files = {path.stem: path for path in directory.rglob("*.ko")}
    loaded: set[str] = set()
    system = ctypes.CDLL(None, use_errno=True)

    def load(name: str) -> None:
        if name in loaded or name not in files:
            return
        loaded.add(name)
        image = files[name].read_bytes()
        found = image.find(b"\0depends=") + len(b"\0depends=")
        for needed in image[found : image.find(b"\0", found)].decode().split(","):
            load(needed)
        if system.syscall(_INIT_MODULE, image, len(image), b""):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), name)

    for name in MODULES:
        load(name)


def start(number: int, case: str) -> "subprocess.Popen[bytes]":
    """Begin with a case: a network of its own with cards whose other ends are in a network beside."""
    own, wire = f"case{number}", f"wire{number}"
    sh(f"ip netns add {own} && ip netns add {wire}")
    commands = [f"link add {card} netns {own} type veth peer name {card} netns {wire}" for card in CARDS]
    # udev's part is the file that gives the card with BOOTIF's MAC its name.
    batch("", [*commands, f"link set eth{FIRST_BOOT_CARD + number} netns {own} name boot0"])
    outside = [f"link set {card} up" for card in CARDS]
    batch(wire, [*outside, "address add 10.9.255.254/16 dev eth1", "address add fd00:bad::1/64 dev eth1 nodad"])
    described = json.loads((JOB / "cases" / case / "case.json").read_text())
    server = SERVER.format(router=ROUTER if described["router"] else "")
    subprocess.Popen(["ip", "netns", "exec", wire, *server.split()], stdout=NOTHING, stderr=NOTHING)
    separate = ["ip", "netns", "exec", own, "unshare", "--mount", "--pid", "--fork", "--kill-child"]
    words = [*separate, sys.executable, __file__, "case", case, described["reader"]]
    with (JOB / f"{case}.log").open("w") as said:
        return subprocess.Popen(words, stdin=NOTHING, stdout=said, stderr=said)


def batch(network: str, commands: list[str]) -> None:
    """Several commands of ip(8) in a network."""
    words = ["ip", *(["-n", network] if network else []), "-batch", "-"]
    subprocess.run(words, input="\n".join(commands), text=True, check=True, capture_output=True)


def inside(name: str, reader: str) -> None:
    """One case, within its network."""
    sh(SYSTEM)
    shutil.copytree(JOB / "cases" / name / "files", ROOT, dirs_exist_ok=True, copy_function=shutil.copy)
    status = subprocess.run(["chroot", ROOT, "sh", "-c", READERS[reader]], stdin=NOTHING, check=False).returncode
    resolver = ROOT / "run/resolver"
    links = json.loads(sh("ip -j -d address"))
    seen = {
        "status": status,
        "links": links,
        "routes": json.loads(sh("ip -j route")) + json.loads(sh("ip -j -6 route")),
        "ways": [way for link in links for one in link["addr_info"] if one["scope"] == "global" for way in ways(one)],
        "rules": json.loads(sh("ip -j rule")) + json.loads(sh("ip -j -6 rule")),
        "resolver": resolver.read_text() if resolver.exists() else "",
    }
    (JOB / f"{name}.json").write_text(json.dumps(seen))


def ways(own: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """By what the kernel sends from an address to the network that it is in, and to one that is nowhere near."""
    near = ip_interface(f"{own['local']}/{own['prefixlen']}").network.network_address + 99
    far = "192.0.2.1" if own["family"] == "inet" else "2001:db8::1"  # RFC 5737, RFC 3849
    found = [
        (to, sh(f"ip -j route get {one} from {own['local']} || :")) for to, one in (("its own", near), ("others", far))
    ]
    return [(own["local"], to, json.loads(said)[0] if said.strip() else {}) for to, said in found]


if __name__ == "__main__":
    # The machine's kernel adds words of its own to the first process's.
    inside(sys.argv[2], sys.argv[3]) if sys.argv[1:2] == ["case"] else main()
