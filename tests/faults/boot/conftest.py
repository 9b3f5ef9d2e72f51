"""Real boot servers on loopback, and a node without a machine: the initramfs's own agent in namespaces of its own."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import entry_points
from pathlib import Path
from urllib.request import urlopen

import pytest

from luna_core.image.compare import differences
from luna_core.run import run
from luna_core.testing.command_line import Outcome, run_luna
from luna_core.testing.delivery import wait_until

HERE = Path(__file__).parent
SOURCES = HERE.parents[2]
MAC = "52:54:00:00:00:01"
ADDRESS = "127.0.0.1"
# The node's own, which the image does not have.
IDENTITY = ("etc/hostname", "etc/machine-id", "etc/hosts", "etc/network.fake")
ROOT = 'rm -rf "$NEWROOT"; [ ! -p {0} ] || read -r line < {0}; mkdir "$NEWROOT"; mount --bind "$NEWROOT" "$NEWROOT"'
_PYTHON = f'{sys.executable} {HERE}/luna_python.py "$@"'
_WRAPPERS = {
    # Paths in a script that is fetched become those of this node.
    "luna-python": f"export PYTHONPATH={SOURCES}\n[ $2 = luna_core.node.request ] || exec {_PYTHON}\n"
    f'status=0; {_PYTHON} > {{run}}/fetched || status=$?; sed "{{moves}}" {{run}}/fetched; exit $status',
    # Delays between attempts are cut short, but not the patience with a controller that is away at the end.
    "sleep": "exec /bin/sleep 0.3",
    "reboot": "echo reboot >> {console}; exec /bin/sleep infinity",
}


@dataclass
class Site:
    """A controller, and the node node001; `luna` is told a line."""

    directory: Path
    port: int
    files_port: int
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def luna(self, line: str, *more: str) -> Outcome:
        outcome = run_luna([*line.split(), *more])
        assert outcome.status == 0, outcome.err
        return outcome

    @property
    def tree(self) -> Path:
        return self.directory / "state/trees/compute"

    def start(self, name: str, *command: str | Path, **environment: str) -> "subprocess.Popen[bytes]":
        with (self.directory / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **environment},
                start_new_session=True,
            )
        return self.processes[name]

    def start_lweb(self) -> None:
        options = ("--address", ADDRESS, "--port", str(self.port))
        self.start("lweb", sys.executable, HERE / "lweb.py", MAC, self.directory / "clock", *options)
        wait_until(lambda: answers(ADDRESS, self.port), "the boot server")

    def kill(self, name: str) -> None:
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def kill_messenger(self) -> None:
        """What tells the node's reports dies by itself, as where memory runs out."""
        wait_until(self._messenger, "the messenger")
        os.kill(self._messenger()[0], signal.SIGKILL)

    def _messenger(self) -> list[int]:
        command = f"{sys.executable} {HERE}/luna_python.py -m luna_core.node.messenger http://{ADDRESS}:{self.port} "
        found = []
        for directory in Path("/proc").glob("[0-9]*"):
            with suppress(FileNotFoundError, ProcessLookupError):
                if (directory / "cmdline").read_bytes().replace(b"\0", b" ").startswith(command.encode()):
                    found.append(int(directory.name))
        return found

    def hold(self) -> Path:
        """Let nodes wait in their first phase until a line is written to the file that this returns."""
        go = self.directory / "go"
        go.unlink(missing_ok=True)
        os.mkfifo(go)
        self.luna("group change compute --prescript", f"read -r line < {go}")
        return go

    def boot(self) -> None:
        """What iPXE does."""
        self.ask()
        self.start_agent()

    def ask(self) -> None:
        """Ask who the machine is, and keep the kernel's arguments."""
        with urlopen(f"http://{ADDRESS}:{self.port}/boot/discovery?booted={MAC}&mac={MAC}", timeout=30) as answer:
            script = answer.read().decode()
        arguments = re.findall(r"luna\.\S+", script)
        assert arguments, script
        (self.directory / "arguments").write_text("\n".join(arguments) + "\n")

    def start_agent(self) -> None:
        environment = {
            "PATH": f"{self.directory}/bin:{os.environ['PATH']}",
            "ARGUMENTS": str(self.directory / "arguments"),
            "NEWROOT": str(self.directory / "root"),
        }
        apart = ("unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child")
        self.start("agent", *apart, "sh", self.directory / "lib/luna-agent.sh", **environment)

    def says(self, text: str, times: int = 1) -> None:
        """Wait until the node's console has said it so often."""
        try:
            wait_until(lambda: self.console().count(text) >= times, f"{text!r} on the console")
        except AssertionError as error:
            said = [path.read_text() for path in (self.directory / "agent.log", self.directory / "lweb.log")]
            raise AssertionError("\n".join([str(error), self.console(), *said])) from error

    def console(self) -> str:
        return (self.directory / "console").read_text()

    def is_whole(self, tree: Path) -> None:
        """The node must come to switch to its new root, which must be this tree and the node's own files."""
        assert self.processes["agent"].wait(300) == 0, self.console()
        found = [line for line in differences(tree, self.directory / "root") if not is_own(line)]
        assert found == []

    def events(self) -> list[tuple[str, str]]:
        """What the newest boot is known to have done."""
        shown = self.luna("boot show node001 -o json").json
        return [(one["phase"], one["status"]) for one in shown["events"]]


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site as each test begins with it, beside which a copy is kept: in the end it lies where it was made."""
    directory = tmp_path_factory.mktemp("faults") / "site"
    for name in ("state", "bin", "lib", "run"):
        (directory / name).mkdir(parents=True)
    (directory / "clock").write_text("0")
    (directory / "console").touch()
    prepare_node(directory)
    site = Site(directory, free_port(), free_port())
    with pytest.MonkeyPatch.context() as changes:
        set_environment(changes, site)
        for line in setup(site):
            site.luna(line)
        site.luna("group change compute --partscript", ROOT.replace("{0}", f"{directory}/second"))
        complete(site.tree)
        site.luna("osimage pack compute")
    subprocess.run(["cp", "--archive", directory, directory.with_name("kept")], check=True)
    return site


@pytest.fixture
def make_site(packed: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Site]]:
    """Call it with the URL of a store that is not SQLite's to get a site whose image is packed, without a lweb."""
    with ExitStack() as stack:

        def make(store: str = "") -> Site:
            site = replace(packed, processes={})
            shutil.rmtree(site.directory)
            subprocess.run(["cp", "--archive", site.directory.with_name("kept"), site.directory], check=True)
            set_environment(monkeypatch, site)
            if store:
                site.luna(f"store migrate --from {os.environ['LUNA_STORE']} --to {store}")
                monkeypatch.setenv("LUNA_STORE", store)
            stack.callback(lambda: [site.kill(name) for name in list(site.processes)])
            public = str(site.directory / "state/public")
            files = (sys.executable, "-m", "http.server", "--bind", ADDRESS, "--directory", public)
            site.start("files", *files, str(site.files_port))
            wait_until(lambda: answers(ADDRESS, site.files_port), "the file server")
            return site

        yield make


def set_environment(monkeypatch: pytest.MonkeyPatch, site: Site) -> None:
    """luna finds the site's directories, and of all plugins those for HTTP and MACs."""
    for name in ("LUNA_CONFIG", "LUNA_DEBUG", "LUNA_NO_PLUGINS", "LUNA_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    others = {point.name for point in entry_points(group="luna.plugins")} - {"http", "mac"}
    monkeypatch.setenv("LUNA_STORE", f"sqlite://{site.directory}/state/luna.db")
    monkeypatch.setenv("LUNA_STATE_DIRECTORY", str(site.directory / "state"))
    monkeypatch.setenv("LUNA_PLUGIN_DIRECTORY", str(site.directory / "plugins"))
    monkeypatch.setenv("LUNA_DISABLE_PLUGINS", ",".join(others))


def prepare_node(directory: Path) -> None:
    """The agent as it is in the initramfs, with a directory of its own for every path, and programs that know them."""
    moves = {
        "/run/luna": f"{directory}/run",
        # A file would begin anew.
        "> /dev/console": f">> {directory}/console",
        "/usr/lib/luna": f"{directory}/lib",
        "/lib/dracut-lib.sh": f"{HERE}/dracut-lib.sh",
        "/dev/pts": f"{directory}/terminals",
        "/sysroot": f"{directory}/root",
    }
    for name in ("agent", "lib", "network"):
        text = (SOURCES / f"dracut/95luna/luna-{name}.sh").read_text()
        for old, new in moves.items():
            text = text.replace(old, new)
        (directory / f"lib/luna-{name}.sh").write_text(text)
    with (directory / "lib/luna-network.sh").open("a") as network:
        network.write("luna_network() { LUNA_INTERFACE=lo; }\n")
    # Nobody logs in.
    (directory / "lib/luna-rescue.sh").touch()
    given = {"run": f"{directory}/run", "console": f"{directory}/console"}
    given["moves"] = "; ".join(f"s,{old},{new},g" for old, new in moves.items())
    for name, text in _WRAPPERS.items():
        wrapper = directory / "bin" / name
        wrapper.write_text("#!/bin/sh\n" + re.sub(r"\{(run|console|moves)\}", lambda one: given[one[1]], text) + "\n")
        wrapper.chmod(0o755)


def setup(site: Site) -> Sequence[str]:
    return (
        f"cluster init --frontend-address {ADDRESS}",
        f"settings set http.port {site.port}",
        f"settings set http.files_port {site.files_port}",
        "network add cluster --network 127.0.0.0/8",
        "osimage build compute --distro fake",
        "group add compute --osimage compute --boot-address dhcp",
        "group interface add compute BOOTIF --network cluster",
        f"node add node001 --group compute --mac {MAC}",
    )


def complete(tree: Path) -> None:
    """Add what the install script uses in a new root, and something to fetch."""
    tools = [f"/bin/{name}" for name in ("cat", "chmod", "mkdir", "rm")]
    for path in {*tools, *re.findall(r"(/\S+) \(0x", run(["ldd", *tools]))}:
        (tree / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, tree / path[1:])
    (tree / "sbin").mkdir(exist_ok=True)
    (tree / "sbin/init").symlink_to("/bin/sh")


def is_own(line: str) -> bool:
    name = line.partition(":")[0].strip("'")
    return name in IDENTITY or (name in ("etc", ".") and ": time:" in line)


def answers(address: str, port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex((address, port)) == 0


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
