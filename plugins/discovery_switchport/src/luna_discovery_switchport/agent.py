"""Asks one switch over SNMP: v1 (RFC 1157), v2c (RFC 3416) or v3 with the user-based security model (RFC 3414).

pysnmp does the talking. It has no types of its own, so what leaves this module are whole numbers, bytes and tuples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from ipaddress import IPv6Address
from typing import Any

from pyasn1.type.univ import Integer, Null, OctetString
from pysnmp.error import PySnmpError
from pysnmp.hlapi.v3arch import asyncio as snmp
from pysnmp.proto import errind

from luna_core.errors import BadInput, LunaError
from luna_core.types import Switch

Oid = tuple[int, ...]
Value = int | bytes
TOO_BIG, NO_SUCH_NAME, AUTHORIZATION_ERROR = 1, 2, 16
MOST_ROWS = 200_000
_REPETITIONS = 40
_SHRINKING = 4
_RETRIES = 1
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


class SnmpError(LunaError):
    """The switch can't be asked, or answers with an error; the text says which."""


class Silent(SnmpError):
    """No answer came within the time-out."""


class Circle(SnmpError):
    """The switch answers with rows that it gave before, so its table would never end."""


class Engines:
    """pysnmp's engines. One serves all switches of v1 or v2c; v3 needs one each, for users may share a name."""

    def __init__(self) -> None:
        self._shared: dict[str, Any] = {}
        self._all: list[Any] = []

    def engine(self, version: str) -> Any:
        """An engine for a switch of this SNMP version."""
        if version == "3" or version not in self._shared:
            self._shared[version] = snmp.SnmpEngine()
            self._all.append(self._shared[version])
        return self._shared[version]

    def close(self) -> None:
        """Close the sockets."""
        for one in self._all:
            one.close_dispatcher()


class Agent:
    """The SNMP agent of one switch. Use one of them for a switch at a time: it learns how large answers may be."""

    def __init__(self, switch: Switch, engine: Any) -> None:
        """Raises BadInput if the switch lacks an address, community or user, or has a password that is too short."""
        self.switch = switch
        self._engine = engine
        self._who = _credentials(switch)
        self._context = snmp.ContextData(contextName=switch.context.encode())
        self._target: Any = None
        self._answered = False
        self._repetitions = 0 if switch.snmp_version == "1" else _REPETITIONS

    def of_vlan(self, vlan: int) -> "Agent":
        """The same switch, asked for one VLAN as Cisco has it: `community@VLAN`, with v3 the context `vlan-VLAN`."""
        community, context = f"{self.switch.community}@{vlan}", f"vlan-{vlan}"
        secret = {"context": context} if self.switch.snmp_version == "3" else {"community": community}
        agent = Agent(replace(self.switch, **secret), self._engine)  # type: ignore[arg-type]  # both are texts
        agent._repetitions = self._repetitions
        return agent

    async def get(self, *oids: Oid) -> list[Value | None]:
        """The values of these objects; None for one that the switch lacks. Raises SnmpError."""
        answers: list[Value | None] = []
        for oid in oids:
            # One by one, for with v1 a single missing object is an error for all of them.
            status, binds = await self._ask(snmp.get_cmd, (), oid)
            answers.append(None if status else _plain(binds[0][1]))
        return answers

    async def walk(self, column: Oid) -> dict[Oid, Value]:
        """The rows of a table's column by their index. Raises SnmpError, Circle for a table without an end."""
        rows: dict[Oid, Value] = {}
        at, length = column, len(column)
        while True:
            binds = await self._next(at)
            for name, value in binds:
                at, plain = tuple(name), _plain(value)
                if plain is None or at[:length] != column:
                    return rows
                if at[length:] in rows or len(rows) >= MOST_ROWS:
                    raise Circle(f"switch {self.switch.name}: it repeats itself at {'.'.join(map(str, at))}.")
                rows[at[length:]] = plain
            if not binds:
                return rows

    async def _next(self, oid: Oid) -> Sequence[tuple[Any, Any]]:
        """Some rows after `oid`, fewer at a time each time that the switch fails to answer."""
        while True:
            try:
                if not self._repetitions:
                    status, binds = await self._ask(snmp.next_cmd, (), oid)
                    return () if status else binds
                status, binds = await self._ask(snmp.bulk_cmd, (0, self._repetitions), oid)
                if status != TOO_BIG:
                    return binds
            except Silent:
                if not self._repetitions or not self._answered:
                    raise
            # Large answers are lost on the way where fragments are, and some agents drop what they can't answer.
            self._repetitions //= _SHRINKING

    async def _ask(self, command: Any, numbers: tuple[int, ...], oid: Oid) -> tuple[int, Sequence[tuple[Any, Any]]]:
        target = self._target = self._target or await self._resolve()
        wanted = snmp.ObjectType(snmp.ObjectIdentity(oid))
        try:
            failed, status, _, binds = await command(
                self._engine, self._who, target, self._context, *numbers, wanted, lookupMib=False
            )
        except PySnmpError as error:
            raise SnmpError(f"switch {self.switch.name}: {_first_line(error)}.") from error
        if failed:
            raise explained(self.switch, failed)
        self._answered = True
        if int(status) == AUTHORIZATION_ERROR:
            raise SnmpError(f"switch {self.switch.name}: it doesn't let this user read its tables (RFC 3415).")
        if int(status) not in (0, TOO_BIG, NO_SUCH_NAME):
            raise SnmpError(f"switch {self.switch.name}: it refuses with '{status.prettyPrint()}' (RFC 3416).")
        return int(status), [(bind[0], bind[1]) for bind in binds]

    async def _resolve(self) -> Any:
        address = self.switch.addresses[0]
        kind = snmp.Udp6TransportTarget if isinstance(address, IPv6Address) else snmp.UdpTransportTarget
        where = (str(address), self.switch.snmp_port)
        return await kind.create(where, timeout=self.switch.timeout_s, retries=_RETRIES)


def explained(switch: Switch, failed: Any) -> SnmpError:
    """The error for what pysnmp indicates, in a sentence that says where to look."""
    name, where = switch.name, f"{switch.addresses[0]} port {switch.snmp_port}"
    if isinstance(failed, errind.RequestTimedOut):
        secret = "the privacy password is wrong" if switch.snmp_version == "3" else "doesn't know the community"
        return Silent(
            f"switch {name}: no answer from {where} within {switch.timeout_s:g} s, asked {_RETRIES + 1} times. It is "
            f"off, filtered, speaks no SNMP v{switch.snmp_version}, or {secret}: agents don't say which."
        )
    for kind, sentence in _REFUSALS.items():
        if isinstance(failed, kind):
            return SnmpError(f"switch {name}: {sentence.format(switch=switch)}")
    return SnmpError(f"switch {name}: {failed}.")


_REFUSALS: Mapping[Any, str] = {
    errind.UnknownUserName: "it knows no SNMP v3 user {switch.user!r}.",
    errind.UnknownSecurityName: "it knows no SNMP v3 user {switch.user!r}.",
    errind.WrongDigest: "the authentication password or protocol ({switch.auth_protocol}) is wrong.",
    errind.AuthenticationFailure: "the authentication password or protocol ({switch.auth_protocol}) is wrong.",
    errind.DecryptionError: "the privacy password or protocol ({switch.privacy_protocol}) is wrong.",
    errind.UnsupportedSecurityLevel: "user {switch.user!r} must not ask at this level of authentication and privacy.",
    errind.NotInTimeWindow: "its clock of SNMP v3 can't be followed; restart its agent.",
    errind.UnknownEngineID: "its SNMP v3 engine can't be told apart from another's.",
}


def _credentials(switch: Switch) -> Any:
    if not switch.addresses:
        raise BadInput(f"switch {switch.name}: it has no address; luna switch change {switch.name} --address ADDRESS.")
    if switch.snmp_version != "3":
        if not switch.community:
            raise BadInput(f"switch {switch.name}: community: it has none; accepted is that of its SNMP agent.")
        return snmp.CommunityData(switch.community, mpModel=int(switch.snmp_version == "2c"))
    if not switch.user:
        raise BadInput(f"switch {switch.name}: user: it has none; SNMP v3 needs one.")
    for field, protocol in (("auth", switch.auth_protocol), ("privacy", switch.privacy_protocol)):
        if protocol and len(getattr(switch, f"{field}_password")) < 8:
            raise BadInput(f"switch {switch.name}: {field}_password: accepted are 8 characters or more (RFC 3414).")
    if switch.privacy_protocol and not switch.auth_protocol:
        raise BadInput(f"switch {switch.name}: auth_protocol: it has none, and privacy needs one.")
    return snmp.UsmUserData(
        switch.user,
        authKey=switch.auth_password if switch.auth_protocol else None,
        privKey=switch.privacy_password if switch.privacy_protocol else None,
        authProtocol=_AUTHENTICATION.get(switch.auth_protocol or ""),
        privProtocol=_PRIVACY.get(switch.privacy_protocol or ""),
    )


def _plain(value: Any) -> Value | None:
    """None for the exceptions of RFC 3416 (noSuchObject and its like), and for types that no table here has."""
    if isinstance(value, Null):
        return None
    if isinstance(value, OctetString):
        return bytes(value)
    return int(value) if isinstance(value, Integer) else None


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".")
