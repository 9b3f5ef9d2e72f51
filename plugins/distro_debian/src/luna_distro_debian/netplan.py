"""netplan: one YAML file, netplan(5)."""

from collections.abc import Sequence
from typing import Any

from luna_core.distro.links import (
    Link,
    default_routes,
    links,
    nameservers,
    parent_name,
    rename_files,
    searched,
    system_name,
)
from luna_core.distro.routes import own_tables
from luna_core.errors import BadInput
from luna_core.types import InterfaceAddress, Node, NodeFile

SECTIONS = {"ethernet": "ethernets", "infiniband": "ethernets", "bond": "bonds", "vlan": "vlans", "bridge": "bridges"}


def files(node: Node) -> Sequence[NodeFile]:
    """Netplan's file, as JSON, which is YAML; netplan(5) wants it readable by root only.

    The renderer is said, for an image made for desktops says NetworkManager in a file of its own.
    """
    import json

    network: dict[str, Any] = {"version": 2, "renderer": "networkd"}
    for link in links(node):
        section = network.setdefault(SECTIONS[link.interface.type], {})
        section[link.name] = _described(node, link)
    content = json.dumps({"network": network}, indent=2) + "\n"
    return [*rename_files(node), NodeFile(path="/etc/netplan/50-luna.yaml", content=content, mode=0o600)]


def _described(node: Node, link: Link) -> dict[str, Any]:
    interface = link.interface
    if interface.options:
        raise BadInput(
            f"node {node.name}: interface {interface.name}: options: some were given; accepted are none with netplan, "
            "which the image has: put them into a file in the image's /etc/netplan."
        )
    described: dict[str, Any] = {"dhcp4": interface.dhcp, "dhcp6": interface.dhcp, "accept-ra": interface.dhcp}
    if link.mac:
        described |= {"match": {"macaddress": link.mac}, "set-name": link.name}
    if interface.mtu:
        described["mtu"] = interface.mtu
    if interface.infiniband_mode:
        described["infiniband-mode"] = interface.infiniband_mode
    described["nameservers"] = {"addresses": nameservers(interface), "search": searched(node, interface)}
    if interface.dhcp:
        described |= _dhcp(link)
    elif interface.addresses:
        described["addresses"] = [str(one.address) for one in interface.addresses]
    return described | _routes(node, link) | _composition(link)


def _routes(node: Node, link: Link) -> dict[str, Any]:
    routes: list[dict[str, Any]] = []
    rules = []
    if not link.interface.dhcp:
        routes += ({**_default(one), "metric": metric} for one, metric in default_routes(link))
    for one, table in own_tables(node, link):
        routes += ({"to": str(one.address.network), "scope": "link", "table": table}, {**_default(one), "table": table})
        rules.append({"from": str(one.address.ip), "table": table, "priority": table})
    return ({"routes": routes} if routes else {}) | ({"routing-policy": rules} if rules else {})


def _default(one: InterfaceAddress) -> dict[str, Any]:
    return {"to": "default", "via": str(one.gateway), "on-link": True}


def _dhcp(link: Link) -> dict[str, Any]:
    metric = {"route-metric": link.metric}
    # By its MAC, as the firmware and iPXE asked, so that it gets the same address.
    return {"dhcp-identifier": "mac", "dhcp4-overrides": metric, "dhcp6-overrides": metric}


def _composition(link: Link) -> dict[str, Any]:
    interface = link.interface
    members = [system_name(name) for name in interface.members]
    if interface.type == "bond":
        mode = interface.bond_mode or "active-backup"
        return {"interfaces": members, "parameters": {"mode": mode, "mii-monitor-interval": 100}}
    if interface.type == "bridge":
        return {"interfaces": members, "parameters": {"stp": False}}
    if interface.type == "vlan":
        return {"id": interface.vlan, "link": parent_name(link)}
    return {}
