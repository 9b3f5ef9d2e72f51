"""What all boots have in common, read once for each change of the cluster and not once for each node."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from luna_core.interfaces import Transaction
from luna_core.model import ImageVersion, Node, OsImage
from luna_core.model.base import USES
from luna_core.operations import Luna
from luna_core.operations.configure import settings
from luna_core.operations.history import last_number
from luna_core.operations.images.facts import find_version
from luna_core.operations.resolve import Known, Resolver
from luna_core.operations.work import Work
from luna_core.types import Setting, SettingValue

T = TypeVar("T")


class View:
    """The cluster as change `number` left it: settings, what its objects were worked out to, each group's nodes.

    Versions that boots asked for are kept too.
    """

    def __init__(self, work: Work, number: int, declared: Iterable[Setting]) -> None:
        self.number = number
        self.settings: Mapping[str, SettingValue] = settings(work, declared)
        self._known = Known()
        self._places: dict[str, Mapping[str, int]] = {}
        self._versions: dict[tuple[str, int], ImageVersion | None] = {}

    def resolver(self, work: Work) -> Resolver:
        """One for a transaction that sees the same change as the newest."""
        return Resolver(work, self.settings, self._known)

    def places(self, work: Work, group_id: str) -> Mapping[str, int]:
        """The nodes of a group (ids) with their places in it, from 0."""
        if group_id not in self._places:
            self._places[group_id] = places(work, group_id)
        return self._places[group_id]

    def version(self, work: Work, image: OsImage, number: int) -> ImageVersion | None:
        """The version of an image of that number, or None."""
        if (image.id, number) not in self._versions:
            self._versions[image.id, number] = find_version(work, image, number)
        return self._versions[image.id, number]


class Views:
    """Reads with the view that is right for what they see. Safe to use from many threads."""

    def __init__(self, luna: Luna) -> None:
        self._luna = luna
        self._declared = luna.declared_settings()
        self._view: View | None = None

    def read(self, operation: Callable[[Work, View], T]) -> T:
        """What `operation` returns from one consistent view of the cluster."""

        def attempt(transaction: Transaction) -> tuple[T, View]:
            work = Work(transaction, self._luna.keyring)
            number, view = last_number(transaction), self._view
            if view is None or view.number != number:
                view = View(work, number, self._declared)
            return operation(work, view), view

        # Kept after the transaction only, for one that fails may have seen what is taken back.
        result, self._view = self._luna.look(attempt)
        return result

    def settings(self) -> Mapping[str, SettingValue]:
        """Every declared setting with its value."""
        return self.read(lambda work, view: view.settings)


def places(work: Work, group_id: str) -> Mapping[str, int]:
    """As View.places, from the store."""
    members = work.owners(f"{USES}:{group_id}", f"{Node.kind}/", f"{Node.kind}0")
    return {owner.id: place for place, owner in enumerate(members)}
