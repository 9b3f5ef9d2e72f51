"""What those who ask switches over SNMP need to know of them."""

from luna_core import types
from luna_core.model import Switch
from luna_core.operations.work import Work


def switches(work: Work) -> list[types.Switch]:
    """Every switch with its secrets in plain text. Raises LunaError if the key that decrypts them is missing."""
    return [_facts(work, one) for one in work.all(Switch)]


def _facts(work: Work, stored: Switch) -> types.Switch:
    def plain(secret: str | None) -> str:
        return work.keyring.decrypt(secret) if secret else ""

    return types.Switch(
        name=stored.name,
        addresses=tuple(one.address for one in stored.addresses),
        macs=tuple(one.mac for one in stored.addresses if one.mac),
        snmp_version=stored.snmp_version,
        community=plain(stored.community),
        user=stored.user or "",
        auth_protocol=stored.auth_protocol,
        auth_password=plain(stored.auth_password),
        privacy_protocol=stored.privacy_protocol,
        privacy_password=plain(stored.privacy_password),
        context=stored.context or "",
        snmp_port=stored.snmp_port,
        timeout_s=stored.timeout_s,
        vlans=stored.vlans,
        port_numbers=stored.port_numbers,
        uplinks=stored.uplinks,
    )
