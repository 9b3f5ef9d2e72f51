"""The objects of a cluster, as administrators name them."""

from luna_core.model.base import Part, StoredObject
from luna_core.model.network import AddressRange, Network, Subnet, ZoneRecord
from luna_core.model.objects import (
    DEVICES,
    AssignedAddress,
    BmcSetup,
    Cluster,
    Device,
    DeviceAddress,
    Group,
    ImageVersion,
    Node,
    NodeInterface,
    NodeState,
    OsImage,
    OtherDev,
    SettingValue,
    Switch,
)
from luna_core.model.profile import InterfaceSpec, Profile

KINDS: dict[str, type[StoredObject]] = {
    model.kind: model
    for model in (Cluster, SettingValue, Network, BmcSetup, OsImage, ImageVersion, Switch, OtherDev, Group, Node)
}
"""Every kind that has a history and is exported, those that others refer to first."""

__all__ = [
    "DEVICES",
    "KINDS",
    "AddressRange",
    "AssignedAddress",
    "BmcSetup",
    "Cluster",
    "Device",
    "DeviceAddress",
    "Group",
    "ImageVersion",
    "InterfaceSpec",
    "Network",
    "Node",
    "NodeInterface",
    "NodeState",
    "OsImage",
    "OtherDev",
    "Part",
    "Profile",
    "SettingValue",
    "StoredObject",
    "Subnet",
    "Switch",
    "ZoneRecord",
]
