"""Messages of SNMP v1 and v2c (RFC 1157, RFC 3416) in BER (X.690), as far as tables of a switch need them.

pysnmp needs 0.1 to 0.2 ms for a row, this 0.01 ms (docs/decisions/0019): 64 switches have 150,000 rows.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

Oid = tuple[int, ...]
Value = int | bytes

GET: Final = 0xA0
GET_NEXT: Final = 0xA1
RESPONSE: Final = 0xA2
GET_BULK: Final = 0xA5
_INTEGER, _OCTETS, _NULL, _OID, _SEQUENCE = 0x02, 0x04, 0x05, 0x06, 0x30
# Counter32, Gauge32 or Unsigned32, TimeTicks and Counter64 (RFC 2578).
_UNSIGNED = frozenset((0x41, 0x42, 0x43, 0x46))


class Response(NamedTuple):
    """An answer: the request's number, the error status (RFC 3416) and the variables; None for one that isn't there."""

    request_id: int
    status: int
    binds: Sequence[tuple[Oid, Value | None]]


def request(kind: int, version: int, community: bytes, request_id: int, oid: Oid, repetitions: int = 0) -> bytes:
    """A request for one variable; `version` is 0 for v1 and 1 for v2c, `repetitions` for GET_BULK alone."""
    bind = _tlv(_SEQUENCE, _tlv(_OID, _oid_octets(oid)) + _tlv(_NULL, b""))
    numbers = _integer(request_id) + _integer(0) + _integer(repetitions)
    body = _integer(version) + _tlv(_OCTETS, community) + _tlv(kind, numbers + _tlv(_SEQUENCE, bind))
    return _tlv(_SEQUENCE, body)


def response(message: bytes) -> Response:
    """Take a response apart. Raises ValueError for anything else, truncated messages included."""
    try:
        (_, start, end), *rest = _parts(message, 0, len(message))
        _, _, (kind, start, end) = _parts(message, start, end)
        if rest or kind != RESPONSE:
            raise ValueError("it is no response")
        number, status, _, (_, start, end) = _parts(message, start, end)
        binds = [_bind(message, first, last) for _, first, last in _parts(message, start, end)]
        return Response(_signed(message, number), _signed(message, status), binds)
    except IndexError as error:
        raise ValueError("it is cut off") from error


def _bind(message: bytes, start: int, end: int) -> tuple[Oid, Value | None]:
    (kind, first, last), value = _parts(message, start, end)
    if kind != _OID:
        raise ValueError("a variable has no name")
    return _oid(message[first:last]), _value(message, value)


def _value(message: bytes, part: tuple[int, int, int]) -> Value | None:
    kind, start, end = part
    if kind == _INTEGER:
        return int.from_bytes(message[start:end], "big", signed=True)
    if kind == _OCTETS:
        return message[start:end]
    return int.from_bytes(message[start:end], "big") if kind in _UNSIGNED else None


def _signed(message: bytes, part: tuple[int, int, int]) -> int:
    return int.from_bytes(message[part[1] : part[2]], "big", signed=True)


def _parts(message: bytes, at: int, end: int) -> list[tuple[int, int, int]]:
    """Tag, start and end of each element between `at` and `end`."""
    return list(_each(message, at, end))


def _each(message: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    while at < end:
        kind, length, at = message[at], message[at + 1], at + 2
        if length & 0x80:
            octets = length & 0x7F
            length, at = int.from_bytes(message[at : at + octets], "big"), at + octets
        if at + length > end:
            raise ValueError("it is cut off")
        yield kind, at, at + length
        at += length


def _oid(octets: bytes) -> Oid:
    numbers = [0]
    number = 0
    for octet in octets:
        number = number << 7 | octet & 0x7F
        if octet < 0x80:
            numbers.append(number)
            number = 0
    # The first two numbers share an octet (X.690, 8.19.4).
    top = min(numbers[1] // 40, 2)
    numbers[:2] = [top, numbers[1] - 40 * top]
    return tuple(numbers)


def _oid_octets(oid: Oid) -> bytes:
    octets = bytearray()
    for number in (oid[0] * 40 + oid[1], *oid[2:]):
        groups = [number & 0x7F]
        while number := number >> 7:
            groups.append(number & 0x7F | 0x80)
        octets += bytes(reversed(groups))
    return bytes(octets)


def _integer(value: int) -> bytes:
    return _tlv(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def _tlv(kind: int, body: bytes) -> bytes:
    if len(body) < 0x80:
        return bytes((kind, len(body))) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes((kind, 0x80 | len(length))) + length + body
