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
from luna_core.errors import BadInput
from luna_core.types import Node, NodeFile

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
    described["nameservers"] = {"addresses": nameservers(interface), "search": searched(node, interface)}
    return described | (_dhcp(link) if interface.dhcp else _static(link)) | _composition(link)


def _static(link: Link) -> dict[str, Any]:
    described: dict[str, Any] = {}
    if link.interface.addresses:
        described["addresses"] = [str(one.address) for one in link.interface.addresses]
    if routes := [
        {"to": "default", "via": str(one.gateway), "on-link": True, "metric": metric}
        for one, metric in default_routes(link)
    ]:
        described["routes"] = routes
    return described


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
