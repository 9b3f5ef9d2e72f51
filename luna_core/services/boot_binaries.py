"""Finds iPXE among the distributions' packages and puts it where TFTP and HTTP serve it from."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from luna_core.services import configured
from luna_core.services.boot_files import FIRMWARE
from luna_core.types import Cluster

# Debian's ipxe, which has files for arm64 since Debian 13, and Red Hat's ipxe-bootimgs-x86 and ipxe-bootimgs-aarch64.
PACKAGED = {
    "undionly.kpxe": ("/usr/lib/ipxe/undionly.kpxe", "/usr/share/ipxe/undionly.kpxe"),
    "snponly.efi": ("/usr/lib/ipxe/snponly.efi", "/usr/share/ipxe/ipxe-snponly-x86_64.efi"),
    "ipxe.efi": ("/usr/lib/ipxe/ipxe.efi", "/usr/share/ipxe/ipxe-x86_64.efi"),
    "ipxe-arm64.efi": ("/usr/lib/ipxe/ipxe-arm64.efi", "/usr/share/ipxe/arm64-efi/ipxe.efi"),
    "snponly-arm64.efi": ("/usr/share/ipxe/arm64-efi/snponly.efi",),
}


def install_boot_files(cluster: Cluster) -> list[str]:
    """Copy what the TFTP directory lacks from where packages put it, and return the names that no package has.

    A file that is there stays, for sites that build iPXE themselves. Raises OSError.
    """
    directory = Path(configured.text(cluster, "tftp.directory"))
    directory.mkdir(parents=True, exist_ok=True)
    wanted = dict.fromkeys(configured.text(cluster, firmware.setting) for firmware in FIRMWARE)
    return [name for name in wanted if not _install(directory / name, PACKAGED.get(name, ()))]


def _install(target: Path, sources: Iterable[str]) -> bool:
    if target.exists():
        return True
    source = next((Path(one) for one in sources if Path(one).exists()), None)
    if source is None:
        return False
    fresh = target.with_name(f".{target.name}")
    shutil.copyfile(source, fresh)
    fresh.chmod(0o644)
    fresh.replace(target)
    return True
