"""A running machine becomes an osimage's tree: looked at first, then fetched beside the tree, and exchanged for it."""

import os
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from luna_core import types
from luna_core.errors import LunaError
from luna_core.image.pack import Progress
from luna_core.interfaces import Distro
from luna_core.model import OsImage
from luna_core.operations import Luna
from luna_core.operations.images import sources, trees
from luna_core.operations.images.build import finish, prospect
from luna_core.operations.images.facts import AUTO, distro_of, recognised
from luna_core.operations.images.locks import tree_lock
from luna_core.operations.transfer.changes import Changes
from luna_core.operations.transfer.login import Account, Logins, alias, logins
from luna_core.operations.transfer.mounts import Mount
from luna_core.operations.transfer.rsync import Copy
from luna_core.operations.transfer.rules import left_alone, of_files_mounted, of_mounts
from luna_core.operations.transfer.staging import exchange, stage
from luna_core.operations.transfer.system import System, ask, refuse_other, write_release
from luna_core.operations.transfer.targets import Target


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """How to copy: further patterns to leave alone, what may differ, whether to delete, whether to compare contents."""

    excludes: Sequence[str] = ()
    forced: Collection[str] = ()
    delete: bool = True
    checksum: bool = False


@dataclass(frozen=True, kw_only=True)
class Grab:
    """A machine that was looked at: what would become different in the tree of `image`, and what is left alone."""

    image: types.Image
    is_new: bool
    changes: Changes
    foreign: Sequence[Mount]
    copy: Copy
    put_in_place: Callable[[Path], None]

    def carry_out(self, progress: Progress) -> None:
        """Fetch it; until all is there the tree stays as it was. Raises LunaError; the next try goes on from there."""
        tree = self.image.path.resolve()
        needed = self.changes.size_bytes + (0 if self.is_new else trees.size_bytes(tree))
        with stage(tree, needed, f"Grabbing osimage {self.image.name}") as place:
            if not self.is_new:
                progress(0, 0, "copying the tree")
                trees.copy_tree(tree, place.draft)
            copy = replace(self.copy, target=f"{place.draft}/", known=place.earlier)
            copy.run(progress, self.changes.size_bytes, "fetching")
            sources.refuse_no_system(place.draft, self.copy.source)
            self.put_in_place(place.draft)


@contextmanager
def grab(
    luna: Luna, target: Target, name: str, fields: Mapping[str, Any], account: Account, wishes: Wishes
) -> Iterator[Grab]:
    """Look at a machine; while the block lasts nobody else can use the osimage's tree.

    An osimage that doesn't exist is made of `fields` once its tree is there. Raises BadInput for a machine that is
    another kind of system than the tree, Conflict, LunaError.
    """
    if os.geteuid():
        raise LunaError(f"osimage {name}: only root can keep owners and devices; try it with sudo.")
    image, is_new_image = prospect(luna, name, fields)
    with logins([target], account) as way, tree_lock(luna.settings, name, image.path, "grabbing"):
        system = ask(way, target)
        is_new = not image.path.is_dir() or not any(image.path.iterdir())
        image, distro = _recognised(luna, image, system, is_new=is_new)
        if is_new:
            trees.refuse_tree(name, image.path)
        else:
            refuse_other(target, system, image, distro, wishes.forced)
        copy = _copy(luna, way, target, system, image, distro, wishes)
        what = f"osimage grab {name}"

        def put_in_place(draft: Path) -> None:
            if is_new:
                finish(luna, image, draft, fields if is_new_image else None, what)
            else:
                exchange(draft, image.path.resolve())

        yield Grab(
            image=image,
            is_new=is_new,
            changes=copy.changes(),
            foreign=system.foreign,
            copy=copy,
            put_in_place=put_in_place,
        )


def _copy(
    luna: Luna, way: Logins, target: Target, system: System, image: types.Image, distro: Distro, wishes: Wishes
) -> Copy:
    files = distro.network_files(target.node, image.path) if target.node else ()
    own = [*own_excludes(luna, image.name), *wishes.excludes]
    return Copy(
        logins=way,
        source=f"{alias(target)}:/",
        target=f"{image.path}/",
        rules=[
            *of_mounts(system.foreign, with_place=False),
            *left_alone(distro, own, files),
            *of_files_mounted(system.foreign),
        ],
        delete=wishes.delete,
        checksum=wishes.checksum,
    )


def own_excludes(luna: Luna, name: str) -> Sequence[str]:
    """The patterns that an osimage says itself, if it exists."""
    stored = luna.read(lambda work: work.find(OsImage, name))
    return stored.grab_excludes if stored else ()


def _recognised(luna: Luna, image: types.Image, system: System, *, is_new: bool) -> tuple[types.Image, Distro]:
    """The image with its distro; that of a tree which is still to come is known by what the machine says of itself."""
    if image.distro == AUTO and not is_new:
        image = recognised(luna, image)
    elif image.distro == AUTO:
        with tempfile.TemporaryDirectory(prefix="luna-release-") as directory:
            write_release(system, Path(directory))
            image = replace(recognised(luna, replace(image, path=Path(directory))), path=image.path)
    return image, distro_of(luna, image)
