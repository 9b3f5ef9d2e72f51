"""The driver `debian`: builds trees with mmdebstrap(1), finds their kernels, and configures their network."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from luna_core.errors import BadInput
from luna_core.interfaces import Distro
from luna_core.run import run
from luna_core.types import Image, Kernel, Node, NodeFile, Setting
from luna_distro_debian import ifupdown, netplan, networkd, plugin
from luna_distro_debian.names import resolv_conf
from luna_distro_debian.tree import os_release, renderer

UBUNTU = ("focal", "jammy", "noble", "plucky", "questing", "resolute")
_WORD = re.compile(r"[a-z0-9][a-z0-9+.:/_~-]*", re.IGNORECASE)
_APT_SETTINGS = ('Acquire::Languages "none"', 'APT::Install-Recommends "false"')
_LEFT_OUT = ("doc", "man", "info", "locale")


class Debian(Distro):
    """Debian 12 and later, and Ubuntu 20.04 and later."""

    def recognises(self, root: Path) -> bool:
        """Whether os-release(5) calls it Debian or says that it is like it."""
        values = os_release(root)
        return "debian" in (values.get("ID", ""), *values.get("ID_LIKE", "").split())

    def build(self, image: Image, root: Path, packages: Sequence[str], progress: Callable[[str], None]) -> None:
        """Run mmdebstrap, with apt's own ways to reach an archive."""
        release = _option(image, "release", plugin.RELEASE)
        mirror = _option(image, "mirror", plugin.MIRROR) or _own_mirror(release)
        if release in UBUNTU and not mirror:
            raise BadInput(f"osimage {image.name}: options: mirror: none was given; Ubuntu needs one.")
        components = _option(image, "components", plugin.COMPONENTS)
        progress(f"Installing {release} with {len(packages)} packages and what they need")
        run(
            [
                *("mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", "--format=directory"),
                *(f"--aptopt={line}" for line in (*_transport_settings(), *_APT_SETTINGS)),
                *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _LEFT_OUT),
                f"--components={components}",
                f"--include={','.join(packages)}",
                release,
                root,
                *([mirror] if mirror else []),
                *(_repository(line) for line in _lines(image, plugin.REPOSITORIES)),
            ]
        )
        progress("Installed")

    def kernels(self, root: Path) -> Sequence[Kernel]:
        """Every /boot/vmlinuz-RELEASE that has its modules, by Debian's order of versions."""
        found = []
        for path in (root / "boot").glob("vmlinuz-*"):
            release = path.name.removeprefix("vmlinuz-")
            if any((root / modules / release).is_dir() for modules in ("usr/lib/modules", "lib/modules")):
                found.append(Kernel(release=release, path=Path("/boot", path.name)))
        return sorted(found, key=lambda kernel: _version_order(kernel.release), reverse=True)

    def initramfs_command(self, image: Image, kernel: Kernel, output: str) -> Sequence[str]:
        """Dracut without what the tree's own configuration adds, which may bring in a network module of its own."""
        modules = ["base", "udev-rules", "luna", *(one for one in image.dracut_modules if not one.startswith("-"))]
        omitted = [one.removeprefix("-") for one in image.dracut_modules if one.startswith("-")]
        return [
            *("dracut", "--force", "--reproducible", "--no-hostonly", "--no-hostonly-cmdline", "--no-early-microcode"),
            *("--conf", "/dev/null", "--confdir", "/tmp"),  # noqa: S108 - empty here
            *("--compress", f"zstd -{image.cluster.settings.get('image.initramfs_level', 19)} -T0"),
            *("--modules", " ".join(modules), "--omit", " ".join(omitted)),
            *("--add-drivers", " ".join(image.kernel_modules), "--kver", kernel.release, output),
        ]

    def network_files(self, node: Node, root: Path) -> Sequence[NodeFile]:
        """For netplan, ifupdown or systemd-networkd, whichever the tree has, and resolv.conf(5)."""
        files = {"netplan": netplan.files, "ifupdown": ifupdown.files, "networkd": networkd.files}[renderer(root)](node)
        if (root / "usr/lib/systemd/systemd-resolved").exists():
            return files
        return [*files, resolv_conf(node)]

    def boot_packages(self, image: Image) -> Sequence[str]:
        """An init, a kernel, ssh, and what luna's dracut module is made of."""
        ubuntu = _option(image, "release", plugin.RELEASE) in UBUNTU
        kernel = image.options.get("kernel") or ("linux-image-generic" if ubuntu else "linux-image-amd64")
        system = ("systemd-sysv", "dbus", "udev", "openssh-server", "iproute2", "kmod", "ca-certificates", kernel)
        return (*system, "dracut", "curl", "zstd", "busybox-static")

    def pack_excludes(self) -> Sequence[str]:
        """What identifies one machine, and what apt can fetch again."""
        return (
            *("/etc/ssh/ssh_host_*", "/var/lib/systemd/random-seed", "/var/lib/systemd/credential.secret"),
            *("/var/lib/dbus/machine-id", "/var/lib/dhcp/*", "/var/lib/dhcpcd/*", "/etc/hostname"),
            *("/var/cache/apt/*.bin", "/var/cache/apt/archives/*.deb", "/var/lib/apt/lists/*", "/var/log/journal/*"),
            *("/tmp/*", "/var/tmp/*", "/run/*", "/root/.bash_history"),  # noqa: S108 - places in an image
        )

    def grab_excludes(self) -> Sequence[str]:
        """What a running machine has that an image must not."""
        return ("/var/log/*", "/var/lib/systemd/*", "/etc/systemd/network/*-luna*", "/etc/fstab", "/swapfile")

    def installed_packages(self, root: Path) -> Sequence[tuple[str, str]]:
        """What dpkg has as installed."""
        listing = run(
            ["dpkg-query", f"--root={root}", "--show", "--showformat=${db:Status-Status} ${Package} ${Version}\n"]
        )
        rows = (line.split() for line in listing.splitlines() if line.startswith("installed "))
        return sorted((name, version) for _, name, version in rows)


def _option(image: Image, name: str, setting: Setting) -> str:
    value = image.options.get(name) or image.cluster.settings.get(setting.name, setting.default)
    text = ",".join(value) if isinstance(value, tuple) else str(value)
    if text and not all(_WORD.fullmatch(word) for word in text.split(",")):
        raise BadInput(f"osimage {image.name}: options: {name}: {text!r} was given; accepted is a plain word.")
    return text


def _lines(image: Image, setting: Setting) -> tuple[str, ...]:
    value = image.cluster.settings.get(setting.name, setting.default)
    return value if isinstance(value, tuple) else ()


def _repository(line: str) -> str:
    if not line.startswith(("deb ", "deb-src ")):
        raise BadInput(
            f"setting {plugin.REPOSITORIES.name}: {line!r} was given; accepted is a line as in 'deb URL SUITE main'."
        )
    return line


def _transport_settings() -> list[str]:
    """How this machine's apt reaches archives: proxies, certificates, clocks that are off."""
    settings = run(["apt-config", "dump"]).splitlines()
    return [line for line in settings if line.startswith(("Acquire::http", "Acquire::Check-"))]


def _own_mirror(release: str) -> str:
    """The archive of the controller's apt, if it is Debian's and the image is Debian."""
    if release in UBUNTU:
        return ""
    found = run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Label: Debian"])
    return next(iter(found.split()), "")


def _version_order(release: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", release)]
