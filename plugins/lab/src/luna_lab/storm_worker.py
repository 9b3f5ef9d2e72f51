"""A process that is some of the nodes of a storm: `python -m luna_lab.storm_worker`, each a thread with a network.

The networks have no name: they end with this process, however that ends. Lines of JSON go in (the plan, then `go`) and
out (what each node has, and when, by the monotonic clock).
"""

import json
import os
import sys
import time
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

from luna_core.run import allow_most_files, run
from luna_lab.storm_dhcp import INTERFACE
from luna_lab.storm_network import mac_of, own_network, port_of, without_ipv6
from luna_lab.storm_node import Plan, StormNode

_TURN_S = 0.05


class Worker:
    """Its nodes, from their networks on."""

    def __init__(self, plan: dict[str, Any], output: int) -> None:
        self._plan = plan
        self._output = output
        self._lock = Lock()
        self._go = Event()
        self._made: list[Event] = []

    def run(self) -> None:
        """Make the networks, wait for `go`, boot, and return when standard input ends."""
        threads = []
        for number in self._plan["numbers"]:
            made = Event()
            thread = Thread(target=self._node, args=(number, made), daemon=True)
            thread.start()
            made.wait()
            threads.append(thread)
        self._tell(networks=len(threads))
        for line in sys.stdin:
            if line.strip() == "go":
                self._go.set()

    def _node(self, number: int, made: Event) -> None:
        def tell(**facts: object) -> None:
            self._tell(node=number, at_s=time.monotonic(), **facts)

        try:
            mac = mac_of(number)
            self._make_network(number, mac)
            made.set()
            self._go.wait()
            directory = Path(self._plan["directory"]) / str(number)
            directory.mkdir(parents=True)
            StormNode(Plan(number=number, mac=mac, directory=directory), tell).run()
        except Exception as error:  # whatever ends a node is told, and the others go on
            tell(failed=repr(error))
        finally:
            made.set()

    def _make_network(self, number: int, mac: str) -> None:
        own_network()
        without_ipv6()
        port, switch = port_of(number), self._plan["namespace"]
        links = f"link set lo up\nlink add {INTERFACE} address {mac} type veth peer name {port} netns {switch}\n"
        run(["ip", "-batch", "-"], stdin=f"{links}link set {INTERFACE} up\n")
        if shape := self._plan["shape"]:
            run(["tc", "qdisc", "add", "dev", INTERFACE, "root", *shape])

    def _tell(self, **facts: object) -> None:
        with self._lock:
            os.write(self._output, json.dumps(facts).encode() + b"\n")


def main() -> None:
    """Run until standard input ends."""
    allow_most_files()
    os.environ["LUNA_PEER"] = "thread"
    # Each of hundreds of threads that waits for the interpreter asks for it once in this time.
    sys.setswitchinterval(_TURN_S)
    # What the client says goes to the log, and nothing but events to whoever started this.
    output = os.dup(1)
    os.dup2(2, 1)
    Worker(json.loads(sys.stdin.readline()), output).run()
    # Without the farewells of hundreds of sessions.
    os._exit(0)


if __name__ == "__main__":
    main()
