"""Extra records, read as a name server reads them so that none can say more than its own line (RFC 1035 section 5)."""

from dns.exception import DNSException
from dns.name import Name, from_text
from dns.rdata import from_text as rdata_from_text
from dns.rdataclass import IN
from dns.rdatatype import SOA
from dns.rdatatype import from_text as type_from_text

from luna_core.errors import BadInput
from luna_core.types import DnsRecord


def record_text(record: DnsRecord) -> str:
    """The record on one line, every name in it absolute. Raises BadInput for what isn't one, or isn't in its zone."""
    origin = from_text(record.zone)
    # Reading stops at the end of the first line, and a space in a name would be taken for a part of it.
    if not record.value.isprintable() or not record.name.isprintable() or " " in record.name:
        raise _refused(record, "it is more than one line, or its name more than one word")
    try:
        name = from_text(record.name, origin)
        kind = type_from_text(record.type)
        value = rdata_from_text(IN, kind, record.value, origin, relativize=False)
    except (DNSException, ValueError) as error:
        raise _refused(record, str(error)) from error
    _refuse_foreign(record, name, origin)
    if kind == SOA:
        raise _refused(record, "luna makes the SOA record itself")
    return f"{name} {record.type.upper()} {value.to_text()}"


def _refuse_foreign(record: DnsRecord, name: Name, origin: Name) -> None:
    if not name.is_subdomain(origin):
        raise _refused(record, f"its name is not inside {record.zone}")


def _refused(record: DnsRecord, reason: str) -> BadInput:
    given = f"{record.name} {record.type} {record.value}"
    return BadInput(f"zone {record.zone}: record {given!r} was given; accepted is one as in RFC 1035: {reason}.")
