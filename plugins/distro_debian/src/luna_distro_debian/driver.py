"""The driver `debian`: builds trees, finds their kernels, and configures their network."""

from collections.abc import Callable, Sequence
from pathlib import Path

from luna_core.distro import keyfiles
from luna_core.distro.links import resolv_conf
from luna_core.distro.tree import os_release
from luna_core.errors import Unsupported
from luna_core.interfaces import Distro
from luna_core.types import Image, Kernel, Node, NodeFile
from luna_distro_debian import grub, ifupdown, netplan, networkd, settings, systemd_boot, tree
from luna_distro_debian.build import OWN_ARCHITECTURE, architecture, build_tree, is_ubuntu

_RENDERERS = {
    "netplan": netplan.files,
    "ifupdown": ifupdown.files,
    "networkmanager": keyfiles.files,
    "networkd": networkd.files,
}
# Else it configures the network for what it takes for a cloud, at each boot.
_NO_CLOUD = NodeFile(path="/etc/cloud/cloud.cfg.d/99-luna.cfg", content="network: {config: disabled}\n")
_SYSTEM = ("systemd-sysv", "dbus", "udev", "openssh-server", "iproute2", "kmod", "ca-certificates")
_FOR_THE_INITRAMFS = ("dracut", "xz-utils", "zstd", "busybox")


class Debian(Distro):
    """Debian 12 and later, and Ubuntu 20.04 and later."""

    def recognises(self, root: Path) -> bool:
        """Whether os-release(5) calls it Debian or says that it is like it."""
        values = os_release(root)
        return "debian" in (values.get("ID", ""), *values.get("ID_LIKE", "").split())

    def build(self, image: Image, root: Path, packages: Sequence[str], progress: Callable[[str], None]) -> None:
        """Run mmdebstrap, with apt's own ways to reach an archive."""
        build_tree(image, root, packages, progress)

    def kernels(self, root: Path) -> Sequence[Kernel]:
        """Every /boot/vmlinuz-RELEASE that has its modules, by Debian's order of versions."""
        return list(tree.kernels(root))

    def initramfs_command(self, image: Image, kernel: Kernel, output: str) -> Sequence[str]:
        """Dracut without what the tree's own configuration adds, which may bring in a network module of its own."""
        modules = ["base", "udev-rules", "luna", *(one for one in image.dracut_modules if not one.startswith("-"))]
        omitted = [one.removeprefix("-") for one in image.dracut_modules if one.startswith("-")]
        return [
            *("dracut", "--force", "--reproducible", "--no-hostonly", "--no-hostonly-cmdline", "--no-early-microcode"),
            *("--conf", "/dev/null", "--confdir", "/tmp"),  # noqa: S108 - empty here
            *("--no-compress", "--modules", " ".join(modules), "--omit", " ".join(omitted)),
            *("--add-drivers", " ".join(image.kernel_modules), "--kver", kernel.release, output),
        ]

    def network_files(self, node: Node, root: Path) -> Sequence[NodeFile]:
        """For what the tree has (`tree.renderer`), and resolv.conf(5) if nobody makes it; cloud-init's is off."""
        files = [*_RENDERERS[tree.renderer(root)](node)]
        if (root / "usr/bin/cloud-init").exists():
            files.append(_NO_CLOUD)
        return files if tree.writes_resolv_conf(root) else [*files, resolv_conf(node)]

    def boot_packages(self, image: Image) -> Sequence[str]:
        """An init, a kernel, ssh, what luna's dracut module is made of, and what the locale needs.

        A tree for another machine has Python too, which goes into its initramfs.
        """
        wanted = architecture(image)
        standard = "linux-image-generic" if is_ubuntu(image) else f"linux-image-{wanted}"
        locales = ("locales",) if settings.needs_locales(image) else ()
        python = ("python3",) if wanted != OWN_ARCHITECTURE else ()
        return (*_SYSTEM, image.options.get("kernel") or standard, *_FOR_THE_INITRAMFS, *locales, *python)

    def pack_excludes(self) -> Sequence[str]:
        """What identifies one machine, and what apt can fetch again."""
        return (
            *("/etc/ssh/ssh_host_*", "/var/lib/systemd/random-seed", "/var/lib/systemd/credential.secret"),
            *("/var/lib/dbus/machine-id", "/var/lib/dhcp/*", "/var/lib/dhcpcd/*", "/etc/hostname"),
            *(
                "/var/lib/NetworkManager/*.lease",
                "/var/lib/NetworkManager/secret_key",
                "/etc/iscsi/initiatorname.iscsi",
            ),
            *("/var/cache/apt/*.bin", "/var/cache/apt/archives/*.deb", "/var/lib/apt/lists/*", "/var/log/journal/*"),
            *("/tmp/*", "/var/tmp/*", "/run/*", "/root/.bash_history"),  # noqa: S108 - places in an image
        )

    def grab_excludes(self) -> Sequence[str]:
        """What a running machine has that an image must not."""
        return (
            *("/var/log/*", "/var/lib/systemd/*", "/var/lib/dpkg/lock*", "/var/lib/apt/lists/*", "/var/cache/apt/*"),
            *("/var/spool/*", "/var/mail/*", "/var/crash/*", "/etc/.pwd.lock", "/etc/initramfs-tools/conf.d/resume"),
            *("/etc/systemd/network/*-luna*", "/etc/netplan/50-luna.yaml", "/etc/default/grub.d/luna.cfg"),
            *("/etc/NetworkManager/system-connections/luna-*", "/etc/NetworkManager/conf.d/10-luna.conf"),
            *("/etc/network/interfaces", _NO_CLOUD.path),
        )

    def chroot_files(self, root: Path) -> Sequence[NodeFile]:
        """What invoke-rc.d(8) asks before it starts a daemon; 101: it may not."""
        return [NodeFile(path="/usr/sbin/policy-rc.d", content="#!/bin/sh\nexit 101\n", mode=0o755)]

    def boot_loader_script(self, node: Node, root: Path) -> str:
        """GRUB or systemd-boot, whichever the tree has. Raises Unsupported for one with neither."""
        if grub.present(root):
            return grub.install_script(node)
        if systemd_boot.present(root):
            return systemd_boot.install_script(node)
        raise Unsupported(
            f"{root} has no boot loader; install grub2-common with grub-pc-bin, grub-efi-amd64-bin or "
            "grub-efi-arm64-bin, or systemd-boot."
        )

    def installed_packages(self, root: Path) -> Sequence[tuple[str, str]]:
        """What dpkg has as installed."""
        return sorted(tree.installed_packages(root))
