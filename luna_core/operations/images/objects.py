"""What cloning and deleting an osimage does beyond the object: its versions, their files and its tree."""

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luna_core import types
from luna_core.errors import BadInput, InUse
from luna_core.image.scan import mount_points
from luna_core.image.versions import remove_version
from luna_core.model import OsImage
from luna_core.operations import Luna, objects
from luna_core.operations.images import trees
from luna_core.operations.images.facts import shares_files, versions_of
from luna_core.operations.images.locks import tree_lock, versions_lock
from luna_core.operations.images.versions import facts_of
from luna_core.operations.work import Work


@dataclass(frozen=True, kw_only=True)
class Deletion:
    """What deleting an osimage takes along: versions with their sizes, and the tree if that was asked for."""

    versions: tuple[types.ImageVersion, ...]
    tree: Path | None
    kept_tree: Path | None


def clone_image(luna: Luna, name: str, new: str, fields: Mapping[str, Any], tell: Callable[[str], None]) -> Path | None:
    """Add an osimage like another one, with a copy of its tree; returns where that is, None if there is none to copy.

    The copy appears complete or not at all, and the osimage with it. Raises BadInput for a bad path.
    """
    source, target = clone_paths(luna, name, new, fields)
    given = {**fields, "path": str(target)}
    what = f"osimage clone {name} {new}"

    def operation(work: Work) -> object:
        return objects.clone(work, OsImage, name, new, given)

    luna.change(operation, what, dry_run=True)
    if not source.is_dir():
        luna.change(operation, what)
        return None
    trees.refuse_tree(new, target)
    needed = trees.size_bytes(source)
    trees.require_space(target, needed, f"Cloning osimage {name}")
    with ExitStack() as held:
        held.enter_context(tree_lock(luna.settings, name, source, "cloning"))
        held.enter_context(tree_lock(luna.settings, new, target, "cloning"))
        draft = held.enter_context(trees.draft(target))
        tell(f"copying {needed >> 20} MiB from {source} to {target}")
        trees.copy_tree(source, draft)
        trees.put_in_place(draft, target)
        try:
            luna.change(operation, what)
        except BaseException:
            target.rename(draft)
            raise
    return target


def clone_paths(luna: Luna, name: str, new: str, fields: Mapping[str, Any]) -> tuple[Path, Path]:
    """Where the tree of the original is, and where the clone's will be. Raises BadInput if they overlap."""
    source = Path(luna.read(lambda work: work.get(OsImage, name)).path)
    target = Path(str(fields.get("path") or trees.default_tree(luna.settings.state_directory, new)))
    if target.resolve().is_relative_to(source.resolve()) or source.resolve().is_relative_to(target.resolve()):
        raise BadInput(
            f"osimage {new}: path: {target} was given; accepted is one apart from {source}, the tree of {name}."
        )
    return source, target


def deletion(luna: Luna, name: str, *, with_tree: bool) -> Deletion:
    """What deleting an osimage would take along. Raises InUse that lists who uses it, BadInput for a tree to keep."""
    values = luna.cluster_settings()

    def look(work: Work) -> tuple[OsImage, tuple[types.ImageVersion, ...]]:
        image = work.get(OsImage, name)
        _refuse_used(work, image)
        return image, tuple(facts_of(work, luna, values, one) for one in versions_of(work, image))

    image, versions = luna.read(look)
    tree = Path(image.path)
    if with_tree:
        _refuse_precious(luna, image, tree)
    there = tree.is_dir()
    return Deletion(
        versions=versions,
        tree=tree if there and with_tree else None,
        kept_tree=tree if there and not with_tree else None,
    )


def delete_image(luna: Luna, name: str, *, with_tree: bool = False) -> Deletion:
    """Withdraw and delete an osimage with all its versions, and its tree only if that is said.

    Raises InUse while a node, group or the cluster uses it, PluginError if a transport won't let go of a version.
    """
    with ExitStack() as held:
        held.enter_context(versions_lock(luna.settings, f"deleting osimage {name}"))
        doomed = deletion(luna, name, with_tree=with_tree)
        if doomed.tree:
            held.enter_context(tree_lock(luna.settings, name, doomed.tree, "deleting"))
        own = luna.read(lambda work: _own_files(work, name, doomed))
        for version in own:
            luna.hooks.luna_transport_withdraw(version)
        luna.change(lambda work: _forget(work, name), f"osimage delete {name}")
        for version in own:
            remove_version(version.directory)
        if doomed.tree:
            trees.remove_tree(doomed.tree)
    return doomed


def _own_files(work: Work, name: str, doomed: Deletion) -> list[types.ImageVersion]:
    shared = {one.number for one in versions_of(work, work.get(OsImage, name)) if shares_files(work, one)}
    return [version for version in doomed.versions if version.number not in shared]


def _forget(work: Work, name: str) -> None:
    image = work.get(OsImage, name)
    _refuse_used(work, image)
    for version in versions_of(work, image):
        work.remove(version)
    work.remove(image)


def _refuse_used(work: Work, image: OsImage) -> None:
    if users := [f"{one.kind} {one.name}" for one in work.users(image) if one.kind != "image_version"]:
        shown = ", ".join(users[:10]) + (f" and {len(users) - 10} more" if len(users) > 10 else "")
        raise InUse(f"osimage {image.name} can't be deleted: it is used by {shown}.")


def _refuse_precious(luna: Luna, image: OsImage, tree: Path) -> None:
    """A tree that others need, or that holds more than an image, is never deleted by luna."""
    real = tree.resolve()
    others = [one for one in luna.read(lambda work: work.all(OsImage)) if one.id != image.id]
    users = [one.name for one in others if Path(one.path).resolve().is_relative_to(real)]
    where = f"osimage {image.name}: --tree was given, but {tree}"
    if any(precious.resolve().is_relative_to(real) for precious in (luna.settings.state_directory, Path("/usr"))):
        raise BadInput(f"{where} holds the controller's own files; luna does not delete it.")
    if users:
        raise InUse(f"{where} is also the tree of osimage {', '.join(users)}; delete without --tree.")
    if mounted := mount_points(os.fsencode(real)):
        place = os.fsdecode(sorted(mounted)[0])
        raise BadInput(f"{where} has something mounted at {place}; unmount it first.")
