"""The controller of a storm: a cluster of many nodes with an image of random bytes, and `luna serve` for it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from luna_core.errors import LunaError
from luna_core.operations import connect
from luna_core.operations.images.facts import image_facts
from luna_core.testing.cluster import add_members, make_cluster
from luna_core.testing.image import Sizes, offer_random_image
from luna_core.types import InitrdFile
from luna_lab.lab import CONTROLLER
from luna_lab.namespace import Namespace
from luna_lab.storm_network import mac_of

READY_WITHIN_S = 120.0
IMAGE = "compute"
_LEASES = "10.141.128.1-10.141.140.255"
# Of the boot server and the file server.
_PORTS = (7050, 7051)
_LOOK_EVERY_S = 0.2
_COMMAND = Path(sys.executable).with_name("luna")


def prepare(state: Path, nodes: int, racks: int, sizes: Sizes, transport: str, settings: Mapping[str, str]) -> Path:
    """Make the cluster in the directory `state`; returns where the client's modules are, as a node has them.

    Node N is in rack N % `racks`.
    """
    state.mkdir(mode=0o755)
    os.environ.update(environment_of(state, transport))
    modules = state.parent / "initramfs"
    given = {"dhcp.server": "dnsmasq", "dns.server": "none", "tftp.directory": str(state / "tftp"), **settings}
    with connect(who="luna lab storm") as luna:
        make_cluster(luna, CONTROLLER, given, leases=_LEASES)
        offer_random_image(luna, IMAGE, state, sizes)
        names = [f"rack{(first + 1) % racks}" for first in range(racks)]
        add_members(luna, IMAGE, {f"node{one:04}": mac_of(one) for one in range(1, nodes + 1)}, racks=names)
        for answer in luna.hooks.luna_initrd_files(image_facts(luna, IMAGE)):
            if isinstance(answer.value, InitrdFile):
                place = modules / answer.value.destination.lstrip("/")
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(answer.value.source)
    return modules / "usr/lib/luna/python"


def environment_of(state: Path, transport: str) -> dict[str, str]:
    """What makes a luna command work on this controller."""
    disabled = "torrent" if transport == "http" else ""
    return {"LUNA_STATE_DIRECTORY": str(state), "LUNA_STORE": "", "LUNA_DISABLE_PLUGINS": disabled}


@contextmanager
def serving(namespace: Namespace, directory: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """`luna serve` in the lab's network; begins when all its parts were started."""
    notify = directory / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready, (directory / "serve.log").open("wb") as log:
        ready.bind(str(notify))
        ready.settimeout(READY_WITHIN_S)
        words = [f"{name}={value}" for name, value in {**environment, "NOTIFY_SOCKET": str(notify)}.items()]
        # A controller doesn't share its processors with its nodes: here hundreds of threads would get as much as lweb.
        process = namespace.spawn("nice", "-n", "-15", "env", *words, _COMMAND, "serve", stdout=log.fileno())
        try:
            try:
                ready.recv(64)
            except TimeoutError:
                said = (directory / "serve.log").read_text()[-2000:]
                raise LunaError(f"luna serve was not ready after {READY_WITHIN_S:g} s. It said:\n{said}") from None
            _wait_for_ports(namespace)
            yield
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for_ports(namespace: Namespace) -> None:
    """Started is not yet listening, and a machine that is refused waits for seconds."""
    until_s = time.monotonic() + READY_WITHIN_S
    for port in _PORTS:
        while True:
            with namespace.inside(), suppress(OSError), socket.create_connection((str(CONTROLLER.ip), port), 1):
                break
            if time.monotonic() > until_s:
                raise LunaError(f"Nothing listens on port {port} of the controller after {READY_WITHIN_S:g} s.")
            time.sleep(_LOOK_EVERY_S)
