"""What one switch said when it was last asked, kept in a file so that a boot never waits for SNMP."""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Port:
    """A port by the switch's own tables. `leads_to` says what is behind it if that is no single machine."""

    if_index: int
    bridge_ports: tuple[int, ...] = ()
    name: str = ""
    alias: str = ""
    description: str = ""
    type: int = 0
    leads_to: str = ""

    @property
    def title(self) -> str:
        """What people call it."""
        return self.name or self.description or f"ifIndex {self.if_index}"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A MAC that the switch learned. `if_index` None: the switch doesn't say which port its bridge port is.

    `vlan` is None where the table has none; times are seconds since 1970. `present` tells whether the last answer
    still had it.
    """

    mac: str
    vlan: int | None
    bridge_port: int
    if_index: int | None
    first_seen: float = 0.0
    last_seen: float = 0.0
    present: bool = True


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A switch at `polled_at` (seconds since 1970). After a failure, `error` says why and the rest is what was known.

    `named_at` is when names, statuses and other things that hardly change were read; `tables` are the forwarding
    tables that had something.
    """

    switch: str
    polled_at: float = 0.0
    named_at: float = 0.0
    error: str = ""
    failures: int = 0
    problems: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    own_macs: frozenset[str] = frozenset()
    ports: tuple[Port, ...] = ()
    entries: tuple[Entry, ...] = ()

    @cached_property
    def by_mac(self) -> Mapping[str, list[Entry]]:
        """What was learned, by MAC."""
        found: dict[str, list[Entry]] = {}
        for one in self.entries:
            found.setdefault(one.mac, []).append(one)
        return found

    @cached_property
    def macs(self) -> Mapping[int, set[str]]:
        """The MACs that are seen at each ifIndex."""
        found: dict[int, set[str]] = {}
        for one in self.entries:
            if one.if_index is not None and one.present:
                found.setdefault(one.if_index, set()).add(one.mac)
        return found

    def failed(self, error: str) -> "Snapshot":
        """The same knowledge after an attempt that gave none."""
        return replace(self, error=error, failures=self.failures + 1)


@dataclass(frozen=True, kw_only=True)
class Cabling:
    """What administrators say: which node is at which port of which switch, and what is an uplink."""

    nodes: tuple[tuple[str, str, str], ...] = ()
    uplinks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    port_numbers: dict[str, str] = field(default_factory=dict)
    switch_macs: dict[str, str] = field(default_factory=dict)
    most_macs: int = 8


class Folder:
    """The directory in which the poller keeps what it knows; whoever reads sees whole files only."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "switchport"
        self.snapshots = self.path / "switches"
        self.cabling = self.path / "cabling.json"
        self.wanted = self.path / "wanted"

    def create(self) -> None:
        """Make the directories."""
        self.snapshots.mkdir(parents=True, exist_ok=True)

    def write(self, snapshot: Snapshot) -> None:
        """Replace the file of a switch."""
        body = {**asdict(replace(snapshot, entries=())), "own_macs": sorted(snapshot.own_macs)}
        body["entries"] = [list(vars(one).values()) for one in snapshot.entries]
        _replace(self.snapshots / f"{snapshot.switch}.json", body)

    def write_cabling(self, cabling: Cabling) -> None:
        """Replace what administrators say."""
        _replace(self.cabling, asdict(cabling))

    def forget(self, kept: Iterable[str]) -> None:
        """Remove the files of switches that are gone."""
        names = set(kept)
        for path in self.snapshots.glob("*.json"):
            if path.stem not in names:
                path.unlink(missing_ok=True)

    def read(self, switch: str) -> Snapshot | None:
        """What is known of a switch; None if nothing, or the file is another version's."""
        try:
            body = json.loads((self.snapshots / f"{switch}.json").read_bytes())
            return _snapshot(body)
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def read_cabling(self) -> Cabling:
        """What administrators said when the poller last looked; nothing if it never did."""
        try:
            body = json.loads(self.cabling.read_bytes())
            nodes = tuple((node, switch, port) for node, switch, port in body.pop("nodes"))
            uplinks = {switch: tuple(ports) for switch, ports in body.pop("uplinks").items()}
            return Cabling(nodes=nodes, uplinks=uplinks, **body)
        except (OSError, ValueError, TypeError, KeyError):
            return Cabling()

    def names(self) -> Iterator[tuple[str, int]]:
        """The switches that were asked, each with the time of its file in ns."""
        try:
            with os.scandir(self.snapshots) as found:
                for one in found:
                    if one.name.endswith(".json"):
                        yield one.name.removesuffix(".json"), one.stat().st_mtime_ns
        except OSError:
            return

    def ask_for_poll(self) -> None:
        """Tell the poller that somebody waits; without a poller nothing happens."""
        try:
            os.utime(self.wanted)
        except OSError:
            return

    def asked_at(self) -> float:
        """When somebody last asked for a poll, in seconds since 1970; 0 if nobody did."""
        try:
            return self.wanted.stat().st_mtime
        except OSError:
            return 0.0


def _snapshot(body: dict[str, Any]) -> Snapshot:
    ports = (Port(**{**one, "bridge_ports": tuple(one["bridge_ports"])}) for one in body.pop("ports"))
    names = tuple(Entry.__dataclass_fields__)
    entries = (Entry(**dict(zip(names, one, strict=True))) for one in body.pop("entries"))
    return Snapshot(
        ports=tuple(ports),
        entries=tuple(entries),
        problems=tuple(body.pop("problems")),
        tables=tuple(body.pop("tables")),
        own_macs=frozenset(body.pop("own_macs")),
        **body,
    )


def _replace(path: Path, body: object) -> None:
    descriptor, draft = tempfile.mkstemp(prefix=".", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w") as file:
            os.fchmod(descriptor, 0o644)
            json.dump(body, file)
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise
