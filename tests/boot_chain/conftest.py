"""A controller that knows just enough to boot a node, and the files that it serves."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from luna_core.boot.initramfs import build_initramfs
from luna_core.run import run
from luna_core.testing import facts
from luna_core.testing.fakes.distro import FakeDistro
from luna_core.types import DracutModule, Image, InitrdFile, Kernel
from luna_lab.lab import CONTROLLER, Lab
from luna_lab.machine import Machine
from luna_lab.tree import debian_tree

TOKEN = "0badc0de5eed"
URL = f"http://{CONTROLLER.ip}:7050"

# What luna renders for a node, in short.
INSTALL = """
set -eu
. "$LUNA_LIB"
mount_root() { mount -t tmpfs -o size=90%,mode=0755 tmpfs "$NEWROOT"; }
unpack() { busybox wget -q -O - "$LUNA_URL/root.tar" | tar -x --numeric-owner -C "$NEWROOT" -f -; }
configure() {
    mkdir -p "$NEWROOT/root/.ssh"
    cp /root/.ssh/authorized_keys "$NEWROOT/root/.ssh/"
    echo "$LUNA_NODE" > "$NEWROOT/etc/hostname"
}
luna_phase partscript mount_root
luna_phase unpack unpack
luna_phase setnet configure
sleep 100000 &
luna_phase finish true
"""


class DracutDistro(FakeDistro):
    """Debian's dracut, with shell or systemd as the initramfs's init."""

    def __init__(self, modules: str) -> None:
        self._modules = modules

    def initramfs_command(self, image: Image, kernel: Kernel, output: str) -> Sequence[str]:
        options = ["--force", "--no-hostonly", "--no-hostonly-cmdline", "--no-early-microcode"]
        return ["dracut", *options, "--compress", "zstd -3 -T0", "-m", self._modules, "--kver", kernel.release, output]


@dataclass(frozen=True, kw_only=True)
class BootFiles:
    """A tree, its kernel, its content as a tarball, and a way to make an initramfs for it."""

    tree: Path
    kernel: Kernel
    image: Image
    tarball: Path
    runtime_cache: Path

    def initramfs(self, output: Path, modules: str, answers: Iterable[InitrdFile | DracutModule] = ()) -> Path:
        distro = DracutDistro(modules)
        build_initramfs(self.tree, distro, self.image, self.kernel, output, answers, runtime_cache=self.runtime_cache)
        return output


@pytest.fixture(scope="session")
def boot_files(tmp_path_factory: pytest.TempPathFactory) -> BootFiles:
    # LUNA_LAB_SUITE=trixie boots another release.
    tree = debian_tree(os.environ.get("LUNA_LAB_SUITE", "bookworm"))
    directory = tmp_path_factory.mktemp("boot")
    release = next((tree / "usr/lib/modules").iterdir()).name
    left_out = ("boot", "usr/lib/modules", "usr/lib/dracut", "var/cache", "var/lib/apt", "usr/share/zoneinfo")
    tarball = directory / "root.tar"
    run(["tar", "-C", tree, "--numeric-owner", *(f"--exclude=./{name}/*" for name in left_out), "-cf", tarball, "."])
    return BootFiles(
        tree=tree,
        kernel=Kernel(release=release, path=Path(f"/boot/vmlinuz-{release}")),
        image=facts.image(tree),
        tarball=tarball,
        runtime_cache=directory / "runtime",
    )


class Controller:
    """Serves one lab: DHCP, TFTP for iPXE, the boot script, files, the install script; takes reports."""

    def __init__(self, lab: Lab, files: BootFiles, initramfs: Path, arguments: str) -> None:
        self.install_script = INSTALL
        self.token = TOKEN
        self.arguments = arguments
        self.lab = lab
        self.files = {
            "/kernel": files.tree / files.kernel.path.relative_to("/"),
            "/initrd": initramfs,
            "/root.tar": files.tarball,
        }

    def answer(self, target: str, body: str, authorization: str) -> tuple[int, bytes | Path]:
        """The HTTP status, and the content or the file that holds it."""
        url = urlsplit(target)
        if url.path in self.files:
            return 200, self.files[url.path]
        if url.path in ("/boot/status", "/boot/install") and authorization != f"Bearer {self.token}":
            self.lab.events.add("controller", "refused")
            return 403, b"no such session\n"
        if url.path == "/boot/status":
            said = {key: values[0] for key, values in parse_qs(body).items()}
            words = [said["phase"], said["status"], said.get("exit_status", "")]
            self.lab.events.add("reports", " ".join(words).strip())
            self.lab.events.add("logs", said.get("log", ""))
            return 204, b""
        if url.path == "/boot/install":
            self.lab.events.add("controller", f"install script for {url.query}")
            return 200, self.install_script.encode()
        return (200, self.ipxe().encode()) if url.path == "/boot.ipxe" else (404, b"not found\n")

    def ipxe(self) -> str:
        arguments = f"luna.url={URL} luna.node=node001 luna.session={TOKEN} luna.mac=52:54:00:6c:00:01 {self.arguments}"
        console = "console=ttyS0,115200 quiet loglevel=4 systemd.show_status=1 mitigations=off"
        kernel = f"kernel {URL}/kernel initrd=initrd {console} {arguments}"
        return f"#!ipxe\n{kernel}\ninitrd --name initrd {URL}/initrd\nboot\n"


def _handler(controller: Controller) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(size).decode()
            self._send(*controller.answer(self.path, body, self.headers.get("Authorization", "")))

        do_POST = do_GET
        do_HEAD = do_GET

        def _send(self, status: int, content: bytes | Path) -> None:
            size = content.stat().st_size if isinstance(content, Path) else len(content)
            self.send_response(status)
            self.send_header("Content-Length", str(size))
            self.end_headers()
            if self.command == "HEAD":
                return
            if isinstance(content, bytes):
                self.wfile.write(content)
            else:
                with content.open("rb") as file:
                    self.connection.sendfile(file)

        def log_message(self, *arguments: object) -> None:
            """Events say more."""

    return Handler


def _dnsmasq_configuration(lab: Lab, tftp: Path) -> str:
    hosts = [f"dhcp-host={machine.plan.mac},{machine.plan.address.ip}" for machine in lab.machines]
    return "\n".join(
        [
            *("port=0", "interface=br0", "bind-interfaces", "except-interface=lo", "leasefile-ro", "no-ping"),
            *("dhcp-authoritative", f"dhcp-range={CONTROLLER.network.network_address},static,255.255.0.0,1h"),
            # iPXE waits a quarter of a minute for an IPv6 router that isn't there.
            *("enable-ra", "dhcp-range=fd00:6c75:6e61::,ra-only", "dhcp-option=encap:175,176,1b"),
            *("dhcp-match=set:ipxe,175", "dhcp-match=set:efi,option:client-arch,7"),
            *("enable-tftp", f"tftp-root={tftp}", "dhcp-boot=tag:efi,tag:!ipxe,snponly.efi"),
            f"dhcp-boot=tag:ipxe,{URL}/boot.ipxe",
            *hosts,
        ]
    )


@pytest.fixture
def controller(luna_lab: Callable[..., Lab]) -> Iterator[Callable[..., Controller]]:
    """A function that makes a lab of one node and a controller in it: (boot files, dracut modules, arguments)."""
    servers: list[ThreadingHTTPServer] = []

    def make(files: BootFiles, modules: str, arguments: str, *, uefi: bool = False) -> Controller:
        lab = luna_lab(memory_mb=768, uefi=uefi)
        keys = InitrdFile(source=lab.public_key, destination="/root/.ssh/authorized_keys")
        initramfs = files.initramfs(lab.directory / "initrd", modules, [keys])
        made = Controller(lab, files, initramfs, arguments)
        with lab.namespace.inside():
            servers.append(ThreadingHTTPServer((str(CONTROLLER.ip), 7050), _handler(made)))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        configuration = lab.directory / "dnsmasq.conf"
        configuration.write_text(_dnsmasq_configuration(lab, Path("/usr/lib/ipxe")))
        lab.spawn("dnsmasq", "dnsmasq", "--keep-in-foreground", "--user=root", "--pid-file=", "-C", configuration)
        return made

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def console() -> Callable[[Machine], str]:
    return lambda machine: machine.console.read_text(errors="replace")
