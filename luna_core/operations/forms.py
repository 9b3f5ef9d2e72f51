"""The outward form of objects, which people and files read and write: names for ids, and no plain secrets."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from luna_core.errors import MASK, BadInput, LunaError, NotFound
from luna_core.model import KINDS, StoredObject
from luna_core.model.fields import ENCRYPTED, Reference, Secret
from luna_core.model.walk import marked_paths, replace
from luna_core.operations.work import Work


def outward(work: Work, stored: StoredObject, *, mask: bool = True, defaults: bool = False) -> dict[str, Any]:
    """An object's fields as people write them; secrets as `***`, or encrypted as they are stored.

    Fields that have their default are left out, unless `defaults`.
    """
    body = named(work, type(stored), stored.model_dump(mode="json") if defaults else stored.body())
    if mask:
        body = replace(type(stored), body, Secret, lambda _, one: MASK)
    return {key: value for key, value in body.items() if key != "id"}


def named(work: Work, model: type[StoredObject], body: Mapping[str, Any]) -> dict[str, Any]:
    """A stored body with names for ids; those of objects that are gone are the last they had."""
    return dict(replace(model, dict(body), Reference, lambda mark, one: work.name_of(KINDS[mark.kind], one)))


def inward(work: Work, model: type[StoredObject], name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """What `outward` gave, or an administrator wrote, with ids for names and encrypted secrets.

    Raises BadInput for a name that doesn't exist and a secret that is a mask.
    """

    def find(mark: Reference, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        found = work.find(KINDS[mark.kind], value)
        if found is None:
            raise NotFound(mark.kind, value, work.names(KINDS[mark.kind]), of=f"{model.kind} {name}")
        return found.id

    def encrypt(_: Secret, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if value == MASK:
            raise BadInput(
                f"{model.kind} {name}: {MASK} stands for a secret that was not shown; give the secret itself."
            )
        if value.startswith(ENCRYPTED):
            work.keyring.decrypt(value)
        elif not work.keyring.key_file.exists():
            _refuse_second_key(work)
        return _stored_secrets(work, model, name).get(value) or work.keyring.encrypt(value)

    return dict(replace(model, replace(model, dict(fields), Reference, find), Secret, encrypt))


def _stored_secrets(work: Work, model: type[StoredObject], name: str) -> dict[str, str]:
    """An object's secrets as they are stored, by their plain text: one that is given again is no change."""
    kept: dict[str, str] = {}

    def keep(_: Secret, value: Any) -> Any:
        # What another key encrypted is unlike anything that is given.
        with suppress(LunaError):
            kept[work.keyring.decrypt(str(value))] = value
        return value

    if found := work.find(model, name):
        replace(model, found.body(), Secret, keep)
    return kept


def _refuse_second_key(work: Work) -> None:
    """A key made beside the lost or not yet copied one would leave secrets that no controller can read together."""
    for kind, model in KINDS.items():
        if secrets := [path[0] for path, _ in marked_paths(model, Secret)]:
            for one in work.all(model):
                if any(getattr(one, field) for field in secrets):
                    raise LunaError(
                        f"{kind} {one.name} has a secret, but its key, {work.keyring.key_file}, is missing: copy it "
                        "from the controller that has it. If it is lost, take back all secrets, then give new ones."
                    )
