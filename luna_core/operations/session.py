"""The way into a cluster: opens the store once, and runs each operation in one transaction."""

import getpass
import os
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Self, TypeVar

from luna_core.errors import AlreadyExists
from luna_core.interfaces import Store, Transaction
from luna_core.settings import CORE_SETTINGS, MachineSettings, machine_settings
from luna_core.store import open_store
from luna_core.types import Setting, SettingValue

# The model takes longer to import than all else together, and listing ten thousand nodes does without it.
if TYPE_CHECKING:
    from luna_core.hooks import Hooks
    from luna_core.operations.differences import Difference
    from luna_core.operations.work import Work
    from luna_core.secrets import Keyring

R = TypeVar("R")
T = TypeVar("T")


class DryRun(Exception):
    """Ends a transaction that is only to show what it would do."""


class Luna:
    """A cluster in its store, with the plugins of this machine. Use it as a context manager."""

    def __init__(self, settings: MachineSettings, *, who: str = "", why: str = "") -> None:
        self.settings = settings
        self.who = who or administrator()
        self.why = why

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if "store" in self.__dict__:
            self.store.close()

    @cached_property
    def store(self) -> Store:
        """The store, opened when it is first needed."""
        return open_store(self.settings)

    @cached_property
    def keyring(self) -> "Keyring":
        """What encrypts the secrets of this cluster."""
        from luna_core.secrets import Keyring

        return Keyring(self.settings.key_file)

    @cached_property
    def hooks(self) -> "Hooks":
        """The plugins, loaded when they are first needed."""
        from luna_core.hooks import Hooks
        from luna_core.plugins import Plugins

        return Hooks(Plugins(self.settings))

    def declared_settings(self) -> list[Setting]:
        """The cluster's settings that luna and its plugins know."""
        return [*CORE_SETTINGS, *(answer.value for answer in self.hooks.luna_settings())]

    def cluster_settings(self) -> dict[str, SettingValue]:
        """Every declared setting of the cluster with its value."""
        from luna_core.operations.configure import settings

        declared = self.declared_settings()
        return self.read(lambda work: settings(work, declared))

    def look(self, operation: Callable[[Transaction], T]) -> T:
        """What `operation` returns from the stored records as they are, which is the fast way to long lists."""
        return self.store.run(operation, write=False)

    def read(self, operation: "Callable[[Work], T]") -> T:
        """What `operation` returns from one consistent view of the cluster."""
        from luna_core.operations.work import Work

        return self.look(lambda transaction: operation(Work(transaction, self.keyring)))

    def note(self, operation: "Callable[[Work], T]") -> T:
        """Run `operation` and write what it changes without a history entry: for what machines report, not people.

        Raises RuntimeError if it changed an object that has a history.
        """
        from luna_core.model import KINDS
        from luna_core.operations.work import Work

        def attempt(transaction: Transaction) -> T:
            work = Work(transaction, self.keyring)
            result = operation(work)
            writes = work.writes()
            if recorded := {write.kind for write in writes} & set(KINDS):
                raise RuntimeError(f"{min(recorded)} objects are changed with Luna.change, which keeps their history")
            transaction.apply(writes)
            return result

        return self.store.run(attempt, write=True)

    def change(self, operation: "Callable[[Work], T]", what: str, *, dry_run: bool = False) -> T:
        """Run `operation` and write all its changes with their history entry, or none of them.

        `what` says in the history what was done. With `dry_run` everything is checked and nothing written.
        Raises what the operation raises, InUse, Conflict, and AlreadyExists that names both objects.
        """
        return self._change(operation, lambda work, result: result, what, dry_run)

    def changes(self, operation: "Callable[[Work], object]", what: str, *, dry_run: bool = False) -> "list[Difference]":
        """Like `change`, but returns what became, or with `dry_run` would become, different."""
        from luna_core.operations.differences import pending

        return self._change(operation, lambda work, _: pending(work), what, dry_run)

    def _change(
        self, operation: "Callable[[Work], T]", answer: "Callable[[Work, T], R]", what: str, dry_run: bool
    ) -> R:
        results: list[R] = []

        def attempt(transaction: Transaction) -> R:
            results.append(self._attempt(transaction, operation, answer, what))
            if dry_run:
                raise DryRun
            return results[-1]

        try:
            return self.store.run(attempt, write=True)
        except DryRun:
            return results[-1]
        except AlreadyExists as error:
            if not error.space:
                raise
            clash = error
        from luna_core.operations.clashes import explain

        raise AlreadyExists(self.read(lambda work: explain(work, str(clash), clash)))

    def _attempt(
        self,
        transaction: Transaction,
        operation: "Callable[[Work], T]",
        answer: "Callable[[Work, T], R]",
        what: str,
    ) -> R:
        from luna_core.boot.sessions import forget_deleted
        from luna_core.operations import clashes, history
        from luna_core.operations.addresses import settle
        from luna_core.operations.bmcsetups import refuse_open_secrets
        from luna_core.operations.integrity import refuse_misfits
        from luna_core.operations.work import Work

        work = Work(transaction, self.keyring)
        result = operation(work)
        settle(work)
        refuse_misfits(work)
        refuse_open_secrets(work, self.settings)
        work.refuse_dangling()
        forget_deleted(work)
        answered = answer(work, result)
        changes = work.changes()
        clashes.refuse_twice(changes)
        try:
            transaction.apply([*work.writes(), *history.record(work, who=self.who, what=what, why=self.why)])
        except AlreadyExists as clash:
            raise AlreadyExists(clashes.wanting(changes, clash), space=clash.space, value=clash.value) from clash
        return answered


def connect(settings: MachineSettings | None = None, *, who: str = "", why: str = "") -> Luna:
    """The cluster that this machine's settings name."""
    return Luna(settings or machine_settings(), who=who, why=why)


def administrator() -> str:
    """Who is at work on this machine, also behind sudo."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
