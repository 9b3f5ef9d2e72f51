"""What a tree says of itself."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from luna_core.types import Kernel


def renderer(root: Path) -> str:
    """What configures the network of a tree: netplan, ifupdown, networkmanager or networkd.

    What leads others comes first: netplan writes for networkd and NetworkManager, and NetworkManager leaves alone what
    ifupdown has. All trees have networkd, which Debian leaves off.
    """
    programs = {"netplan": "netplan", "ifup": "ifupdown", "NetworkManager": "networkmanager"}
    return next(
        (kind for name, kind in programs.items() if any((root / at / name).exists() for at in ("usr/sbin", "sbin"))),
        "networkd",
    )


def writes_resolv_conf(root: Path) -> bool:
    """Whether the tree's own services make resolv.conf(5) from the network configuration.

    systemd-resolved does so of what networkd tells it, resolvconf(8) of what ifupdown does, each if /etc/resolv.conf
    leads to its file; a plain file is read by both and written by neither. NetworkManager replaces a plain file too.
    """
    link = root / "etc/resolv.conf"
    target = os.readlink(link) if link.is_symlink() else ""
    kind = renderer(root)
    if kind == "ifupdown":
        return "resolvconf/" in target
    if kind == "networkmanager":
        return True
    return "systemd/resolve/" in target and (root / "usr/lib/systemd/systemd-resolved").exists()


def kernels(root: Path) -> Iterator[Kernel]:
    """Every /boot/vmlinuz-RELEASE that has its modules, the newest first by Debian's order of versions."""
    found = [path.name.removeprefix("vmlinuz-") for path in (root / "boot").glob("vmlinuz-*")]
    for release in sorted(found, key=_version_order, reverse=True):
        if any((root / modules / release).is_dir() for modules in ("usr/lib/modules", "lib/modules")):
            yield Kernel(release=release, path=Path("/boot", f"vmlinuz-{release}"))


def installed_packages(root: Path) -> Iterator[tuple[str, str]]:
    """Names and versions of what dpkg(1) has as installed, from its own database; of two architectures' the name."""
    database = root / "var/lib/dpkg/status"
    for paragraph in database.read_text(errors="replace").split("\n\n") if database.is_file() else ():
        fields = dict(re.findall(r"^(Package|Status|Version): (.*)$", paragraph, re.MULTILINE))
        if fields.get("Status", "").endswith(" installed"):
            yield fields["Package"], fields["Version"]


def _version_order(release: str) -> list[tuple[int, int, str]]:
    """Numbers by their value, `~` before all else, and a name that goes on after one that ends."""
    parts = re.findall(r"\d+|~|[^\d~]+", release)
    ranked = [(2, int(part), "") if part.isdigit() else (-1, 0, "") if part == "~" else (1, 0, part) for part in parts]
    return [*ranked, (0, 0, "")]
