"""netplan: one YAML file, netplan(5)."""

from collections.abc import Sequence
from typing import Any

from luna_core.errors import BadInput
from luna_core.types import Interface, Node, NodeFile
from luna_distro_debian.names import Link, default_gateways, domains, links, nameservers, rename_files, system_name

SECTIONS = {"ethernet": "ethernets", "infiniband": "ethernets", "bond": "bonds", "vlan": "vlans", "bridge": "bridges"}


def files(node: Node) -> Sequence[NodeFile]:
    """Netplan's file, as JSON, which is YAML; netplan(5) wants it readable by root only."""
    import json

    network: dict[str, Any] = {"version": 2}
    for link in links(node):
        section = network.setdefault(SECTIONS[link.interface.type], {})
        section[link.name] = _described(node, link)
    content = json.dumps({"network": network}, indent=2) + "\n"
    return [*rename_files(node), NodeFile(path="/etc/netplan/50-luna.yaml", content=content, mode=0o600)]


def _described(node: Node, link: Link) -> dict[str, Any]:
    interface = link.interface
    if interface.options:
        raise BadInput(f"node {node.name}: interface {interface.name}: options are not accepted with netplan.")
    described: dict[str, Any] = {"dhcp4": interface.dhcp, "dhcp6": interface.dhcp, "accept-ra": interface.dhcp}
    if interface.mac and interface.type == "ethernet":
        described |= {"match": {"macaddress": interface.mac}, "set-name": link.name}
    if interface.mtu:
        described["mtu"] = interface.mtu
    if interface.addresses and not interface.dhcp:
        described["addresses"] = [str(one.address) for one in interface.addresses]
        described["routes"] = [
            {"to": "default", "via": str(one.gateway), "on-link": True} for one in default_gateways(interface)
        ]
    if servers := nameservers(interface):
        described["nameservers"] = {"addresses": servers, "search": domains(interface)}
    return described | _composition(node, interface)


def _composition(node: Node, interface: Interface) -> dict[str, Any]:
    members = [system_name(node, name) for name in interface.members]
    if interface.type == "bond":
        mode = interface.bond_mode or "active-backup"
        return {"interfaces": members, "parameters": {"mode": mode, "mii-monitor-interval": 100}}
    if interface.type == "bridge":
        return {"interfaces": members}
    if interface.type == "vlan":
        return {"id": interface.vlan, "link": system_name(node, str(interface.parent))}
    return {}
