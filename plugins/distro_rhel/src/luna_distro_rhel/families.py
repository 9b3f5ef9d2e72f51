"""The release families, and what one does otherwise than its successors."""

from pathlib import Path
from typing import ClassVar

from luna_core.distro.tree import os_release
from luna_core.errors import BadInput

_KIN = {"rhel", "fedora", "centos"}
# RHEL's own numbers stay below; those of Fedora have long been above.
_FIRST_FEDORA = 30


class El10:
    """RHEL 10, its rebuilds and whatever comes after it."""

    name: ClassVar[str] = "RHEL 10"
    database: ClassVar[str] = "usr/lib/sysimage/rpm"
    # What the initramfs is made of beside dracut, which brings xz along for its modules.
    packages: ClassVar[tuple[str, ...]] = ("tar", "procps-ng", "util-linux")


class El9(El10):
    """RHEL 9, whose RPM database is where it always was."""

    name = "RHEL 9"
    database = "var/lib/rpm"


class El8(El9):
    """RHEL 8, which is as RHEL 9."""

    name = "RHEL 8"


class Fedora(El10):
    """Fedora, of which RHEL is made."""

    name = "Fedora"


def of_release(release: str) -> type[El10]:
    """The family of a release to build. Raises BadInput for those before RHEL 8."""
    number = int(release.partition(".")[0].partition("-")[0])
    family = _family(number)
    if family is None:
        raise BadInput(
            f"option release: {release!r} was given; accepted are 8 and later of RHEL and its rebuilds, "
            f"and {_FIRST_FEDORA} and later of Fedora."
        )
    return family


def of_tree(root: Path) -> type[El10] | None:
    """The family of a tree by its os-release(5), or None if it is of none of them."""
    values = os_release(root)
    if not _KIN & {values.get("ID", ""), *values.get("ID_LIKE", "").split()}:
        return None
    number = values.get("VERSION_ID", "").partition(".")[0]
    return _family(int(number)) if number.isdigit() else El10


def _family(number: int) -> type[El10] | None:
    if number >= _FIRST_FEDORA:
        return Fedora
    return {8: El8, 9: El9}.get(number, El10) if number >= 8 else None
