"""An osimage's tree from nothing: built by its distribution's own tools, or imported."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luna_core import types
from luna_core.errors import BadInput
from luna_core.model import OsImage
from luna_core.operations import Luna, objects
from luna_core.operations.images import sources, trees
from luna_core.operations.images.facts import AUTO, distro_of
from luna_core.operations.images.locks import tree_lock
from luna_core.operations.resolve import Resolver
from luna_core.operations.work import Work

Tell = Callable[[str], None]
# A minimal system with a kernel takes about half of it; package managers need room for what they unpack.
BUILD_BYTES = 2 << 30


@dataclass(frozen=True, kw_only=True)
class Made:
    """A tree that was made, and whether its osimage is new as well."""

    path: Path
    is_new: bool


def build(luna: Luna, name: str, fields: Mapping[str, Any], tell: Tell) -> Made:
    """Make an osimage's tree with its distribution's own tools; it appears complete or not at all.

    An osimage of that name that doesn't exist is made of `fields`, once the tree is there. Raises AlreadyExists if
    there is a tree, BadInput for `fields` that an existing osimage doesn't have, CommandFailed with the package
    manager's last lines.
    """
    image, is_new = prospect(luna, name, fields)
    if image.distro == AUTO:
        verb = "build" if is_new else "change"
        raise BadInput(
            f"osimage {name}: distro: auto recognises a tree that is there, and can't choose one to build; "
            f"'luna osimage {verb} {name} --distro …' says which."
        )
    distro = distro_of(luna, image)
    trees.refuse_tree(name, image.path)
    trees.require_space(image.path, BUILD_BYTES, f"Building osimage {name}")
    wanted = [answer.value for answer in luna.hooks.luna_image_packages(image)]
    extra = image.options.get("packages", "").replace(",", " ").split()
    packages = sorted({*distro.boot_packages(image), *wanted, *extra})
    with _lock(luna, image, "building"), trees.draft(image.path) as draft:
        distro.build(image, draft, packages, tell)
        finish(luna, image, draft, fields if is_new else None, f"osimage build {name}")
    return Made(path=image.path, is_new=is_new)


def import_tree(luna: Luna, name: str, fields: Mapping[str, Any], source: str, tell: Tell) -> Made:
    """Make an osimage's tree of a directory, a tar archive or an OCI image layout, kept exactly.

    As with `build`, an osimage that doesn't exist is made of `fields`. Raises BadInput for a source that is none.
    """
    image, is_new = prospect(luna, name, fields)
    trees.refuse_tree(name, image.path)
    found = sources.recognise(source)
    trees.require_space(image.path, found.size_bytes, f"Importing {source}")
    with _lock(luna, image, "importing"), trees.draft(image.path) as draft:
        found.unpack(draft, tell)
        sources.refuse_no_system(draft, source)
        finish(luna, image, draft, fields if is_new else None, f"osimage import {name}")
    return Made(path=image.path, is_new=is_new)


def _lock(luna: Luna, image: types.Image, doing: str) -> AbstractContextManager[int]:
    return tree_lock(luna.settings, image.name, image.path, doing)


def finish(luna: Luna, image: types.Image, draft: Path, fields: Mapping[str, Any] | None, what: str) -> None:
    """Put the draft in the place of the image's tree, and make the osimage of `fields`, if any: both or none."""
    trees.refuse_tree(image.name, image.path)
    trees.put_in_place(draft, image.path)
    if fields is None:
        return
    try:
        luna.change(lambda work: objects.add(work, OsImage, image.name, _complete(luna, image.name, fields)), what)
    except BaseException:
        image.path.rename(draft)
        raise


def prospect(luna: Luna, name: str, fields: Mapping[str, Any]) -> tuple[types.Image, bool]:
    """The facts of an osimage, whether it exists or is to be made of `fields`, and which of the two."""
    values = luna.cluster_settings()

    def look(work: Work) -> tuple[types.Image, bool]:
        stored = work.find(OsImage, name)
        if stored is not None:
            _refuse_other(stored, fields)
        made = stored or objects.add(work, OsImage, name, _complete(luna, name, fields))
        return Resolver(work, values).image(made), stored is None

    return luna.change(look, f"osimage add {name}", dry_run=True)


def _complete(luna: Luna, name: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"path": str(trees.default_tree(luna.settings.state_directory, name)), **fields}


def _refuse_other(stored: OsImage, fields: Mapping[str, Any]) -> None:
    body = stored.model_dump(mode="json")
    for field, value in fields.items():
        has = body[field]
        same = value.items() <= has.items() if isinstance(value, dict) else value == has
        if not same:
            raise BadInput(
                f"osimage {stored.name}: {field}: {value!r} was given, but there is such an osimage already, with "
                f"{has!r}; 'luna osimage change {stored.name}' changes it, or choose another name."
            )
