"""The SNMP agent of one switch: single values and whole columns, in answers as large as it can give."""

from collections.abc import Sequence
from typing import Protocol

from luna_core.errors import BadInput
from luna_core.types import Switch
from luna_discovery_switchport import ber
from luna_discovery_switchport.ber import Oid, Value
from luna_discovery_switchport.community import CommunityTalk
from luna_discovery_switchport.failures import Circle, Silent, SnmpError

MOST_ROWS = 200_000
_ROWS_AT_ONCE = 40
_SHRINKING = 4
# RFC 3416, error-status.
_TOO_BIG, _NO_SUCH_NAME, _AUTHORIZATION_ERROR = 1, 2, 16


class Talk(Protocol):
    """How a switch is asked: by community or user."""

    async def ask(self, kind: int, oid: Oid, repetitions: int = 0) -> ber.Response:
        """The answer to one request. Raises SnmpError."""

    def of_vlan(self, vlan: int) -> "Talk":
        """The same for one VLAN."""

    def close(self) -> None:
        """Close sockets."""


class Agent:
    """Use one for a switch and keep it: it learns how many rows at once the switch can give."""

    def __init__(self, switch: Switch, talk: Talk | None = None) -> None:
        """Raises BadInput if the switch lacks an address, community or user, or has a password that is too short."""
        if not switch.addresses:
            raise BadInput(f"switch {switch.name}: it has no address; give it one with luna switch change --address.")
        self.switch = switch
        self._talk = talk or _talk(switch)
        self._answered = False
        self._rows_at_once = 0 if switch.snmp_version == "1" else _ROWS_AT_ONCE

    def of_vlan(self, vlan: int) -> "Agent":
        """The same switch, asked for one VLAN as Cisco has it: `community@VLAN`, with v3 the context `vlan-VLAN`."""
        return Agent(self.switch, self._talk.of_vlan(vlan))

    def close(self) -> None:
        """Close its socket."""
        self._talk.close()

    async def get(self, *oids: Oid) -> list[Value | None]:
        """The values of these objects; None for one that the switch lacks. Raises SnmpError."""
        # One by one, for with v1 a single missing object is an error for all of them.
        answers = [await self._ask(ber.GET, oid) for oid in oids]
        return [one.binds[0][1] if one.binds and not one.status else None for one in answers]

    async def walk(self, column: Oid) -> dict[Oid, Value]:
        """The rows of a table's column by their index. Raises SnmpError, Circle for a table without an end."""
        rows: dict[Oid, Value] = {}
        at, length = column, len(column)
        while binds := await self._next(at):
            for at, value in binds:
                if value is None or at[:length] != column:
                    return rows
                if at[length:] in rows or len(rows) >= MOST_ROWS:
                    raise Circle(f"switch {self.switch.name}: it repeats itself at {'.'.join(map(str, at))}.")
                rows[at[length:]] = value
        return rows

    async def _next(self, oid: Oid) -> Sequence[tuple[Oid, Value | None]]:
        """Some rows after `oid`, fewer at a time whenever the switch fails to give so many."""
        while self._rows_at_once:
            try:
                answer = await self._ask(ber.GET_BULK, oid, self._rows_at_once)
                if answer.status != _TOO_BIG:
                    return answer.binds
            except Silent:
                if not self._answered:
                    raise
            # Large answers are lost where fragments are, and some agents drop what they can't answer.
            self._rows_at_once //= _SHRINKING
        answer = await self._ask(ber.GET_NEXT, oid)
        return () if answer.status else answer.binds

    async def _ask(self, kind: int, oid: Oid, repetitions: int = 0) -> ber.Response:
        answer = await self._talk.ask(kind, oid, repetitions)
        self._answered = True
        if answer.status == _AUTHORIZATION_ERROR:
            raise SnmpError(f"switch {self.switch.name}: it doesn't let this user read its tables (RFC 3415).")
        if answer.status not in (0, _TOO_BIG, _NO_SUCH_NAME):
            raise SnmpError(f"switch {self.switch.name}: it refuses with error status {answer.status} (RFC 3416).")
        return answer


def _talk(switch: Switch) -> Talk:
    if switch.snmp_version != "3":
        return CommunityTalk(switch)
    # pysnmp takes half a second and 20 MB to import, which v1 and v2c can do without.
    from luna_discovery_switchport.usm import UsmTalk

    return UsmTalk(switch)
