"""Small Debian trees for a lab's nodes, made once and kept."""

import fcntl
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from luna_core.run import run, run_contained

CACHE = Path("/var/cache/luna-lab")
PACKAGES = (
    *("systemd-sysv", "dbus", "udev", "openssh-server", "iproute2", "kmod", "linux-image-cloud-amd64"),
    *("dracut", "curl", "ca-certificates", "zstd", "busybox-static"),
    # For grab and push.
    "rsync",
    # For nodes with a disk that a partscript divides.
    *("fdisk", "grub2-common", "grub-pc-bin"),
)
# For nodes whose disks have a layout. They are put on top of the others.
DISK_PACKAGES = (
    *("mdadm", "lvm2", "dosfstools", "efibootmgr", "grub-efi-amd64-bin"),
    # By tpm2-tools dracut knows that it is to take along what a TPM needs.
    *("cryptsetup-bin", "tpm2-tools"),
)
# For nodes that see their BMCs: Debian's kernel for virtual machines has no IPMI, its other kernel is twice the size.
IN_BAND_PACKAGES = (*(name.replace("-cloud", "") for name in PACKAGES), "ipmitool")


# The initramfs that boots from the disk is made anew, with what the packages add to it.
_INSTALL = """
mount -t proc proc /proc
export DEBIAN_FRONTEND=noninteractive
apt-get --quiet update
apt-get --quiet --yes --no-install-recommends install "$@"
for modules in /usr/lib/modules/*; do
    # Of itself dracut adds that only on a machine whose disks need it.
    dracut --force --no-hostonly $(! command -v tpm2 > /dev/null || echo --add tpm2-tss) --kver "${modules##*/}"
done
rm -rf /var/cache/apt/*.bin /var/cache/apt/archives/*.deb /var/lib/apt/lists/*_*
"""


def debian_tree(
    suite: str = "bookworm",
    packages: Sequence[str] = PACKAGES,
    extra: Sequence[str] = (),
    cache: Path = CACHE,
    architecture: str = "",
) -> Path:
    """The directory of a minimal Debian with these packages, a kernel for virtual machines and dracut among them.

    `extra` ones make another tree, out of that without them. The first call takes some minutes, and asks the package
    mirror that this machine's apt uses. `architecture` is the machine's own if empty. Needs root.
    """
    with made_once(cache, f"{suite}-{_key(*packages)}") as (tree, partial):
        if partial:
            chosen = [f"--architectures={architecture}"] if architecture else []
            # With its mounts, else a killed one would write on beside the next, which couldn't remove what it mounted.
            run_contained(mmdebstrap(suite, packages, partial, "--variant=minbase", *chosen))
    if not extra:
        return tree
    with made_once(cache, f"{suite}-{_key(*packages, '+', *extra)}") as (larger, partial):
        if partial:
            run(["cp", "--archive", tree, partial])
            run_contained(["chroot", partial, "sh", "-euc", _INSTALL, "sh", *extra])
    return larger


@contextmanager
def made_once(cache: Path, name: str) -> Iterator[tuple[Path, Path | None]]:
    """A directory of the cache; if it isn't there yet, also the one to fill, which becomes it when all went well."""
    cache.mkdir(parents=True, exist_ok=True)
    tree, partial = cache / name, cache / f"{name}.partial"
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if tree.exists():
            yield tree, None
            return
        run(["rm", "-rf", "--one-file-system", partial])
        yield tree, partial
        partial.rename(tree)


def _key(*words: str) -> str:
    return hashlib.sha256(" ".join(words).encode()).hexdigest()[:12]


def mmdebstrap(suite: str, packages: Sequence[str], target: Path, *options: str) -> list[str | Path]:
    """The command that fills a directory by this machine's package mirror."""
    settings = run(["apt-config", "dump"]).splitlines()
    transport = [line for line in settings if line.startswith(("Acquire::http", "Acquire::Check-"))]
    mirror = run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Label: Debian"])
    return [
        *("mmdebstrap", "--quiet", "--mode=root", "--format=directory", *options),
        *(f"--aptopt={line}" for line in [*transport, 'Acquire::Languages "none"', 'APT::Install-Recommends "false"']),
        *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale")),
        f"--include={','.join(packages)}",
        suite,
        target,
        *mirror.split()[:1],
    ]
