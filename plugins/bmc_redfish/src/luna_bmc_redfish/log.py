"""The system event log (DSP0268, LogService and LogEntry)."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice

from luna_bmc_redfish.options import bad_option
from luna_bmc_redfish.resources import Resource, link_of, record, records, text
from luna_bmc_redfish.sentences import unsupported
from luna_bmc_redfish.service import Service

CLEAR = "#LogService.ClearLog"
# What the log that other tools call SEL goes by where its type isn't said: HPE, and those who go by the name.
_NAMES = ("sel", "iml")
_LONGEST_NUMBER = 20


def event_log(service: Service, system: Resource) -> Sequence[Mapping[str, str]]:
    """The entries of the system event log, oldest first; times are as the BMC says them."""
    link = link_of(_log(service, system), "Entries")
    if not link:
        raise unsupported(service.bmc, "has an event log whose entries can't be read")
    # Some give the newest first, some the oldest, and those that page by page are mixed.
    entries = sorted(service.members(link), key=_age_order)
    return [_row(entry) for entry in entries]


def clear_event_log(service: Service, system: Resource) -> None:
    """Empty the system event log."""
    target = text(record(_log(service, system), "Actions", CLEAR), "target")
    if not target:
        raise unsupported(service.bmc, "has an event log that can't be cleared")
    service.post(target, {})


def _log(service: Service, system: Resource) -> Resource:
    """The log that the option `log` names, else the one that is the SEL, else the first."""
    logs = _logs(service, system)
    if wanted := service.options.log:
        every = list(logs)
        if found := next((one for one in every if text(one, "Id") == wanted), None):
            return found
        raise bad_option(service.bmc, "log", wanted, " or ".join(text(one, "Id") for one in every) or "no log at all")
    first = list(islice(logs, 1))
    for one in (*first, *logs):
        if text(one, "LogEntryType") == "SEL" or text(one, "Id").lower() in _NAMES:
            return one
    if first:
        return first[0]
    raise unsupported(service.bmc, "has no event log")


def _logs(service: Service, system: Resource) -> Iterator[Resource]:
    """Those of the system, then of its BMC, then of its chassis: vendors don't agree where the SEL belongs."""
    if link := link_of(system, "LogServices"):
        yield from service.members(link)
    for owner in (*records(system, "Links", "ManagedBy"), *records(system, "Links", "Chassis")):
        if link := link_of(service.get(link_of(owner)), "LogServices"):
            yield from service.members(link)


def _age_order(entry: Resource) -> tuple[float, int]:
    number = text(entry, "Id")
    try:
        moment = datetime.fromisoformat(text(entry, "Created")).timestamp()
    except (ValueError, OverflowError):
        moment = 0.0
    return moment, int(number) if number.isdecimal() and len(number) < _LONGEST_NUMBER else 0


def _row(entry: Resource) -> dict[str, str]:
    return {
        "time": text(entry, "Created"),
        "sensor": text(entry, "SensorType") or text(entry, "Name"),
        "event": text(entry, "Message") or text(entry, "EntryCode") or text(entry, "MessageId"),
        "severity": text(entry, "Severity").lower(),
    }
