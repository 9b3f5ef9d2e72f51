"""Asks a switch that knows a community: SNMP v1 (RFC 1157) and v2c (RFC 1901)."""

import asyncio
import random
from contextlib import suppress
from dataclasses import replace

from luna_core.errors import BadInput
from luna_core.types import Switch
from luna_discovery_switchport import ber
from luna_discovery_switchport.failures import ATTEMPTS, SnmpError, silent

_REQUEST_IDS = 1 << 31


class CommunityTalk:
    """One question at a time, from a socket that hears nobody but the switch."""

    def __init__(self, switch: Switch) -> None:
        """Raises BadInput if the switch has no community."""
        if not switch.community:
            raise BadInput(
                f"switch {switch.name}: community: it has none; accepted is that of its SNMP agent. "
                f"'luna switch change {switch.name} --community @-' takes it from standard input."
            )
        self.switch = switch
        self._version = int(switch.snmp_version == "2c")
        self._lines: list[_Line] = []

    def of_vlan(self, vlan: int) -> "CommunityTalk":
        """The same switch for one VLAN, as Cisco has it."""
        return CommunityTalk(replace(self.switch, community=f"{self.switch.community}@{vlan}"))

    async def ask(self, kind: int, oid: ber.Oid, repetitions: int = 0) -> ber.Response:
        """The answer to one request. Raises Silent, SnmpError if nothing listens there or nothing leads there."""
        number = random.randrange(_REQUEST_IDS)  # noqa: S311 - the connected socket is what keeps others out
        community = self.switch.community.encode()
        message = ber.request(kind, self._version, community, number, oid, repetitions)
        try:
            line = await self._line()
            for _ in range(ATTEMPTS):
                with suppress(TimeoutError):
                    return await asyncio.wait_for(line.send(number, message), self.switch.timeout_s)
        except OSError as error:
            where = f"{self.switch.addresses[0]} port {self.switch.snmp_port}"
            hint = "; is its SNMP agent running?" if isinstance(error, ConnectionRefusedError) else "."
            why = f"{error.strerror or error}{hint}"
            raise SnmpError(f"switch {self.switch.name}: {where} can't be asked: {why}") from error
        raise silent(self.switch)

    def close(self) -> None:
        """Close the socket."""
        for line in self._lines:
            line.transport.close()
        self._lines.clear()

    async def _line(self) -> "_Line":
        if not self._lines:
            where = str(self.switch.addresses[0]), self.switch.snmp_port
            _, line = await asyncio.get_running_loop().create_datagram_endpoint(_Line, remote_addr=where)
            self._lines.append(line)
        return self._lines[0]


class _Line(asyncio.DatagramProtocol):
    transport: asyncio.DatagramTransport

    def __init__(self) -> None:
        self._number = -1
        self._waiting: asyncio.Future[ber.Response] | None = None

    def send(self, number: int, message: bytes) -> "asyncio.Future[ber.Response]":
        self._number, self._waiting = number, asyncio.get_running_loop().create_future()
        self.transport.sendto(message)
        return self._waiting

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # an endpoint for datagrams has no other kind

    def datagram_received(self, data: bytes, address: object) -> None:
        waiting = self._waiting
        if waiting is None or waiting.done():
            return
        try:
            answer = ber.response(data)
        except ValueError:
            return
        if answer.request_id == self._number:
            waiting.set_result(answer)

    def error_received(self, error: Exception) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)
