"""The driver `rhel`: builds trees, finds their kernels, and configures their network."""

from collections.abc import Callable, Sequence
from pathlib import Path

from luna_core.distro import keyfiles
from luna_core.interfaces import Distro
from luna_core.types import Image, Kernel, Node, NodeFile
from luna_distro_rhel import families, grub2, ifcfg, rpm, settings
from luna_distro_rhel.build import build_tree

_SYSTEM = ("system-release", "systemd", "dbus", "NetworkManager", "openssh-server", "iproute", "kmod", "rpm", "dnf")


class Rhel(Distro):
    """RHEL 8 and later, Rocky, Alma, CentOS Stream, Oracle Linux, and Fedora."""

    def recognises(self, root: Path) -> bool:
        """Whether os-release(5) calls it RHEL or Fedora or says that it is like them, and it is new enough."""
        return families.of_tree(root) is not None

    def build(self, image: Image, root: Path, packages: Sequence[str], progress: Callable[[str], None]) -> None:
        """Run dnf with the repositories that the osimage names, and no others."""
        build_tree(image, root, packages, progress)

    def kernels(self, root: Path) -> Sequence[Kernel]:
        """Those that RPM's database knows, by RPM's order of versions."""
        return rpm.kernels(root)

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
        """Keyfiles, or ifcfg files for a tree that has the old scripts and no NetworkManager."""
        has_scripts = (root / "etc/sysconfig/network-scripts/ifup").exists()
        is_old = has_scripts and not (root / "usr/sbin/NetworkManager").exists()
        return ifcfg.files(node) if is_old else keyfiles.files(node)

    def boot_packages(self, image: Image) -> Sequence[str]:
        """An init, a kernel, ssh, what luna's dracut module is made of, and what the locale needs."""
        kernel = image.options.get("kernel") or "kernel"
        family = families.of_release(settings.release(image))
        return (*_SYSTEM, kernel, "dracut", *family.packages, settings.language_package(image))

    def pack_excludes(self) -> Sequence[str]:
        """What identifies one machine, its subscription included, and what dnf can fetch again."""
        return (
            *("/etc/ssh/ssh_host_*", "/var/lib/systemd/random-seed", "/var/lib/systemd/credential.secret"),
            *("/etc/pki/consumer/*", "/etc/pki/entitlement/*", "/var/lib/rhsm/*", "/etc/insights-client/machine-id"),
            *("/var/lib/dbus/machine-id", "/etc/hostname", "/etc/iscsi/initiatorname.iscsi", "/etc/nvme/host*"),
            *("/var/lib/NetworkManager/*.lease", "/var/lib/NetworkManager/secret_key", "/var/lib/dhclient/*"),
            *("/var/cache/dnf/*", "/var/cache/libdnf5/*", "/var/log/dnf*", "/var/log/hawkey.log", "/var/log/journal/*"),
            *("/tmp/*", "/var/tmp/*", "/run/*", "/root/.bash_history", "/.autorelabel"),  # noqa: S108 - in an image
        )

    def private_files(self) -> Sequence[str]:
        """Repositories, which may be given with a password."""
        return ("/etc/yum.repos.d/*.repo",)

    def grab_excludes(self) -> Sequence[str]:
        """What a running machine has that an image must not."""
        own = ("/etc/NetworkManager/system-connections/luna-*", "/etc/NetworkManager/conf.d/10-luna.conf")
        scripts = tuple(f"/etc/sysconfig/network-scripts/{kind}-*" for kind in ("ifcfg", "route*", "rule*"))
        state = ("/var/lib/rpm/.rpm.lock", "/var/lib/rpm/__db.*", "/etc/.pwd.lock", "/etc/default/grub")
        caches = ("/var/cache/dnf/*", "/var/cache/libdnf5/*", "/var/spool/*", "/var/crash/*", "/var/lib/rhsm/*")
        return ("/var/log/*", "/var/lib/systemd/*", "/etc/systemd/network/*-luna*", *own, *scripts, *state, *caches)

    def boot_loader_script(self, node: Node, root: Path) -> str:
        """GRUB, if the tree has it."""
        return grub2.install_script(node, root)

    def installed_packages(self, root: Path) -> Sequence[tuple[str, str]]:
        """What the RPM database has."""
        return sorted(rpm.installed_packages(root))
