"""Boot sessions: who may fetch an install script, and what became of each boot.

A session is opened for a recognised node only. Its token is bound to the node and its address, is good until the boot
is over or nothing was heard for half an hour, and is stored as a hash.
"""

import hashlib
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from luna_core.errors import LunaError
from luna_core.model import Node, NodeState
from luna_core.model.boot import BOOTS, SESSION, TRACKER, UNFINISHED, BootEvent, BootSession, HostKeys, Outcome
from luna_core.model.power import PowerRecord
from luna_core.node.job import derived_key
from luna_core.operations.work import LAST, Work, walk_changes
from luna_core.types import Owner

LIFETIME = timedelta(minutes=30)
KEPT_BOOTS = 10
_OF_A_NODE = (NodeState, PowerRecord, HostKeys)
# Some fifteen failed installations, with their logs.
MOST_EVENTS = 200
LAST_PHASE = "finish"
LOCAL_PHASE = "local"
WAITING_PHASE = "waiting"
REFUSED_PHASE = "refused"
_HOST_KEY = re.compile(r"((?:ssh|ecdsa)-[a-z0-9-]+ [A-Za-z0-9+/]+={0,2})(?: .*)?")


class Refused(LunaError):
    """The request carries no token that is good for it."""


@dataclass(frozen=True)
class Opened:
    """A new session, and its token, which is known only to the node from now on."""

    session: BootSession
    token: str


def open_session(work: Work, node: Node, address: str, version: Mapping[str, Any], *, waited: bool = False) -> Opened:
    """Begin a boot; an earlier one of the same node that isn't over is abandoned, and its token dies.

    One that `waited` until now goes on as the same boot, with another token.
    """
    newest = boots(work, node, limit=1) if waited else []
    if newest and _waits(newest[0]):
        return _turn_came(work, newest[0], {"address": address, **version})
    found = _boot_keys(work, node)
    # Each boot ends those before it, so that only the newest can go on; the old ones' logs are long to decode.
    ids = [one.id for one in (*found[:1], *found[KEPT_BOOTS - 1 :])]
    for old in work.many(BootSession, ids)[1:]:
        work.remove(old)
    last = found[0].key.value.partition("/")[0] if found else ""
    # Among what is known is the newest, and one that an earlier request in the same transaction has opened.
    for earlier in work.known(BootSession):
        if earlier.node == node.id and earlier.outcome in UNFINISHED:
            last = max(last, earlier.sorts_as or earlier.opened)
            work.put(earlier.changed(outcome="abandoned"))
    token = secrets.token_urlsafe(32)
    opened = now()
    values = {"address": address, "opened": opened, "sorts_as": _after(last, opened), **_heard(), **_hashes(token)}
    session = BootSession.new(name=node.name, node=node.id, **values, **version)
    work.add(session)
    _set_state(work, session, "booting")
    return Opened(session, token)


def record_waiting(work: Work, node: Node, address: str, version: Mapping[str, Any], before: int) -> BootSession:
    """Begin a boot that waits for its turn after `before` others; nobody has its token yet."""
    session = open_session(work, node, address, version).session
    return record_event(work, session, BootEvent(time=now(), phase=WAITING_PHASE, status="started", log=str(before)))


def record_refused(work: Work, node: Node, address: str, version: Mapping[str, Any], reason: str) -> BootSession | None:
    """Begin a boot that ends before it loads anything; None if the machine only asked again. Nobody has its token."""
    newest = next(iter(boots(work, node, limit=1)), None)
    last = newest.events[-1] if newest and newest.events else None
    if newest and last and newest.outcome == "failed" and (last.phase, last.log) == (REFUSED_PHASE, reason):
        work.put(newest.changed(**_heard()))
        return None
    session = open_session(work, node, address, version).session
    return record_event(work, session, BootEvent(time=now(), phase=REFUSED_PHASE, status="failed", log=reason))


def _turn_came(work: Work, session: BootSession, values: Mapping[str, Any]) -> Opened:
    token = secrets.token_urlsafe(32)
    event = BootEvent(time=now(), phase=WAITING_PHASE, status="done")
    current = record_event(work, session.changed(**_hashes(token), **values), event)
    _set_state(work, session, "booting")
    return Opened(current, token)


def _waits(session: BootSession) -> bool:
    last = session.events[-1] if session.events else None
    return session.outcome == "booting" and last is not None and (last.phase, last.status) == (WAITING_PHASE, "started")


def authenticate(work: Work, token: str, node: str | None, address: str) -> BootSession:
    """The live session of this token, if it is the node's (where one is named) and its address's; raises Refused."""
    session = _find(work, SESSION, _hash(token))
    if session is None or not _is_live(session):
        raise Refused("This boot session is over or never was.")
    if node not in (None, session.name) or address != session.address:
        raise Refused("This boot session is another's.")
    return session


def of_tracker_key(work: Work, key: str, address: str) -> BootSession | None:
    """The live session whose node may ask the tracker by this key from this address; the key is no token."""
    session = _find(work, TRACKER, _hash(key))
    return session if session and _is_live(session) and session.address == address else None


def record_event(work: Work, session: BootSession, event: BootEvent) -> BootSession:
    """Keep what a node reported, and draw the outcome from it."""
    outcome: Outcome = session.outcome
    if event.status == "failed":
        outcome = "failed"
    elif event.phase == LAST_PHASE and event.status == "done":
        outcome = "installed"
        event = _host_keys_kept(work, session, event)
    elif event.status == "started":
        outcome = "booting"
    changed = session.changed(events=(*session.events, event)[-MOST_EVENTS:], outcome=outcome, **_heard())
    work.put(changed)
    if outcome == "booting":
        _set_state(work, session, event.phase)
    else:
        _set_state(work, session, outcome, detail=event.phase if outcome == "failed" else "")
    return changed


def _host_keys_kept(work: Work, session: BootSession, event: BootEvent) -> BootEvent:
    """What the last phase tells along with its end are the host keys of the system that was installed."""
    found = tuple(match[1] for line in event.log.splitlines() if (match := _HOST_KEY.fullmatch(line)))
    if found and [one.keys for one in work.many(HostKeys, [session.node])] != [found]:
        work.put(HostKeys.load({"id": session.node, "name": session.name, "keys": found}))
    return event.model_copy(update={"log": ""})


def record_local(work: Work, session: BootSession) -> None:
    """The node was sent to its own disk, so that its session is over; what remains is to see it come up."""
    event = BootEvent(time=now(), phase=LOCAL_PHASE, status="done")
    work.put(session.changed(outcome="installed", events=(event,)))
    _set_state(work, session, "installed", detail=LOCAL_PHASE)


def record_progress(work: Work, session_id: str, progress: Mapping[str, Any]) -> None:
    """Keep the newest figures of a transfer; without any, just that the node is alive."""
    for session in work.many(BootSession, [session_id]):
        kept = {**progress, "time": now()} if progress else session.progress
        work.put(session.changed(progress=kept, **_heard()))


def record_relay_failed(work: Work, node: Node) -> None:
    """The node loads kernel and initramfs from the controller after all."""
    for session in boots(work, node, limit=1):
        work.put(session.changed(loads_from="", **_heard()))


def record_up(work: Work, session: BootSession) -> None:
    """The node answers: the boot is over."""
    event = BootEvent(time=now(), phase="up", status="done")
    work.put(session.changed(outcome="up", events=(*session.events, event)))
    _set_state(work, session, "up")


def boots(work: Work, node: Node, *, limit: int | None = None) -> list[BootSession]:
    """The boots of a node that are kept, newest first."""
    return work.many(BootSession, [one.id for one in _boot_keys(work, node, limit)])


def forget_deleted(work: Work) -> None:
    """Remove the boots, and what is kept by a node's id, of the nodes that this transaction removes."""
    for before, after in walk_changes(work, Node):
        if before is not None and after is None:
            for gone in [*boots(work, before), *(one for kind in _OF_A_NODE for one in work.many(kind, [before.id]))]:
                work.remove(gone)


def now() -> str:
    """The time as RFC 3339 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def silent(session: BootSession) -> timedelta:
    """How long nothing was heard. Only what another controller heard goes by the clock that may have been set since."""
    if session.heard_on == _kernel():
        return timedelta(seconds=_uptime_s() - session.heard_s)
    return datetime.now(UTC) - datetime.fromisoformat(session.touched)


def _set_state(work: Work, session: BootSession, state: str, *, detail: str = "") -> None:
    """Keep the state of the session's node, which is there, for its sessions go with it."""
    found = next(iter(work.many(NodeState, [session.node])), None)
    if found is None or (found.state, found.detail) != (state, detail):
        values = {"id": session.node, "name": session.name, "state": state, "since": now(), "detail": detail}
        work.put(NodeState.load(values))


def _is_live(session: BootSession) -> bool:
    return session.outcome in UNFINISHED and silent(session) < LIFETIME


def _boot_keys(work: Work, node: Node, limit: int | None = None) -> Sequence[Owner]:
    return work.transaction.owners(f"{BOOTS}:{node.id}", "", LAST, limit=limit, descending=True)


def _after(last: str, opened: str) -> str:
    """What a boot sorts as, if it is to be the newest though the clock was ahead when an earlier one began."""
    if last < opened:
        return ""
    return (datetime.fromisoformat(last) + timedelta(milliseconds=1)).isoformat(timespec="milliseconds")


def _heard() -> dict[str, Any]:
    return {"touched": now(), "heard_on": _kernel(), "heard_s": _uptime_s()}


def _uptime_s() -> float:
    return round(time.clock_gettime(time.CLOCK_BOOTTIME), 3)


@cache
def _kernel() -> str:
    """The id that Linux takes each time that it starts (random(4))."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _find(work: Work, space: str, digest: str) -> BootSession | None:
    owner = next(iter(work.owners(space, digest, digest)), None)
    return work.by_id(BootSession, owner.id) if owner else None


def _hashes(token: str) -> dict[str, str]:
    return {"token_sha256": _hash(token), "tracker_key_sha256": _hash(derived_key(token, TRACKER))}


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
