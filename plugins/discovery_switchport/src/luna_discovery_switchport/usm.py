"""Asks a switch that knows a user: SNMP v3 with the user-based security model (RFC 3414), by pysnmp.

pysnmp has no types of its own: only whole numbers, bytes and tuples leave this module.
"""

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv6Address
from typing import Any

from pyasn1.type.univ import Integer, Null, OctetString
from pysnmp.error import PySnmpError
from pysnmp.hlapi.v3arch import asyncio as snmp
from pysnmp.proto import errind

from luna_core.errors import BadInput
from luna_core.types import Switch
from luna_discovery_switchport import ber
from luna_discovery_switchport.failures import ATTEMPTS, SnmpError, silent

_SHORTEST_PASSWORD = 8
_COMMANDS = {ber.GET: snmp.get_cmd, ber.GET_NEXT: snmp.next_cmd, ber.GET_BULK: snmp.bulk_cmd}
_AUTHENTICATION = {
    "MD5": snmp.USM_AUTH_HMAC96_MD5,
    "SHA": snmp.USM_AUTH_HMAC96_SHA,
    "SHA224": snmp.USM_AUTH_HMAC128_SHA224,
    "SHA256": snmp.USM_AUTH_HMAC192_SHA256,
    "SHA384": snmp.USM_AUTH_HMAC256_SHA384,
    "SHA512": snmp.USM_AUTH_HMAC384_SHA512,
}
_PRIVACY = {
    "DES": snmp.USM_PRIV_CBC56_DES,
    "AES": snmp.USM_PRIV_CFB128_AES,
    "AES192": snmp.USM_PRIV_CFB192_AES,
    "AES256": snmp.USM_PRIV_CFB256_AES,
}
_REFUSALS: Mapping[Any, str] = {
    errind.UnknownUserName: "it knows no SNMP v3 user {switch.user!r}.",
    errind.UnknownSecurityName: "it knows no SNMP v3 user {switch.user!r}.",
    errind.WrongDigest: "the authentication password or protocol ({switch.auth_protocol}) is wrong.",
    errind.AuthenticationFailure: "the authentication password or protocol ({switch.auth_protocol}) is wrong.",
    errind.DecryptionError: "the privacy password or protocol ({switch.privacy_protocol}) is wrong.",
    errind.UnsupportedSecurityLevel: "user {switch.user!r} may not ask at this level of authentication and privacy.",
    errind.NotInTimeWindow: "its SNMP v3 clock can't be followed; restart its agent.",
}


class UsmTalk:
    """A switch and an engine of its own, for users of several switches may share a name but not a password."""

    def __init__(self, switch: Switch, engine: Any = None) -> None:
        """Raises BadInput if the switch has no user, or a password that is too short."""
        self.switch = switch
        self._user = _user(switch)
        self._engine = engine or snmp.SnmpEngine()
        self._is_lent = engine is not None
        self._context = snmp.ContextData(contextName=switch.context.encode())
        self._target: Any = None

    def of_vlan(self, vlan: int) -> "UsmTalk":
        """The same switch for one VLAN, as Cisco has it."""
        return UsmTalk(replace(self.switch, context=f"vlan-{vlan}"), self._engine)

    async def ask(self, kind: int, oid: ber.Oid, repetitions: int = 0) -> ber.Response:
        """The answer to one request. Raises Silent, SnmpError that says what the switch refused."""
        self._target = self._target or await self._resolve()
        numbers = (0, repetitions) if kind == ber.GET_BULK else ()
        wanted = snmp.ObjectType(snmp.ObjectIdentity(oid))
        try:
            failed, status, _, binds = await _COMMANDS[kind](
                self._engine, self._user, self._target, self._context, *numbers, wanted, lookupMib=False
            )
        except PySnmpError as error:
            raise SnmpError(f"switch {self.switch.name}: {str(error).partition(chr(10))[0].rstrip('.')}.") from error
        if failed:
            raise _explained(self.switch, failed)
        return ber.Response(0, int(status), [(tuple(bind[0]), _plain(bind[1])) for bind in binds])

    def close(self) -> None:
        """Close the socket, unless it is that of the whole switch."""
        if not self._is_lent:
            self._engine.close_dispatcher()

    async def _resolve(self) -> Any:
        address = self.switch.addresses[0]
        kind = snmp.Udp6TransportTarget if isinstance(address, IPv6Address) else snmp.UdpTransportTarget
        where = (str(address), self.switch.snmp_port)
        return await kind.create(where, timeout=self.switch.timeout_s, retries=ATTEMPTS - 1)


def _explained(switch: Switch, failed: Any) -> SnmpError:
    if isinstance(failed, errind.RequestTimedOut):
        return silent(switch)
    for kind, sentence in _REFUSALS.items():
        if isinstance(failed, kind):
            return SnmpError(f"switch {switch.name}: {sentence.format(switch=switch)}")
    return SnmpError(f"switch {switch.name}: {failed}.")


def _user(switch: Switch) -> Any:
    if not switch.user:
        raise BadInput(f"switch {switch.name}: user: it has none; SNMP v3 needs one.")
    if switch.privacy_protocol and not switch.auth_protocol:
        raise BadInput(f"switch {switch.name}: auth_protocol: it has none, and privacy needs one.")
    for field, protocol in (("auth", switch.auth_protocol), ("privacy", switch.privacy_protocol)):
        if protocol and len(getattr(switch, f"{field}_password")) < _SHORTEST_PASSWORD:
            raise BadInput(f"switch {switch.name}: {field}_password: accepted are 8 characters or more (RFC 3414).")
    return snmp.UsmUserData(
        switch.user,
        authKey=switch.auth_password if switch.auth_protocol else None,
        privKey=switch.privacy_password if switch.privacy_protocol else None,
        authProtocol=_AUTHENTICATION.get(switch.auth_protocol or ""),
        privProtocol=_PRIVACY.get(switch.privacy_protocol or ""),
    )


def _plain(value: Any) -> ber.Value | None:
    """None for the exceptions of RFC 3416 (noSuchObject and its like), and for types that no table here has."""
    if isinstance(value, Null):
        return None
    if isinstance(value, OctetString):
        return bytes(value)
    return int(value) if isinstance(value, Integer) else None
