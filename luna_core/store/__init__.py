"""Where the cluster lives. `open_store` is the one way to it; nothing else knows which store is in use."""

from luna_core.errors import BadInput
from luna_core.interfaces import Store
from luna_core.settings import MachineSettings
from luna_core.store.documents import redacted
from luna_core.store.migrations import upgrade

ACCEPTED = "sqlite:///path/to/luna.db, mongodb://host:port/database or mongodb+srv://host/database"


def open_store(settings: MachineSettings) -> Store:
    """Open the store that `settings.store` names, made if need be and brought up to this luna's version.

    Raises BadInput for a URL of no known kind, StoreError for a store that can't be used.
    """
    store = _store(settings)
    try:
        upgrade(store)
    except BaseException:
        store.close()
        raise
    return store


def is_there(settings: MachineSettings) -> bool:
    """Whether opening the store would not make a new file."""
    if not settings.store.startswith("sqlite://"):
        return True
    from luna_core.store.sqlite_file import path_of

    return path_of(settings.store).exists()


def _store(settings: MachineSettings) -> Store:
    scheme, separator, _ = settings.store.partition("://")
    if not separator or not scheme:
        raise BadInput(f"LUNA_STORE is {redacted(settings.store)!r}; accepted are {ACCEPTED}.")
    if scheme == "sqlite":
        from luna_core.store.sqlite import SqliteStore

        return SqliteStore(settings.store)
    if scheme in ("mongodb", "mongodb+srv"):
        from luna_core.store.mongodb import MongoStore

        return MongoStore(settings.store)
    from luna_core.drivers import load

    return load("luna.store", scheme, settings)
