"""Looking into what BMCs say, none of which can be relied upon to have the form that its schema has."""

from collections.abc import Mapping
from typing import Any

Resource = dict[str, Any]


def record(resource: Mapping[str, Any], *names: str) -> Resource:
    """The object that is found by these names, one inside the other; empty if there is none."""
    found: Any = resource
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def records(resource: Mapping[str, Any], *names: str) -> list[Resource]:
    """The objects in the list that is found by these names."""
    found = record(resource, *names[:-1]).get(names[-1])
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def text(resource: Mapping[str, Any], name: str) -> str:
    """The text or number called `name` as text; empty if there is none."""
    found = resource.get(name)
    return "" if found is None or isinstance(found, dict | list) else str(found)


def texts(resource: Mapping[str, Any], name: str) -> list[str]:
    """The texts in the list called `name`; empty if there is none, which in Redfish means: not said."""
    found = resource.get(name)
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def link_of(resource: Mapping[str, Any], *names: str) -> str:
    """Where the object that is found by these names is, or an empty text."""
    return text(record(resource, *names), "@odata.id")
