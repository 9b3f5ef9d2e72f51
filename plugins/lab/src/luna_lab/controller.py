"""A real controller in a lab: luna itself, with a store, an image and `luna serve` in the lab's own network.

Everything goes through the `luna` command, as an administrator would do it.
"""

import fcntl
import hashlib
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from luna_core.errors import LunaError
from luna_core.run import run
from luna_lab import arm64, ssh
from luna_lab.lab import CONTROLLER, CONTROLLER_IPV6, Lab
from luna_lab.rack import Rack
from luna_lab.tree import CACHE, IN_BAND_PACKAGES, PACKAGES, debian_tree

IMAGE = "compute"
GROUP = "compute"
KERNEL_ARGUMENTS = "console=ttyS0 mitigations=off init_on_alloc=0"
READY_WITHIN_S = 120.0
_KEPT_PREPARED = 4
_COMMAND = Path(sys.executable).with_name("luna")


class Controller:
    """Luna in a lab. Made with a prepared state directory of its own; `serve` starts it.

    With a rack it knows the nodes by their switch ports and powers them by their BMCs; without, it knows their MACs.
    `extra_packages` are in its image beside the usual ones.
    """

    def __init__(
        self,
        lab: Lab,
        rack: Rack | None = None,
        *,
        disabled_plugins: Sequence[str] = (),
        dracut_modules: str = "",
        extra_packages: Sequence[str] = (),
    ) -> None:
        self.lab = lab
        self.rack = rack
        self.state = lab.directory / "controller"
        self._disabled = ",".join(disabled_plugins)
        packages = IN_BAND_PACKAGES if lab.in_band else PACKAGES
        tree = arm64.arm64_tree() if lab.arm64 else debian_tree(packages=packages, extra=extra_packages)
        prepared = prepare(tree, dracut_modules)
        # Hard links: image versions are never changed, and copies of them would fill the machine.
        run(["cp", "--archive", "--link", prepared / "state", self.state])
        # Nor what is written in its place: whoever holds a lock would hold it in every lab.
        for name in ("luna.db", "luna.key", "images/.lock", "locks/*"):
            for path in sorted(self.state.glob(name)):
                _unshare(path)
        self.luna("settings", "set", "tftp.directory", str(self.state / "tftp"))
        if lab.ipv6_only:
            self._drop_ipv4()
        if lab.arm64:
            self.luna("group", "change", GROUP, "--kernel-arguments", arm64.kernel_arguments(KERNEL_ARGUMENTS))
            (self.state / "tftp").mkdir(exist_ok=True)
            shutil.copy(arm64.ipxe(), self.state / "tftp")
        self._add_nodes()

    def luna(self, *words: str, stdin: str | None = None) -> str:
        """Run a luna command on this controller, and return what it prints. Raises CommandFailed."""
        return run(self.lab.namespace.command(_COMMAND, *words), environment=self.environment, stdin=stdin)

    @property
    def environment(self) -> Mapping[str, str]:
        """What makes a luna command work on this controller."""
        return {"LUNA_STATE_DIRECTORY": str(self.state), "LUNA_STORE": "", "LUNA_DISABLE_PLUGINS": self._disabled}

    def serve(self) -> None:
        """Start `luna serve`, which ends with the lab; returns when it says that all parts were started."""
        path = self.lab.directory / "notify"
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(str(path))
            ready.settimeout(READY_WITHIN_S)
            environment = {**self.environment, "NOTIFY_SOCKET": str(path)}
            words = ["env", *(f"{name}={value}" for name, value in environment.items()), str(_COMMAND), "serve"]
            self._server = self.lab.spawn("serve", *words)
            try:
                ready.recv(64)
            except TimeoutError:
                log = (self.lab.directory / "serve.log").read_text()[-2000:]
                raise LunaError(f"luna serve was not ready after {READY_WITHIN_S:g} s. It said:\n{log}") from None

    def stop(self) -> None:
        """End `luna serve` and all its parts, as a controller that is shut down; `serve` may start it again."""
        self._server.terminate()
        self._server.wait()

    def _drop_ipv4(self) -> None:
        """Make the boot network anew; what is packed for both families is good for one."""
        self.luna("cluster", "change", "--frontend-address", str(CONTROLLER_IPV6.ip))
        self.luna("group", "interface", "remove", GROUP, "BOOTIF")
        self.luna("network", "delete", "cluster")
        # UEFI asks for two addresses at once, and iPXE for one more, of which one can be the node's own.
        pool = "fd00:6c75:6e61::1:0-fd00:6c75:6e61::1:ffff"
        self.luna("network", "add", "cluster", "--network", str(CONTROLLER_IPV6.network), "--dhcp", pool)
        self.luna("group", "interface", "add", GROUP, "BOOTIF", "--network", "cluster")

    def _add_nodes(self) -> None:
        if self.rack:
            for words, stdin in self.rack.registration(GROUP):
                self.luna(*words, stdin=stdin)
            return
        plans = [machine.plan for machine in self.lab.machines]
        for plan in plans:
            self.luna("node", "add", plan.name, "--group", GROUP, "--mac", plan.mac)


def prepare(tree: Path, dracut_modules: str = "", cache: Path = CACHE) -> Path:
    """A directory with a `state` that holds a cluster and the tree as a packed image, and its nodes' key.

    It is made once for each state of luna's own code, for that is in the initramfs; older ones are removed.
    """
    cache.mkdir(parents=True, exist_ok=True)
    name = f"prepared-{_fingerprint(tree, dracut_modules)}"
    prepared = cache / name
    with _locked(cache / "prepared.lock"):
        if not prepared.exists():
            partial = Path(tempfile.mkdtemp(dir=cache, prefix=".preparing-"))
            try:
                _set_up(partial / "state", tree, cache, dracut_modules)
                partial.rename(prepared)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
            _forget_old(cache)
    os.utime(prepared)
    return prepared


def _set_up(state: Path, tree: Path, cache: Path, dracut_modules: str) -> None:
    state.mkdir(mode=0o755)
    steps = [
        ["cluster", "init", "--frontend-address", f"{CONTROLLER.ip}", "--frontend-address", f"{CONTROLLER_IPV6.ip}"],
        ["settings", "set", "dhcp.server", "dnsmasq"],
        ["settings", "set", "dns.server", "none"],
        ["settings", "set", "image.initramfs_level", "3"],
        ["settings", "set", "image.authorized_keys", str(ssh.key(cache).with_suffix(".pub"))],
        [
            *("network", "add", "cluster", "--network", str(CONTROLLER.network)),
            *("--network", str(CONTROLLER_IPV6.network), "--dhcp", "10.141.128.1-10.141.140.255"),
        ],
        ["osimage", "add", IMAGE, "--path", str(tree), "--distro", "debian"],
        *([["osimage", "change", IMAGE, "--dracut-modules", dracut_modules]] if dracut_modules else []),
        ["osimage", "pack", IMAGE],
        ["group", "add", GROUP, "--osimage", IMAGE, "--kernel-arguments", KERNEL_ARGUMENTS],
        ["group", "interface", "add", GROUP, "BOOTIF", "--network", "cluster"],
    ]
    for step in steps:
        run([_COMMAND, *step], environment={"LUNA_STATE_DIRECTORY": str(state), "LUNA_STORE": ""})


def _fingerprint(tree: Path, dracut_modules: str) -> str:
    """Changes with the tree, and with luna's and its plugins' code that packs it or goes into its initramfs."""
    digest = hashlib.sha256(f"{tree} {tree.stat().st_mtime_ns} {dracut_modules}".encode())
    core = Path(str(find_spec("luna_core.run").origin)).parent  # type: ignore[union-attr]  # it was imported above
    places = [core / name for name in ("boot", "image", "model", "node", "operations")]
    places += [*core.parent.glob("plugins/*/src"), core.parent / "dracut"]
    for path in sorted(path for place in places for path in place.rglob("*") if path.is_file()):
        if "__pycache__" not in path.parts and ".egg-info" not in str(path):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _forget_old(cache: Path) -> None:
    found = sorted(cache.glob("prepared-*[0-9a-f]"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in found[_KEPT_PREPARED:]:
        shutil.rmtree(old, ignore_errors=True)


def _unshare(path: Path) -> None:
    """Replace a hard link by a copy, so that what is written stays in this lab."""
    copy = path.with_name(f".{path.name}")
    shutil.copy2(path, copy)
    copy.replace(path)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
