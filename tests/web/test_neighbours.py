"""The kernel's neighbour table, in a network namespace that ends with its process."""

import subprocess
import sys

ASK = "import sys; from luna_core.web.neighbours import neighbour_mac; print(neighbour_mac(sys.argv[1]))"
SETUP = """
set -e
ip link add name first type veth peer name second
ip link set first up
ip link set second up
ip address add 10.9.0.1/24 dev first
ip address add 10.9.1.1/24 dev second
ip neighbour add 10.9.0.2 lladdr 52:54:00:0A:0b:0c dev first
ip neighbour add 10.9.1.2 lladdr 52:54:00:0a:0b:0d dev second
ip neighbour add 10.9.1.3 lladdr 52:54:00:0a:0b:0f dev second nud failed
ip -6 neighbour add 2001:db8::2 lladdr 52:54:00:0a:0b:0e dev second
for address in "$@"; do
    "$PYTHON" -c "$ASK" "$address"
done
"""


def macs_of(*addresses: str) -> list[str]:
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHON": sys.executable, "ASK": ASK}
    command = ["unshare", "--net", "sh", "-c", SETUP, "sh", *addresses]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.split()


def test_a_neighbour_is_known_by_its_mac_on_whichever_interface() -> None:
    found = macs_of("10.9.0.2", "10.9.1.2", "2001:db8::2")
    assert found == ["52:54:00:0a:0b:0c", "52:54:00:0a:0b:0d", "52:54:00:0a:0b:0e"]


def test_no_mac_is_told_of_who_does_not_answer_or_is_behind_a_router() -> None:
    assert macs_of("10.9.1.3", "10.9.0.9", "192.0.2.1", "127.0.0.1") == ["None"] * 4
