"""Every value of a node or group with who says it: itself, one of its groups, the cluster, or nobody.

Made from stored records as they are, which hold what their object says and nothing else: showing a node then needs no
model, whose import takes longer than all the rest. `operations.inherit` is the same rule for objects.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from luna_core.errors import MASK, NotFound
from luna_core.interfaces import Transaction

Body = Mapping[str, Any]
OWN = ("switch", "port", "rack", "serial", "asset_tag", "disk_key")
SECRETS = frozenset({"disk_key"})
PROFILE = (
    "osimage",
    "image_version",
    "bmcsetup",
    "boot_address",
    "local_boot",
    "service",
    "root",
    "root_size",
    "numa_policy",
    "shard_cache",
    "disks",
    "local_boot_after_install",
    "kernel_arguments",
    "prescript",
    "partscript",
    "postscript",
)
INTERFACE = (
    "type",
    "networks",
    "dhcp",
    "mtu",
    "vlan",
    "parent",
    "members",
    "bond_mode",
    "infiniband_mode",
    "dns_suffix",
    "options",
    "mac",
)
REFERENCES = {"networks": "network"} | {kind: kind for kind in ("osimage", "bmcsetup", "switch", "group")}
DEFAULT = "default"


@dataclass(frozen=True)
class Said:
    """A value and the object that says it (`default` if nobody does)."""

    value: Any
    source: str


@dataclass(frozen=True)
class Speaker:
    """An object that may say something of a node."""

    title: str
    body: Body


def explain(transaction: Transaction, kind: str, identity: str) -> dict[str, Said]:
    """The values of a node or group by field, a dotted path for those of interfaces, with names for ids."""
    speakers = list(_speakers(transaction, kind, identity))
    own = speakers[0]
    said = {"name": Said(own.body["name"], own.title), "comment": Said(own.body.get("comment", ""), own.title)}
    if kind == "node":
        states = transaction.fetch("node_state", [identity])
        said["state"] = Said(states[0].body.get("state", "unknown") if states else "unknown", "luna")
        said |= {field: _own(transaction, own, field) for field in ("group", *OWN)}
    else:
        parent = own.body.get("parent")
        said["parent"] = Said(_name(transaction, "group", parent) if parent else None, own.title)
    said["tags"] = _tags(speakers)
    for field in PROFILE:
        said[field] = _said(transaction, speakers, field)
    return said | dict(_interfaces(transaction, speakers))


def nested(said: Mapping[str, Said]) -> dict[str, Any]:
    """The values alone, those of interfaces in a mapping of their own."""
    made: dict[str, Any] = {}
    for path, one in said.items():
        if path.startswith("interfaces."):
            interface, _, field = path.removeprefix("interfaces.").rpartition(".")
            made.setdefault("interfaces", {}).setdefault(interface, {})[field] = one.value
        else:
            made[path] = one.value
    return made


def interface_rows(transaction: Transaction, kind: str, identity: str) -> list[dict[str, Any]]:
    """The interfaces of a node or group with all their values, a row each."""
    shown = nested(explain(transaction, kind, identity))
    return [
        {kind: shown["name"], "interface": name, **{field: values.get(field) for field in (*INTERFACE, "addresses")}}
        for name, values in shown.get("interfaces", {}).items()
    ]


def identity_of(transaction: Transaction, kind: str, name: str) -> str | None:
    """The id of the object of that name, if there is one."""
    return next((owner.id for owner in transaction.owners(f"name:{kind}", name, name)), None)


def _speakers(transaction: Transaction, kind: str, identity: str) -> Iterator[Speaker]:
    """The object itself, its groups upwards, and the cluster."""
    above: str | None = identity
    while above:
        body = _body(transaction, kind, above)
        yield Speaker(f"{kind} {body['name']}", body)
        above = body.get("group") if kind == "node" else body.get("parent")
        kind = "group"
    for cluster in transaction.fetch("cluster"):
        yield Speaker(f"cluster {cluster.body['name']}", cluster.body)


def _body(transaction: Transaction, kind: str, identity: str) -> Body:
    for record in transaction.fetch(kind, [identity]):
        return record.body
    raise NotFound(kind, identity)


def _name(transaction: Transaction, kind: str, identity: str) -> str:
    return str(_body(transaction, kind, identity)["name"])


def _readable(transaction: Transaction, field: str, value: Any) -> Any:
    if field in SECRETS and value is not None:
        return MASK
    kind = REFERENCES.get(field)
    if kind is None or value is None:
        return value
    return (
        [_name(transaction, kind, one) for one in value] if isinstance(value, list) else _name(transaction, kind, value)
    )


def _own(transaction: Transaction, own: Speaker, field: str) -> Said:
    return Said(_readable(transaction, field, own.body.get(field)), own.title)


def _said(transaction: Transaction, speakers: Sequence[Speaker], field: str) -> Said:
    for one in speakers:
        if field in one.body:
            return Said(_readable(transaction, field, one.body[field]), one.title)
    return Said(None, DEFAULT)


def _tags(speakers: Sequence[Speaker]) -> Said:
    tags = {tag for one in speakers for tag in one.body.get("tags", ())}
    return Said(sorted(tags), ", ".join(one.title for one in speakers if one.body.get("tags")) or DEFAULT)


def _interfaces(transaction: Transaction, speakers: Sequence[Speaker]) -> Iterator[tuple[str, Said]]:
    own = speakers[0].body
    names = dict.fromkeys(name for one in reversed(speakers) for name in one.body.get("interfaces", ()))
    for name in names:
        specs = [Speaker(one.title, one.body.get("interfaces", {}).get(name, {})) for one in speakers]
        if specs[0].body.get("absent"):
            continue
        for field in INTERFACE:
            value = _said(transaction, specs, field)
            if field == "type" and value.value is None:
                value = Said("bmc" if name == "BMC" else "ethernet", DEFAULT)
            if value.value is not None:
                yield f"interfaces.{name}.{field}", value
        if addresses := [one["address"] for one in own.get("addresses", ()) if one["interface"] == name]:
            yield f"interfaces.{name}.addresses", Said(addresses, speakers[0].title)
