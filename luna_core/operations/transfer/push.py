"""An osimage's tree is copied over running nodes, some at a time, until too many have failed."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass

from luna_core import types
from luna_core.errors import BadInput, LunaError
from luna_core.image.pack import Progress, untold
from luna_core.interfaces import Distro
from luna_core.model import OsImage
from luna_core.operations import Luna
from luna_core.operations.images.facts import distro_of, image_facts
from luna_core.operations.images.locks import tree_lock
from luna_core.operations.images.preview import preview
from luna_core.operations.transfer.changes import Changes
from luna_core.operations.transfer.grab import Wishes, own_excludes
from luna_core.operations.transfer.login import Account, Logins, alias, logins
from luna_core.operations.transfer.rsync import Copy
from luna_core.operations.transfer.rules import kept_private, left_alone, of_mounts
from luna_core.operations.transfer.system import ask, refuse_other
from luna_core.operations.transfer.targets import Target


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one node: what was or would be changed there, or why nothing was, as a sentence."""

    node: str
    changes: Changes | None = None
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Waves:
    """How many nodes at once, and how many may fail before no other is begun."""

    size: int = 16
    most_failures: int = 0


class Push:
    """An osimage's tree and the way to some nodes."""

    def __init__(self, luna: Luna, image: types.Image, way: Logins, wishes: Wishes, waves: Waves) -> None:
        self.image = image
        self._distro: Distro = distro_of(luna, image)
        self._own = [*own_excludes(luna, image.name), *wishes.excludes]
        self._way = way
        self._wishes = wishes
        self._waves = waves
        self._copies: dict[str, Copy] = {}
        self._alike: dict[Changes, Changes] = {}

    def look(self, targets: Sequence[Target]) -> Iterator[Outcome]:
        """What would become different on each node, as it is known; nothing is written."""
        return _in_waves(targets, self._look, self._waves.size, len(targets))

    def carry_out(self, seen: Sequence[Outcome], targets: Sequence[Target]) -> Iterator[Outcome]:
        """Push to the nodes that were `seen` without an error; each one's outcome as it comes.

        Failures that were seen count too. Nodes that were not begun, and those with nothing to change, have no outcome.
        """
        changes = {one.node: one.changes for one in seen if one.changes is not None and one.changes.all}

        def send(target: Target) -> Outcome:
            found = changes[target.name]
            self._copies[target.name].run(untold, found.size_bytes, "")
            return Outcome(node=target.name, changes=found)

        ready = [one for one in targets if one.name in changes]
        spared = self._waves.most_failures - sum(bool(one.error) for one in seen)
        return _in_waves(ready, send, self._waves.size, spared)

    def _look(self, target: Target) -> Outcome:
        system = ask(self._way, target)
        refuse_other(target, system, self.image, self._distro, self._wishes.forced)
        files = self._distro.network_files(target.node, self.image.path) if target.node else ()
        private = kept_private(self._distro, self.image) if self._wishes.delete else ()
        self._copies[target.name] = Copy(
            logins=self._way,
            source=f"{self.image.path}/",
            target=f"{alias(target)}:/",
            rules=[
                *of_mounts(system.foreign, with_place=True),
                *left_alone(self._distro, self._own, files),
                *private,
            ],
            delete=self._wishes.delete,
            checksum=self._wishes.checksum,
        )
        changes = self._copies[target.name].changes()
        # A thousand nodes that lack the same ten thousand files share the list of them.
        return Outcome(node=target.name, changes=self._alike.setdefault(changes, changes))


@contextmanager
def push(
    luna: Luna, name: str, targets: Sequence[Target], account: Account, wishes: Wishes, waves: Waves
) -> Iterator[Push]:
    """Be ready to push; while the block lasts nobody else can use the osimage's tree. Raises BadInput, Conflict."""
    if os.geteuid():
        raise LunaError(f"osimage {name}: only root can read all of its tree; try it with sudo.")
    image = image_facts(luna, name)
    if not image.path.is_dir():
        raise BadInput(f"osimage {name}: path: {image.path} is no directory; 'luna osimage build {name}' makes one.")
    with logins(targets, account) as way, tree_lock(luna.settings, name, image.path, "pushing"):
        yield Push(luna, image, way, wishes, waves)


def packed_as(luna: Luna, name: str, progress: Progress) -> int | None:
    """The number of the version in force if it has the files that the tree has now, else None; reads the whole tree."""
    if not luna.read(lambda work: work.get(OsImage, name)).latest:
        return None
    try:
        seen = preview(luna, name, progress)
    except LunaError:
        # A tree that can't be packed has no version like it.
        return None
    return None if seen.new_shards or seen.private_differs or seen.packages else seen.in_force


def _in_waves(
    targets: Sequence[Target], act: Callable[[Target], Outcome], size: int, most_failures: int
) -> Iterator[Outcome]:
    failures = 0
    for first in range(0, len(targets), size):
        if failures > most_failures or most_failures < 0:
            return
        with ThreadPoolExecutor(size) as pool:
            doing = {pool.submit(act, one): one for one in targets[first : first + size]}
            for done in as_completed(doing):
                try:
                    yield done.result()
                except LunaError as error:
                    failures += 1
                    yield Outcome(node=doing[done].name, error=str(error))
