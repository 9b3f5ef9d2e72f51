"""Carries a plan out: all that it needs is there before the first writes, and every command is told before it runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from luna_core.node.disks.commands import DiskError, facts, has, missing, run, settle
from luna_core.node.disks.encryption import ENROLL
from luna_core.node.disks.probe import probe
from luna_core.node.disks.steps import Item, Plan

TPM: Final = Path("/dev/tpmrm0")
Say = Callable[[str], None]


def carry_out(plan: Plan, say: Say, key: str = "") -> None:
    """Run the steps. Raises DiskError where a program or a TPM is missing, before anything is written, or one fails."""
    programs = dict.fromkeys(step.command[0] for step in plan.steps)
    if lacking := [one for one in programs if not has(one)]:
        raise DiskError(f"{missing(lacking)} Nothing was written.")
    if ENROLL in programs and not TPM.exists():
        raise DiskError(f"There is no {TPM}: encrypt: tpm needs a TPM 2.0 that Linux knows. Nothing was written.")
    for step in plan.steps:
        say(f"{' '.join(step.command)}    # {step.why}")
        run(step.command, key if step.needs_key else step.stdin)
        settle()


def mount(plan: Plan, root: Path, say: Say) -> None:
    """Mount the file systems below `root`, those above first. Raises DiskError."""
    for one in plan.file_systems():
        if one.use.mount:
            place = root / one.use.mount.lstrip("/")
            place.mkdir(parents=True, exist_ok=True)
            options = ("-o", one.use.mount_options) if one.use.mount_options else ()
            say(f"{one.path} is mounted at {place}")
            run(["mount", "-t", one.use.format, *options, one.path, str(place)])


def fstab_lines(plan: Plan) -> str:
    """The file systems and swap as fstab(5) has them, by their UUIDs."""
    return "".join(_line(one) for one in plan.file_systems() if one.use.mount or one.use.format == "swap")


def crypttab_lines(plan: Plan) -> str:
    """What the system itself can open, as crypttab(5) has it; with a key alone, luna has opened it already."""
    sealed = [one for one in plan.items if one.use.encrypt == "tpm"]
    return "".join(f"{one.mapper} UUID={probe(one.device)['UUID']} none luks,tpm2-device=auto\n" for one in sealed)


def mdadm_lines(plan: Plan) -> str:
    """The arrays as mdadm.conf(5) has them."""
    arrays = [one for one in plan.items if one.kind == "raid"]
    return "".join(f"ARRAY {one.device} UUID={_array_uuid(one.device)}\n" for one in arrays)


def _line(item: Item) -> str:
    use = item.use
    uuid = f"UUID={probe(item.path)['UUID']}"
    if use.format == "swap":
        return f"{uuid} none swap defaults 0 0\n"
    # No system needs it to run: of mirrored disks any one is enough, also without that whose partition this is.
    options = use.mount_options or ("nofail" if use.mount == "/boot/efi" else "defaults")
    order = 0 if use.format in ("xfs", "btrfs") else 1 if use.mount == "/" else 2
    return f"{uuid} {use.mount} {use.format} {options} 0 {order}\n"


def _array_uuid(path: str) -> str:
    return facts(["mdadm", "--detail", "--export", path])["MD_UUID"]
