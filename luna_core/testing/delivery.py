"""Transports at work: a controller that runs what the plugins name, and nodes that fetch an image from it.

Everything is real but the machines, which are network namespaces: see `luna_core.testing.switch`.
"""

import compileall
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from ipaddress import IPv4Address, ip_interface
from pathlib import Path
from types import TracebackType
from typing import Any

import luna_core
from luna_core.errors import CommandFailed
from luna_core.hooks import Hooks
from luna_core.image.compare import differences
from luna_core.image.pack import Source, pack
from luna_core.model.boot import TRACKER
from luna_core.node.job import derived_key
from luna_core.run import run
from luna_core.settings import CORE_SETTINGS, resolve
from luna_core.testing import facts
from luna_core.testing.switch import CONTROLLER, Switch
from luna_core.types import Endpoint, ImageVersion, InitrdFile, Node, SettingValue

BOOT_PORT = 7050
FILES_PORT = 7051
_WAIT_S = 180.0
_CLIENT_S = 300.0


class Delivery:
    """A controller and its nodes, all below `directory`, which must be readable by anyone: servers drop their rights.

    LUNA_STATE_DIRECTORY must name `directory`, for that is where plugins look.
    """

    def __init__(
        self, directory: Path, hooks: Hooks, switch: Switch, settings: Mapping[str, SettingValue] | None = None
    ) -> None:
        self.directory = directory
        self.hooks = hooks
        self.switch = switch
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        resolved = resolve([*CORE_SETTINGS, *(answer.value for answer in hooks.luna_settings())], settings or {})
        controller = switch.address(CONTROLLER)
        self.cluster = replace(facts.cluster(resolved), frontend_addresses=(controller,))
        self._image = replace(facts.image(directory / "tree", settings=resolved), cluster=self.cluster)
        self._tokens = {one: secrets.token_hex(16) for one in switch.machines if one}

    def __enter__(self) -> "Delivery":
        try:
            for answer in self.hooks.luna_services(self.cluster):
                self.start(answer.value.name, answer.value.command)
            self._start_boot_server()
            self._place_node_files()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for node in self._tokens:
            self.stop_seeding(node)
        for name in list(self.processes):
            self.kill(name)

    def pack(self, tree: Path, *, squashfs: bool = False, **options: Any) -> ImageVersion:
        """Pack a tree and publish it; options are those of `luna_core.image.pack.pack`."""
        boot_file = self.directory / "boot-file"
        boot_file.write_text("a kernel or an initramfs")
        source = Source(
            image="compute",
            tree=tree,
            distro="fake",
            kernel_release="6.1",
            kernel=boot_file,
            initramfs=boot_file,
            squashfs=squashfs,
        )
        packed = pack(source, self.directory / "images", level=1, **options)
        version = ImageVersion(
            image=self._image,
            number=1,
            manifest_sha256=packed.manifest_sha256,
            directory=packed.directory,
            size_bytes=packed.manifest.size_bytes,
        )
        self.hooks.luna_transport_publish(version)
        return version

    def node(self, machine: int) -> Node:
        """The facts of a node."""
        boot = facts.node().interfaces[0]
        address = ip_interface(f"{self.switch.address(machine)}/16")
        boot = replace(boot, addresses=(replace(boot.addresses[0], address=address),))
        node = replace(facts.node(), name=f"node{machine:03}", cluster=self.cluster, interfaces=(boot,))
        rack = self.switch.rack(machine)
        return replace(node, switch=f"sw{rack:02}", rack=f"r{rack:02}") if rack else node

    def endpoints(self, machine: int, version: ImageVersion) -> list[Endpoint]:
        """What luna would tell a node."""
        answers = self.hooks.luna_transport_endpoints(version, self.node(machine))
        return sorted((answer.value for answer in answers), key=lambda endpoint: endpoint.rank)

    def announce_url(self, machine: int) -> str:
        """Where the tracker listens to this node."""
        key = derived_key(self._tokens[machine], TRACKER)
        return f"http://{self.switch.address(CONTROLLER)}:{BOOT_PORT}/announce/{key}/announce"

    def fetch(
        self,
        machine: int,
        version: ImageVersion,
        endpoints: Iterable[Endpoint] | None = None,
        *,
        overlay: bool = False,
    ) -> subprocess.Popen[bytes]:
        """Start the client on a node, as the install script does; its output goes to `console`.

        With `overlay` it makes its root in `layers`; what it mounts is seen by itself alone, and ends with it.
        """
        home = self.home(machine)
        for name in ("root", "layers"):
            (home / name).mkdir(parents=True, exist_ok=True)
        (home / "token").write_text(self._tokens[machine])
        job = {
            "node": self.node(machine).name,
            "report_url": f"http://{self.switch.address(CONTROLLER)}:{BOOT_PORT}/boot/status",
            "token_file": str(home / "token"),
            "manifest_sha256": version.manifest_sha256,
            "root": str(home / "root"),
            "work_directory": str(home / "work"),
            "endpoints": [asdict(one) for one in (endpoints or self.endpoints(machine, version))],
            "layers": str(home / "layers") if overlay else None,
            "index": machine - 1,
            "count": len(self._tokens),
            "report_command": ["sh", "-c", f'echo "$0 $1 $(date +%s.%N)" >> {home}/phases'],
        }
        (home / "job").write_text(json.dumps(job))
        # What a node has, and not what is installed here: its imports take as long as there.
        python = f"{self.directory}/initramfs/usr/lib/luna/python:{Path(luna_core.__file__).parent.parent}"
        command = [sys.executable, "-S", "-m", "luna_core.node", "fetch", str(home / "job")]
        with (home / "console").open("ab") as console:
            return self._start(machine, command, console, {"PYTHONPATH": python})

    def home(self, machine: int) -> Path:
        """Where a node has its `root`, its `work` directory and its `console`."""
        return self.directory / f"nodes/{machine}"

    def console(self, machine: int) -> str:
        """What the client on a node has said."""
        return (self.home(machine) / "console").read_text()

    def phase_s(self, machine: int, phase: str, status: str = "done") -> float:
        """When a phase of the client on a node began (`started`) or ended, in seconds since 1970; 0 if it did not."""
        path = self.home(machine) / "phases"
        lines = path.read_text().splitlines() if path.exists() else []
        return max((float(line.split()[2]) for line in lines if line.split()[:2] == [phase, status]), default=0.0)

    def reports(self, machine: int) -> list[dict[str, Any]]:
        """What a node has reported, oldest first."""
        reports = [json.loads(line) for line in (self.directory / "reports").read_text().splitlines()]
        return [one for one in reports if one["node"] == self.node(machine).name]

    def wait_until_under_way(self, machine: int, percent: float = 5) -> None:
        """Wait until a node has reported that it has more than so much of the image."""
        wait_until(lambda: any(one["percent"] > percent for one in self.reports(machine)), f"node {machine}'s download")

    def are_whole(self, clients: Mapping[int, "subprocess.Popen[bytes]"], tree: Path) -> None:
        """Wait for the clients of these nodes, each of which must then have the tree and nothing else."""
        for machine, client in clients.items():
            assert client.wait(_CLIENT_S) == 0, self.console(machine)
            assert not differences(tree, self.home(machine) / "root")

    def stop_seeding(self, machine: int) -> None:
        """What the install script does at last: SIGTERM to what the client left behind, if it did."""
        try:
            pid = int((self.home(machine) / "work/seeder.pid").read_text())
            os.kill(pid, signal.SIGTERM)
        except (FileNotFoundError, ProcessLookupError):
            return
        wait_until(lambda: not _is_alive(pid), f"the seeder of node {machine} to end")

    def start(self, name: str, command: Sequence[str], machine: int = CONTROLLER) -> None:
        """Start a process on the controller or a node, with its output in a file called `name`."""
        with (self.directory / f"{name}.log").open("ab") as log:
            self.processes[name] = self._start(machine, command, log, {})

    def kill(self, name: str) -> None:
        """Kill a process that was started by name, with its children, as a crash would."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def freeze(self) -> None:
        """Stop everything that was started by name, as on a controller that hangs: connections stay, nobody answers."""
        for process in self.processes.values():
            os.killpg(process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let what `freeze` stopped go on."""
        for process in self.processes.values():
            os.killpg(process.pid, signal.SIGCONT)

    def elsewhere(self, version: ImageVersion, address: IPv4Address) -> Endpoint:
        """The version at the file server of another controller, as luna names it after those of the first."""
        url = f"http://{address}:{FILES_PORT}/images/{version.manifest_sha256}/"
        return Endpoint(transport="http", url=url, rank=90)

    def wait_for_port(self, port: int, machine: int = CONTROLLER) -> None:
        """Wait until something on the controller or a node accepts connections."""
        address = self.switch.address(machine)
        probe = [*self.switch.inside(machine), "bash", "-c", f"</dev/tcp/{address}/{port}"]
        wait_until(lambda: _succeeds(probe), f"port {port} of machine {machine}")

    def _start(
        self, machine: int, command: Sequence[str], output: Any, environment: dict[str, str]
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - a test's own commands
            [*self.switch.inside(machine), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **environment},
            start_new_session=True,
        )

    def _start_boot_server(self) -> None:
        (self.directory / "reports").touch()
        apps = {answer.value.prefix: answer.value.load for answer in self.hooks.luna_web_apps()}
        nodes = [
            {"token": token, **{field: getattr(self.node(one), field) for field in ("name", "switch", "rack")}}
            for one, token in self._tokens.items()
        ]
        configuration = {
            "port": BOOT_PORT,
            "controller": str(self.switch.address(CONTROLLER)),
            "settings": self.cluster.settings,
            "reports": str(self.directory / "reports"),
            "apps": apps,
            "nodes": nodes,
        }
        path = self.directory / "boot-server"
        path.write_text(json.dumps(configuration))
        self.start("boot-server", [sys.executable, "-m", "luna_core.testing.boot_server", str(path)])
        self.wait_for_port(BOOT_PORT)

    def _place_node_files(self) -> None:
        for answer in self.hooks.luna_initrd_files(self._image):
            if isinstance(answer.value, InitrdFile):
                place = self.directory / "initramfs" / answer.value.destination.lstrip("/")
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(answer.value.source)
        compileall.compile_dir(self.directory / "initramfs", quiet=1)


def wait_until(condition: Any, what: str) -> None:
    """Look ten times a second until something is so. Raises AssertionError after three minutes."""
    deadline_s = time.monotonic() + _WAIT_S
    while not condition():
        assert time.monotonic() < deadline_s, f"{what} did not come about within {_WAIT_S:g} s"
        time.sleep(0.1)


def _succeeds(command: Sequence[str]) -> bool:
    try:
        run(command)
    except CommandFailed:
        return False
    return True


def _is_alive(pid: int) -> bool:
    try:
        # Its parent may be slow to take note of its end.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
