"""The codec for v1 and v2c against pysnmp's, which nobody here wrote."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyasn1.codec.ber import decoder, encoder
from pysnmp.proto import api, rfc1902, rfc1905

from luna_discovery_switchport import ber

V2 = api.PROTOCOL_MODULES[api.SNMP_VERSION_2C]
oids = st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=20).map(lambda rest: (1, 3, *rest))
values = st.one_of(
    st.integers(-(2**31), 2**31 - 1).map(lambda one: (rfc1902.Integer32(one), one)),
    st.binary(max_size=300).map(lambda one: (rfc1902.OctetString(one), one)),
    st.integers(0, 2**32 - 1).map(lambda one: (rfc1902.Gauge32(one), one)),
    st.integers(0, 2**64 - 1).map(lambda one: (rfc1902.Counter64(one), one)),
    st.just((rfc1905.noSuchInstance, None)),
    st.just((rfc1905.endOfMibView, None)),
    oids.map(lambda one: (rfc1902.ObjectIdentifier(one), None)),
)


def encoded(request_id: int, status: int, binds: list[tuple[ber.Oid, object]]) -> bytes:
    pdu = V2.ResponsePDU()
    V2.apiPDU.set_defaults(pdu)
    V2.apiPDU.set_request_id(pdu, request_id)
    V2.apiPDU.set_error_status(pdu, status)
    V2.apiPDU.set_varbinds(pdu, binds)
    message = V2.Message()
    V2.apiMessage.set_defaults(message)
    V2.apiMessage.set_community(message, "public")
    V2.apiMessage.set_pdu(message, pdu)
    octets: bytes = encoder.encode(message)
    return octets


@settings(deadline=None)
@given(st.integers(0, 2**31 - 1), st.integers(0, 18), st.lists(st.tuples(oids, values), max_size=20))
def test_a_response_says_what_pysnmp_put_in(number: int, status: int, binds: list) -> None:  # type: ignore[type-arg]
    octets = encoded(number, status, [(oid, value) for oid, (value, _) in binds])
    assert ber.response(octets) == (number, status, [(oid, plain) for oid, (_, plain) in binds])


@settings(deadline=None)
@given(st.integers(0, 2**31 - 1), oids, st.integers(0, 100), st.binary(max_size=200))
def test_pysnmp_reads_a_request(number: int, oid: ber.Oid, repetitions: int, community: bytes) -> None:
    octets = ber.request(ber.GET_BULK, 1, community, number, oid, repetitions)
    message, rest = decoder.decode(octets, asn1Spec=V2.Message())
    pdu = V2.apiMessage.get_pdu(message)
    assert rest == b""
    assert bytes(V2.apiMessage.get_community(message)) == community
    assert V2.apiBulkPDU.get_request_id(pdu) == number
    assert V2.apiBulkPDU.get_max_repetitions(pdu) == repetitions
    assert [tuple(name) for name, _ in V2.apiBulkPDU.get_varbinds(pdu)] == [oid]


@settings(deadline=None)
@given(st.data())
def test_what_is_cut_off_or_garbled_is_a_value_error_or_another_answer(data: st.DataObject) -> None:
    octets = bytearray(encoded(7, 0, [((1, 3, 6), rfc1902.Integer32(5)), ((1, 3, 7), rfc1902.OctetString(b"x" * 200))]))
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    try:
        answer = ber.response(bytes(octets[: data.draw(st.integers(0, len(octets)))]))
    except ValueError:
        return
    assert isinstance(answer.request_id, int)


def test_a_request_is_no_response() -> None:
    with pytest.raises(ValueError, match="no response"):
        ber.response(ber.request(ber.GET, 1, b"public", 1, (1, 3, 6, 1)))
