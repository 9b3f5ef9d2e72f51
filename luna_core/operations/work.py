"""One transaction's view of the cluster as objects: reads what is stored, gathers what changes."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar, cast

from luna_core.errors import InUse, LunaError, NotFound
from luna_core.hostlist import natural
from luna_core.interfaces import Transaction
from luna_core.model import KINDS, StoredObject
from luna_core.model.base import USES
from luna_core.model.walk import references
from luna_core.secrets import Keyring
from luna_core.types import Owner, Record, Write

T = TypeVar("T", bound=StoredObject)
Place = tuple[str, str]
LAST = "\U0010ffff"
SHOWN_USERS = 10


@dataclass(frozen=True)
class Change:
    """An object before and after; None where it doesn't exist."""

    before: StoredObject | None
    after: StoredObject | None

    @property
    def subject(self) -> StoredObject:
        """The object, as it is or was."""
        return self.after or self.before  # type: ignore[return-value]  # one of the two always exists


class Work:
    """Objects read and changed in one transaction. Nothing is written before `writes()` are applied."""

    def __init__(self, transaction: Transaction, keyring: Keyring) -> None:
        self.transaction = transaction
        self.keyring = keyring
        # By kind and id, for a node and its state have the same id.
        self._stored: dict[Place, StoredObject] = {}
        self._revisions: dict[Place, int] = {}
        self._current: dict[Place, StoredObject | None] = {}
        self._touched: dict[Place, None] = {}
        self._pending_users: dict[str, list[StoredObject]] | None = None
        self._names: dict[tuple[str, str], str] = {}
        self._ids: dict[str, dict[str, None]] = defaultdict(dict)
        self._complete: set[str] = set()

    def find(self, model: type[T], name: str) -> T | None:
        """The object of that name, or None."""
        if (known := self._names.get((model.kind, name))) is not None:
            return self._as(model, self._current.get((model.kind, known)))
        if model.kind in self._complete:
            return None
        for owner in self.owners(f"name:{model.kind}", name, name):
            found = self._as(model, self._by_id(model, owner.id))
            return found if found and found.name == name else None
        return None

    def get(self, model: type[T], name: str) -> T:
        """The object of that name; raises NotFound that suggests similar names."""
        if (found := self.find(model, name)) is None:
            raise NotFound(model.kind, name, self.names(model))
        return found

    def names(self, model: type[T]) -> set[str]:
        """What the objects of a kind are called, in the store and in this transaction."""
        stored = {owner.key.value for owner in self.owners(f"name:{model.kind}")}
        return stored | {one.name for one in self.known(model)}

    def by_id(self, model: type[T], identity: str) -> T:
        """The object with this id; raises NotFound."""
        found = self._as(model, self._by_id(model, identity))
        if found is None:
            raise NotFound(model.kind, identity)
        return found

    def refuse_gone(self, known: StoredObject) -> None:
        """Raise NotFound for an object that an earlier transaction read if it is no more; it isn't read again."""
        owners = self.owners(f"name:{known.kind}", known.name, known.name)
        if not any(one.id == known.id for one in owners):
            self.by_id(type(known), known.id)

    def name_of(self, model: type[StoredObject], identity: str) -> str:
        """The name of an object, also of one that this transaction removes; its id if it is long gone."""
        found = self._by_id(model, identity) or self._stored.get((model.kind, identity))
        return found.name if found else identity

    def many(self, model: type[T], ids: Sequence[str]) -> list[T]:
        """The objects with these ids that exist."""
        missing = [one for one in ids if (model.kind, one) not in self._current]
        for record in self.transaction.fetch(model.kind, missing) if missing else ():
            self._keep(model, record)
        found = (self._as(model, self._current.get((model.kind, one))) for one in ids)
        return [one for one in found if one is not None]

    def all(self, model: type[T]) -> list[T]:
        """Every object of a kind, in the natural order of their names."""
        if model.kind not in self._complete:
            for record in self.transaction.fetch(model.kind):
                self._keep(model, record)
            self._complete.add(model.kind)
        return sorted(self.known(model), key=lambda one: natural(one.name))

    def known(self, model: type[T]) -> list[T]:
        """The objects of a kind that this transaction has read or made so far, and not removed."""
        kind, current = model.kind, self._current
        return [cast("T", found) for one in self._ids[kind] if (found := current[kind, one]) is not None]

    def add(self, made: StoredObject) -> None:
        """Add an object whose id is new, so that the store needn't be asked for it."""
        place = made.kind, made.id
        self._touched[place] = None
        self._pending_users = None
        self._current[place] = made
        self._ids[made.kind][made.id] = None
        self._names[made.kind, made.name] = made.id

    def put(self, changed: StoredObject) -> None:
        """Add or replace an object."""
        self._give_up(type(changed), changed.id)
        self.add(changed)

    def remove(self, gone: StoredObject) -> None:
        """Take an object away; `refuse_dangling` checks before the end that nothing refers to it."""
        self._give_up(type(gone), gone.id)
        self._touched[gone.kind, gone.id] = None
        self._pending_users = None
        self._current[gone.kind, gone.id] = None

    def owners(self, space: str, low: str = "", high: str = LAST) -> Sequence[Owner]:
        """Who holds keys of a space in the store, whatever this transaction has changed so far."""
        return self.transaction.owners(space, low, high)

    def users(self, target: StoredObject) -> list[StoredObject]:
        """The objects that refer to `target` once this transaction is done."""
        stored: dict[str, list[str]] = defaultdict(list)
        for owner in self.owners(f"{USES}:{target.id}"):
            if (owner.kind, owner.id) not in self._touched:
                stored[owner.kind].append(owner.id)
        users = list(self._users_pending().get(target.id, ()))
        for kind, ids in stored.items():
            users += self.many(KINDS[kind], ids)
        return sorted(users, key=lambda one: (one.kind, natural(one.name)))

    def changes(self) -> list[Change]:
        """What this transaction changed."""
        pairs = ((self._stored.get(place), self._current[place]) for place in self._touched)
        return [Change(before, after) for before, after in pairs if before != after]

    def writes(self) -> list[Write]:
        """The changes as the store takes them."""
        return [
            Write(
                kind=change.subject.kind,
                id=change.subject.id,
                revision=self._revisions.get((change.subject.kind, change.subject.id), 0),
                body=change.after.body() if change.after else None,
                keys=tuple(change.after.unique_keys()) if change.after else (),
            )
            for change in self.changes()
        ]

    def refuse_dangling(self) -> None:
        """Raise InUse if a removed object is still referred to, LunaError if a changed one refers to nothing."""
        for change in self.changes():
            if change.after is None and change.before is not None:
                self._refuse_used(change.before)
        wanted = {
            pair: change.after
            for change in self.changes()
            if change.after
            for pair in references(type(change.after), change.after)
        }
        for kind in sorted({kind for kind, _ in wanted}):
            ids = sorted(identity for of, identity in wanted if of == kind)
            for missing in sorted(set(ids) - {one.id for one in self.many(KINDS[kind], ids)}):
                user = wanted[kind, missing]
                raise LunaError(f"{user.kind} {user.name} refers to a {kind} that doesn't exist any more.")

    @contextmanager
    def relying_on_references(self) -> Iterator[None]:
        """While references are followed: who refers to something that is gone is named, and not its id."""
        try:
            yield
        except NotFound:
            self.refuse_dangling()
            raise

    def _refuse_used(self, gone: StoredObject) -> None:
        if users := self.users(gone):
            shown = ", ".join(f"{user.kind} {user.name}" for user in users[:SHOWN_USERS])
            more = f" and {len(users) - SHOWN_USERS} more" if len(users) > SHOWN_USERS else ""
            raise InUse(f"{gone.kind} {gone.name} can't be deleted: it is used by {shown}{more}.")

    def _by_id(self, model: type[StoredObject], identity: str) -> StoredObject | None:
        if (model.kind, identity) not in self._current:
            for record in self.transaction.fetch(model.kind, [identity]):
                self._keep(model, record)
        return self._current.get((model.kind, identity))

    def _keep(self, model: type[StoredObject], record: Record) -> None:
        place = model.kind, record.id
        if place in self._current:
            return
        stored = model.load(record.body)
        self._stored[place] = self._current[place] = stored
        self._ids[stored.kind][stored.id] = None
        self._revisions[place] = record.revision
        self._names[stored.kind, stored.name] = stored.id

    def _give_up(self, model: type[StoredObject], identity: str) -> None:
        """Before an object is replaced: its name is free, unless another has taken it meanwhile."""
        previous = self._by_id(model, identity)
        if previous is not None and self._names.get((model.kind, previous.name)) == identity:
            del self._names[model.kind, previous.name]

    def _users_pending(self) -> dict[str, list[StoredObject]]:
        """Which of the objects that this transaction touched refer to each id."""
        if self._pending_users is None:
            self._pending_users = defaultdict(list)
            for place in self._touched:
                if one := self._current[place]:
                    for target in {target for _, target in references(type(one), one)}:
                        self._pending_users[target].append(one)
        return self._pending_users

    @staticmethod
    def _as(model: type[T], found: StoredObject | None) -> T | None:
        # What has its place by this kind is of it; pydantic takes long to tell, and a burst of boots asks often.
        return cast("T | None", found)


def walk_changes(work: Work, model: type[T]) -> Iterator[tuple[T | None, T | None]]:
    """What changed of one kind, before and after."""
    for change in work.changes():
        if isinstance(change.subject, model):
            yield change.before, change.after  # type: ignore[misc]  # an object never changes its kind
