"""The kernel's neighbour table, in network namespaces that end with their processes."""

import subprocess
import sys

ASK = "import sys; from luna_core.web.neighbours import neighbour_mac; print(neighbour_mac(sys.argv[1]))"
KNOWN = """
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
ip -6 neighbour add 2001:db8::3 lladdr 52:54:00:0a:0b:10 dev first nud failed
ip -6 neighbour add 2001:db8::4 lladdr 52:54:00:0a:0b:11 dev first nud noarp
ip -6 neighbour add fe80::2 lladdr 52:54:00:0a:0b:12 dev first
ip -6 neighbour add fe80::3 lladdr 52:54:00:0a:0b:13 dev first
ip -6 neighbour add fe80::3 lladdr 52:54:00:0a:0b:14 dev second
for address in "$@"; do
    "$PYTHON" -c "$ASK" "$address"
done
"""
REFUSED = """
import socket
try:
    socket.create_connection(("2001:db8:1::2", 9), timeout=60)
except ConnectionRefusedError:
    raise SystemExit(0)
"""
# The far end is in a namespace of its own, so that the kernel has to find it (RFC 4861). With `exit` at the end the
# shell stays the parent, by which the inner one finds its namespace.
FOUND = """
unshare --net sh -ec '
    ip link add name far address 52:54:00:0a:0b:20 type veth peer name near netns $PPID
    ip address add 2001:db8:1::2/64 dev far nodad
    ip link set far up
    nsenter --net=/proc/$PPID/ns/net sh -ec "$NEAR"'
exit
"""
NEAR = """
ip address add 2001:db8:1::1/64 dev near nodad
ip link set near up
until "$PYTHON" -c "$REFUSED" 2>/dev/null; do :; done
"$PYTHON" -c "$ASK" 2001:db8:1::2
"""


def in_namespace(script: str, *arguments: str) -> list[str]:
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHON": sys.executable}
    environment |= {"ASK": ASK, "NEAR": NEAR, "REFUSED": REFUSED}
    command = ["timeout", "300", "unshare", "--net", "sh", "-c", script, "sh", *arguments]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.split()


def test_a_neighbour_is_known_by_its_mac_on_whichever_interface() -> None:
    found = in_namespace(KNOWN, "10.9.0.2", "10.9.1.2", "2001:db8::2", "fe80::2")
    assert found == ["52:54:00:0a:0b:0c", "52:54:00:0a:0b:0d", "52:54:00:0a:0b:0e", "52:54:00:0a:0b:12"]


def test_a_neighbour_that_the_kernel_finds_by_ipv6_is_known_by_its_mac() -> None:
    assert in_namespace(FOUND) == ["52:54:00:0a:0b:20"]


def test_no_mac_is_told_of_who_does_not_answer_or_is_behind_a_router() -> None:
    assert in_namespace(KNOWN, "10.9.1.3", "10.9.0.9", "192.0.2.1", "127.0.0.1") == ["None"] * 4
    assert in_namespace(KNOWN, "2001:db8::3", "2001:db8::4", "2001:db8::9", "::1") == ["None"] * 4


def test_no_mac_is_told_of_an_address_that_two_interfaces_know_different_machines_by() -> None:
    assert in_namespace(KNOWN, "fe80::3") == ["None"]
