"""The initramfs that a node boots: dracut run inside the image's tree, with luna's module and the node runtime.

Making one never changes an image. In a tree for another machine dracut is run by an emulator that binfmt_misc(5) knows.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from luna_core.boot.compress import BEST_LEVEL, compress, decompressed, is_cpio, members
from luna_core.boot.foreign_runtime import build_foreign_runtime
from luna_core.boot.in_tree import SCRATCH, run_in_tree
from luna_core.boot.runtime import PYTHON_DIRECTORY, build_runtime
from luna_core.chroot.machine import is_foreign
from luna_core.errors import BadInput, CommandFailed
from luna_core.interfaces import Distro
from luna_core.types import DracutModule, Image, InitrdFile, Kernel

_MODULES = "usr/lib/dracut/modules.d"


def build_initramfs(
    tree: Path,
    distro: Distro,
    image: Image,
    kernel: Kernel,
    output: Path,
    files: Iterable[InitrdFile | DracutModule] = (),
    *,
    runtime_cache: Path,
    tls: bool = False,
) -> None:
    """Write the initramfs for `kernel` of the tree to `output`; a failure leaves what was there.

    `files` are the answers to luna_initrd_files. Raises BadInput for one that can't be placed, CommandFailed with
    dracut's last lines. What the distro leaves uncompressed is compressed here. Needs root.
    """
    if not (tree / _MODULES).is_dir():
        raise BadInput(f"osimage {image.name}: its tree {tree} has no dracut (no {_MODULES}); install it there.")
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".initramfs-") as name:
        work = Path(name)
        (work / "scratch").mkdir(mode=0o700)
        shutil.copytree(tree / _MODULES, work / "modules.d", symlinks=True)
        module = _place_module(work / "modules.d")
        _place_answers(tree, module, list(files), runtime_cache, tls=tls)
        command = distro.initramfs_command(image, kernel, f"{SCRATCH}/initramfs")
        said = run_in_tree(tree, work, command)
        made = work / "scratch/initramfs"
        if not made.exists() or not (module / "installed").exists():
            last = "\n".join(said.strip().splitlines()[-20:])
            raise CommandFailed(f"dracut made no initramfs with luna's module in {tree}:\n{last}")
        content = made.read_bytes()
        if is_cpio(content):
            level = int(str(image.cluster.settings.get("image.initramfs_level", BEST_LEVEL)))
            made.write_bytes(compress(content, tree, kernel, level))
        made.chmod(0o644)
        os.replace(made, output)


def largest_files(initramfs: Path, count: int = 5) -> list[tuple[str, int]]:
    """The paths of the largest files in an initramfs with their sizes in bytes; none if luna didn't compress it."""
    found = [(member.path, member.size_bytes) for member in members(decompressed(initramfs.read_bytes()))]
    return sorted(found, key=lambda file: -file[1])[:count]


def _place_module(modules: Path) -> Path:
    module = modules / "95luna"
    shutil.rmtree(module, ignore_errors=True)
    shutil.copytree(Path(__file__).parent / "dracut/95luna", module)
    return module


def _place_answers(
    tree: Path, module: Path, answers: Sequence[InitrdFile | DracutModule], runtime_cache: Path, *, tls: bool
) -> None:
    plain: list[InitrdFile] = []
    python: list[InitrdFile] = []
    for one in answers:
        if isinstance(one, InitrdFile):
            (python if _place(one).is_relative_to(PYTHON_DIRECTORY) else plain).append(one)
    if is_foreign(tree):
        runtime = build_foreign_runtime(runtime_cache, tree, python, tls=tls)
    else:
        runtime = build_runtime(runtime_cache, python, tls=tls)
    shutil.copytree(runtime, module / "root", symlinks=True)
    for file in plain:
        _place_file(module / "root", file)
    _place_dracut_modules(module, [one for one in answers if isinstance(one, DracutModule)])


def _place(file: InitrdFile) -> PurePosixPath:
    place = PurePosixPath(file.destination)
    if not place.is_absolute() or ".." in place.parts:
        raise BadInput(f"initrd file {file.source}: destination {file.destination!r}; accepted is an absolute path.")
    return place


def _place_file(root: Path, file: InitrdFile) -> None:
    destination = root / _place(file).relative_to("/")
    if destination.exists():
        raise BadInput(f"initrd file {file.source}: something else is already placed at {file.destination}.")
    destination.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file.source, destination)
    destination.chmod(file.mode)


def _place_dracut_modules(module: Path, extra: Iterable[DracutModule]) -> None:
    names = []
    for one in extra:
        found = re.fullmatch(r"\d\d([\w-]+)", one.directory.name)
        if not found or (module.parent / one.directory.name).exists():
            raise BadInput(
                f"dracut module {one.directory}: {one.directory.name!r} was given; accepted is two digits and a name, "
                "as in 90raidctl, that the image's own dracut doesn't have."
            )
        shutil.copytree(one.directory, module.parent / one.directory.name)
        names.append(found[1])
    (module / "requires").write_text("".join(f"{name}\n" for name in names))
