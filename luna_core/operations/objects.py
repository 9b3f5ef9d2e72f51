"""What can be done to an object of any kind. Fields come in their outward form; None takes a value back."""

from collections.abc import Mapping
from typing import Any, TypeVar

from luna_core.errors import AlreadyExists, BadInput
from luna_core.model import Cluster, ImageVersion, OsImage, StoredObject
from luna_core.operations.forms import inward
from luna_core.operations.work import Work

T = TypeVar("T", bound=StoredObject)

NOT_CLONED = {"id", "addresses", "serial", "asset_tag", "disk_key", "port", "latest", "subnets"}


def add(work: Work, model: type[T], name: str, fields: Mapping[str, Any]) -> T:
    """Make an object; raises AlreadyExists for a name that is taken, BadInput for a bad field."""
    refuse_taken(work, model, name)
    given = {key: value for key, value in fields.items() if value is not None}
    made = model.new(**{**inward(work, model, name, given), "name": name})
    work.add(made)
    return made


def change(work: Work, model: type[T], name: str, fields: Mapping[str, Any]) -> T:
    """Give an object other values; raises NotFound, BadInput."""
    current = work.get(model, name)
    values = {**current.body(), **inward(work, model, name, fields)}
    changed = model.load({key: value for key, value in values.items() if value is not None})
    work.put(changed)
    return changed


def rename(work: Work, model: type[T], name: str, new: str) -> T:
    """Give an object another name; whatever refers to it still does."""
    current = work.get(model, name)
    if new != name:
        refuse_taken(work, model, new)
    renamed = current.changed(name=new)
    work.put(renamed)
    if isinstance(renamed, OsImage):
        # Its versions are called after it, and a later image of the old name must find theirs free.
        for version in work.users(renamed):
            if isinstance(version, ImageVersion):
                work.put(version.changed(name=f"{new}-{version.number}"))
    return renamed


def clone(work: Work, model: type[T], name: str, new: str, fields: Mapping[str, Any]) -> T:
    """Make an object like another, but for `fields` and what can't be shared: addresses, MACs, ports, serials, keys."""
    current = work.get(model, name)
    refuse_taken(work, model, new)
    body = {key: value for key, value in current.body().items() if key not in NOT_CLONED}
    if model.kind == "node":
        body["interfaces"] = {
            interface: {key: value for key, value in spec.items() if key != "mac"}
            for interface, spec in body.get("interfaces", {}).items()
        }
    given = {key: value for key, value in fields.items() if value is not None}
    cloned = model.new(**{**body, **inward(work, model, new, given), "name": new})
    work.add(cloned)
    return cloned


def delete(work: Work, model: type[T], name: str) -> T:
    """Remove an object; raises NotFound, and at the end of the transaction InUse if others refer to it."""
    current = work.get(model, name)
    if isinstance(current, Cluster):
        raise BadInput(f"cluster {name}: it can't be deleted; a new store is made by another LUNA_STORE.")
    work.remove(current)
    return current


def refuse_taken(work: Work, model: type[StoredObject], name: str) -> None:
    """Raise AlreadyExists if an object has the name."""
    if work.find(model, name) is not None:
        raise AlreadyExists(f"{model.kind} {name}: the name is taken; accepted is one that no {model.kind} has.")
