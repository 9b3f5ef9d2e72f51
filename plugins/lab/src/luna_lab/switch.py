"""The lab's bridge as a managed switch: snmpd answers from the bridge's own table; more machines are behind an uplink.

Port N is the tap of machine N.
"""

import sys
from collections.abc import Mapping
from ipaddress import IPv4Address
from pathlib import Path

import luna_core.testing
from luna_lab.bmc import write_private
from luna_lab.namespace import BRIDGE

PORT = 161
UPLINK = "uplink"
_BEYOND = "beyond"
# For ip(8) in batch mode.
UPLINK_LINKS = (
    f"link add {UPLINK} type veth peer name {_BEYOND}",
    f"link set {UPLINK} master {BRIDGE} up",
    # Without an address, for routers' advertisements would give the controller another way to its own network.
    f"link set {_BEYOND} addrgenmode none",
    f"link set {_BEYOND} up",
)
_SCRIPTS = Path(__file__).parent / "scripts"
_PYTHON = (sys.executable, "-I", "-S")
_AGENT = """\
agentAddress udp:{address}:{port}
rocommunity {community}
pass_persist .1.3.6.1.2.1.17 {python} {script} {bridge}
"""


def commands(directory: Path, address: IPv4Address, community: str) -> Mapping[str, list[str | Path]]:
    """Write the agent's configuration into `directory`, and return the commands that run the switch, by name."""
    configuration, kept = directory / "switch.conf", directory / "switch"
    kept.mkdir(mode=0o700)
    python, script = " ".join(_PYTHON), Path(luna_core.testing.__file__).with_name("bridge_mib.py")
    text = _AGENT.format(address=address, port=PORT, community=community, python=python, script=script, bridge=BRIDGE)
    write_private(configuration, text)
    environment = ("env", f"SNMP_PERSISTENT_DIR={kept}", "MIBS=")
    return {
        "switch": [*environment, "snmpd", "-f", "-LE", "e", "-C", "-c", configuration],
        "beyond": [*_PYTHON, _SCRIPTS / "machines_beyond.py", _BEYOND],
    }
