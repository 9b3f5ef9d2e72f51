"""The whole cluster as one document: exported, and applied again."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from luna_core.errors import BadInput
from luna_core.model import KINDS, Cluster, Node, SettingValue, StoredObject
from luna_core.model.base import new_id
from luna_core.operations.addresses import settle
from luna_core.operations.configure import declared_setting
from luna_core.operations.forms import inward, outward
from luna_core.operations.work import Work
from luna_core.settings import parse_setting
from luna_core.types import Setting

FORMAT = 1
MANY = 100
GIVEN_BY_LUNA = {"node": ("addresses", "disk_key"), "osimage": ("latest",)}


@dataclass(frozen=True)
class Given:
    """One object of a document; without `fields` where it says null."""

    model: type[StoredObject]
    name: str
    fields: Mapping[str, Any]
    is_null: bool = False


def export(work: Work, kinds: Sequence[str] = ()) -> dict[str, Any]:
    """Every object in its outward form by kind and name; secrets stay encrypted with this cluster's key."""
    document: dict[str, Any] = {"luna": FORMAT}
    for kind, model in KINDS.items():
        objects = work.all(model) if not kinds or kind in kinds else []
        if objects:
            forms = {one.name: outward(work, one, mask=False) for one in objects}
            document[kind] = {name: {key: form[key] for key in form if key != "name"} for name, form in forms.items()}
    return document


def apply(
    work: Work,
    document: object,
    *,
    prune: bool = False,
    merge: bool = False,
    declared: Sequence[Setting] | None = None,
) -> None:
    """Make the objects of a document, and change those that exist, to be exactly as it says.

    Objects that it doesn't name stay, or go if `prune`. With `merge` it is a merge patch (RFC 7396): fields that it
    doesn't name stay as well, null takes a field back and an object away. What luna itself gave (addresses, keys, the
    image version in force) stays where the document doesn't say it. With `declared`, settings must be of those. Raises
    BadInput that names object and field.
    """
    given = _parse(document)
    if merge:
        given = list(_merged(work, given))
    if declared is not None:
        _refuse_misset(work, given, declared)
    _announce(work, given)
    for one in given:
        target = work.get(one.model, one.name)
        kept = {field: getattr(target, field) for field in GIVEN_BY_LUNA.get(one.model.kind, ())}
        fields = inward(work, one.model, one.name, one.fields)
        work.put(one.model.load({**kept, **fields, "id": target.id, "name": one.name}))
    if prune:
        _prune(work, given)
    _refuse_lost_addresses(work, given)


def _parse(document: object) -> list[Given]:
    if not isinstance(document, dict) or document.get("luna") != FORMAT:
        raise BadInput(f"The document has no 'luna: {FORMAT}'; accepted is what 'luna export' writes.")
    if unknown := [kind for kind in document if kind != "luna" and kind not in KINDS]:
        raise BadInput(f"The document has {unknown[0]!r}; accepted are {', '.join(KINDS)}.")
    given = []
    for kind, model in KINDS.items():
        objects = document.get(kind, {})
        if not isinstance(objects, dict):
            raise BadInput(f"{kind}: {objects!r} was given; accepted are objects by name.")
        for name, fields in objects.items():
            given.append(_given(model, name, fields))
    return given


def _given(model: type[StoredObject], name: object, fields: object) -> Given:
    values = {} if fields is None else fields
    if not isinstance(name, str) or not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise BadInput(f"{model.kind} {name}: {fields!r} was given; accepted are fields by name.")
    if forbidden := {"id", "name"} & set(values):
        raise BadInput(f"{model.kind} {name}: {min(forbidden)}: accepted is only the name before the colon.")
    return Given(model, name, values, is_null=fields is None)


def _merged(work: Work, given: Sequence[Given]) -> Iterator[Given]:
    for one in given:
        stored = work.find(one.model, one.name)
        if not one.is_null:
            before = outward(work, stored, mask=False) if stored else {}
            silent = {"name", *GIVEN_BY_LUNA.get(one.model.kind, ())}
            yield replace(one, fields=_patched({key: before[key] for key in before.keys() - silent}, one.fields))
        elif one.model is Cluster:
            raise BadInput(f"cluster {one.name}: null was given; accepted are fields by name.")
        elif stored:
            work.remove(stored)


def _patched(before: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    after = dict(before)
    for key, value in patch.items():
        if value is None:
            after.pop(key, None)
        elif isinstance(value, Mapping):
            after[key] = _patched(after[key] if isinstance(after.get(key), Mapping) else {}, value)
        else:
            after[key] = value
    return after


def _refuse_misset(work: Work, given: Sequence[Given], declared: Sequence[Setting]) -> None:
    """A setting that nobody declares or that has another type would count for nothing; what is stored may stay so."""
    for one in given:
        if one.model is SettingValue:
            stored = work.find(SettingValue, one.name)
            value = one.fields.get("value")
            if stored is None or stored.value != (tuple(value) if isinstance(value, list) else value):
                parse_setting(declared_setting(declared, one.name), value)


def _announce(work: Work, given: Sequence[Given]) -> None:
    """Objects may refer to each other in any order, so each gets its id before any reference is looked up."""
    for model, count in Counter(one.model for one in given).items():
        if count > MANY:
            work.all(model)  # one question to the store instead of one for each
    for one in given:
        if work.find(one.model, one.name) is None:
            work.add(one.model.model_construct(id=new_id(), name=one.name))


def _prune(work: Work, given: Sequence[Given]) -> None:
    named = {(one.model, one.name) for one in given}
    if not any(one.model is Cluster for one in given):
        raise BadInput("The document has no cluster; accepted with --prune is a document of a whole cluster.")
    for model in KINDS.values():
        for stored in work.all(model):
            if (model, stored.name) not in named:
                work.remove(stored)


def _refuse_lost_addresses(work: Work, given: Sequence[Given]) -> None:
    """An address for an interface or network that the node doesn't have would vanish without a word."""
    said = {
        one.name: work.get(Node, one.name).addresses for one in given if "addresses" in one.fields and one.model is Node
    }
    settle(work)
    for name, addresses in said.items():
        kept = set(work.get(Node, name).addresses)
        for one in addresses:
            if one not in kept:
                raise BadInput(
                    f"node {name}: addresses: {one.address} was given for {one.interface}; accepted are addresses in "
                    "networks of the node's interfaces, one of each family for each."
                )
