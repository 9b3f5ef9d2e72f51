"""A node sets its own BMC up: the phase's script, run here with ipmitool over the network to a true simulated BMC."""

import os
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from luna_core.boot import scripts
from luna_core.boot.bmc import BmcPlan
from luna_core.boot.facts import PROFILE, BootFacts, Offers
from luna_core.image.versions import load_version
from luna_core.testing import facts as sample
from luna_core.types import Endpoint

ADDRESSES = {"address": "10.148.0.1", "netmask": "255.255.0.0", "gateway": "10.148.255.254"}
PLAN = BmcPlan(user="luna", user_id=4, lan_channel=1, management_channel=1, unmanaged_users="keep")
LOGIN = replace(PLAN, user="admin", user_id=2)
PASSWORD = "it's $(a) `b`"
UNSET = {
    "ip_addr_src": "dhcp",
    **dict.fromkeys(("ip_addr", "subnet_mask", "default_gw_ip_addr", "backup_gw_ip_addr"), "0.0.0.0"),  # noqa: S104
    **dict.fromkeys(("mac_addr", "default_gw_mac_addr", "backup_gw_mac_addr"), "00:00:00:00:00:00"),
}
LAN = """\
name "node001"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 {port}
    priv_limit admin
    allowed_auths_user none md2 md5 straight
    allowed_auths_operator none md2 md5 straight
    allowed_auths_admin none md2 md5 straight
    guid a123456789abcdefa123456789abcdef
    lan_config_program "{directory}/lan"
  endlan
  user 2 true "admin" "secret" admin 10 none md2 md5 straight
  user 3 true "oper" "operpw" operator 10 none md2 md5 straight
"""
EMULATION = """\
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
sel_enable 0x20 1000 0x0a
mc_enable 0x20
"""
# How ipmi_sim asks for the LAN parameters of its machine: "get ip_addr", "set ip_addr 10.148.0.1".
LAN_PROGRAM = """\
#!/bin/sh
cd "$(dirname "$0")/parameters" || exit 1
verb=$1
shift
while [ $# -gt 0 ]; do
    case $verb in
        get) echo "$1:$(cat "$1")" && shift ;;
        set) { [ -e ../deaf ] || echo "$2" > "$1"; } && shift 2 ;;
        *) exit 0 ;;
    esac
done
"""
# In place of /dev/ipmi0. Nobody in between may see the password either.
IPMITOOL = """\
#!/bin/sh
echo "$*" >> {directory}/calls
ps axeww > {directory}/processes
exec env IPMI_PASSWORD=secret {ipmitool} -I lanplus -C 3 -H 127.0.0.1 -p {port} -U admin -E -L ADMINISTRATOR "$@"
"""
LIBRARY = """\
luna_request() { printf '%s' "$*" > "$0.request"; cat "$(dirname "$0")/password"; }
"""


def ipmi_bytes(password: str) -> str:
    return " ".join(f"0x{byte:02x}" for byte in password.encode().ljust(16, b"\0"))


WRITES = re.compile(r"lan set|user (set|enable|disable)|setaccess|reset|payload enable")


@dataclass(frozen=True)
class Node:
    """A directory in the place of /run/luna, and the programs that a node would have."""

    directory: Path

    def set_up(self, script: str) -> "subprocess.CompletedProcess[str]":
        (self.directory / "calls").write_text("")
        (self.directory / "script").write_text(script.replace("/run/luna", str(self.directory)))
        environment = {
            "PATH": f"{self.directory}/bin:{os.environ['PATH']}",
            "LUNA_LIB": str(self.directory / "lib"),
            "LUNA_URL": "http://10.141.255.254:7050",
        }
        command = ["sh", "-eu", str(self.directory / "script")]
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment)

    @property
    def note(self) -> str:
        return (self.directory / "setupbmc.note").read_text().strip()

    @property
    def writes(self) -> Sequence[str]:
        return [line for line in (self.directory / "calls").read_text().splitlines() if WRITES.search(line)]

    def parameter(self, name: str) -> str:
        return (self.directory / "parameters" / name).read_text().strip()


@pytest.fixture
def node(tmp_path: Path) -> Node:
    """A node that has no ipmitool yet, and the password that the controller would give."""
    directory = tmp_path / "node"
    for name in ("bin", "parameters"):
        (directory / name).mkdir(parents=True)
    for name, value in UNSET.items():
        (directory / "parameters" / name).write_text(value)
    (directory / "lib").write_text(LIBRARY)
    (directory / "password").write_text(ipmi_bytes(PASSWORD))
    return Node(directory)


def program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def simulated(node: Node) -> Iterator[Node]:
    """The node with a running BMC, whose users are admin (2) and oper (3), and which takes its address by DHCP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        values = {"port": one.getsockname()[1], "directory": node.directory, "ipmitool": "/usr/bin/ipmitool"}
    program(node.directory / "lan", LAN_PROGRAM)
    program(node.directory / "bin/ipmitool", IPMITOOL.format(**values))
    (node.directory / "lan.conf").write_text(LAN.format(**values))
    (node.directory / "sim.emu").write_text(EMULATION)
    with (node.directory / "output").open("wb") as output:
        process = subprocess.Popen(
            ["ipmi_sim", "-c", "lan.conf", "-f", "sim.emu", "-s", "state", "-p", "-n"],
            cwd=node.directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        wait_for(node, process)
        yield node
    finally:
        process.kill()
        process.wait()


def wait_for(node: Node, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while subprocess.run([node.directory / "bin/ipmitool", "mc", "info"], capture_output=True).returncode:
        said = (node.directory / "output").read_text(errors="replace")
        assert process.poll() is None, said
        assert time.monotonic() < deadline, f"ipmi_sim does not answer: {said}"


@pytest.fixture
def script(tmp_path: Path) -> Callable[[BmcPlan | None], str]:
    """The script of the phase in the install script of a node with this plan; nothing without such a phase."""
    version = sample.version(tmp_path / "versions")
    offers = Offers(endpoints=[Endpoint(transport="http", url="http://x")], kernel_arguments=[], postscripts=[])

    def make(plan: BmcPlan | None) -> str:
        facts = BootFacts(
            node=sample.node(),
            image=version.image,
            version=version,
            manifest=load_version(version.directory),
            profile={**dict.fromkeys(PROFILE), "root": "tmpfs"},
            index=0,
            count=1,
            bmc=plan,
        )
        install = scripts.install_script("http://x", facts, offers, [])
        found = re.search(r"/setupbmc-1\.sh <<'(LUNA_\w+)'\n(.*?)^\1$", install, re.DOTALL | re.MULTILINE)
        assert ("luna_phase setupbmc" in install) == (found is not None)
        return found[2] if found else ""

    return make


Script = Callable[[BmcPlan | None], str]


def test_everything_is_written_once_and_then_nothing(simulated: Node, script: Script) -> None:
    text = script(replace(PLAN, **ADDRESSES))
    first = simulated.set_up(text)
    assert first.returncode == 0, first.stdout + first.stderr
    assert simulated.note == "8 settings written"
    assert {name: simulated.parameter(name) for name in ("ip_addr", "subnet_mask", "default_gw_ip_addr")} == {
        "ip_addr": "10.148.0.1",
        "subnet_mask": "255.255.0.0",
        "default_gw_ip_addr": "10.148.255.254",
    }
    assert simulated.parameter("ip_addr_src") == "static"
    assert "mc reset cold" in simulated.writes
    users = subprocess.run(
        [simulated.directory / "bin/ipmitool", "-c", "user", "list", "1"], capture_output=True, text=True
    )
    assert "4,luna,true,true,true,ADMINISTRATOR" in users.stdout.splitlines()
    assert (simulated.directory / "script.request").read_text() == "/boot/bmc"

    second = simulated.set_up(text)
    assert (second.returncode, simulated.note, simulated.writes) == (0, "0 settings written", [])


def test_the_new_user_can_log_in_and_nobody_saw_the_password(simulated: Node, script: Script) -> None:
    done = simulated.set_up(script(PLAN))
    assert done.returncode == 0, done.stdout
    port = re.search(r"-p (\d+)", (simulated.directory / "bin/ipmitool").read_text())
    assert port
    login = ["ipmitool", "-I", "lanplus", "-C", "3", "-H", "127.0.0.1", "-p", port[1], "-U", "luna", "-E", "mc", "info"]
    assert subprocess.run(login, env={**os.environ, "IPMI_PASSWORD": PASSWORD}, capture_output=True).returncode == 0
    shown = (simulated.directory / "processes").read_text() + (simulated.directory / "calls").read_text()
    for told in (shown, done.stdout, done.stderr, script(PLAN)):
        assert PASSWORD not in told
        assert ipmi_bytes(PASSWORD)[:20] not in told
    assert "mc reset" not in str(simulated.writes)  # addresses are not what changed


@pytest.mark.parametrize(
    ("unmanaged", "wanted"),
    [
        ("keep", "3,oper,true,false,true,OPERATOR"),
        ("disable", "3,oper,true,false,false,OPERATOR"),
        ("delete", "3,,true,false,false,OPERATOR"),
    ],
)
def test_other_users_are_treated_as_wanted(simulated: Node, script: Script, unmanaged: str, wanted: str) -> None:
    (simulated.directory / "password").write_text(ipmi_bytes("secret"))
    text = script(replace(LOGIN, unmanaged_users=unmanaged))
    done = simulated.set_up(text)
    assert done.returncode == 0, done.stdout + done.stderr
    listed = [simulated.directory / "bin/ipmitool", "-c", "user", "list", "1"]
    users = subprocess.run(listed, capture_output=True, text=True).stdout
    assert wanted in users.splitlines()
    assert simulated.set_up(text).returncode == 0
    assert simulated.writes == []


def test_a_bmc_that_does_not_keep_what_is_written_fails_the_phase(simulated: Node, script: Script) -> None:
    (simulated.directory / "deaf").touch()
    done = simulated.set_up(script(replace(PLAN, **ADDRESSES)))
    assert done.returncode == 1
    assert "the BMC does not keep it: source of the address is DHCP Address" in done.stdout


def test_a_password_that_the_controller_does_not_give_fails_the_phase(simulated: Node, script: Script) -> None:
    (simulated.directory / "password").unlink()
    assert simulated.set_up(script(PLAN)).returncode != 0
    assert simulated.writes == []


def test_without_a_bmc_or_ipmitool_the_phase_is_skipped_and_says_so(node: Node, script: Script) -> None:
    ipmitool = node.directory / "bin/ipmitool"
    program(ipmitool, '#!/bin/sh\nexec /usr/bin/ipmitool -I open -d 99 "$@"\n')
    done = node.set_up(script(PLAN))
    assert (done.returncode, node.note) == (0, "skipped: this machine has no BMC"), done.stdout
    text = script(PLAN).replace("command -v ipmitool", "command -v no-such-ipmitool")
    assert (node.set_up(text).returncode, node.note) == (0, "skipped: the image has no ipmitool")
    assert not (node.directory / "script.request").exists()


@pytest.mark.parametrize("unmanaged", ["keep", "disable", "delete"])
@pytest.mark.parametrize("addresses", [{}, ADDRESSES, {**ADDRESSES, "gateway": "", "vlan": 7}], ids=str)
def test_the_script_passes_shellcheck(script: Script, unmanaged: str, addresses: Any) -> None:
    text = script(replace(PLAN, unmanaged_users=unmanaged, **addresses))
    done = subprocess.run(["shellcheck", "-s", "sh", "-"], input=f"#!/bin/sh\n{text}", capture_output=True, text=True)
    assert done.stdout == ""


def test_a_node_without_a_plan_has_no_such_phase(script: Script) -> None:
    assert script(None) == ""
