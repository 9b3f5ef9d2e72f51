"""Boots that were recorded, and what scripts are made of."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from luna_core.boot.facts import PROFILE, BootFacts, Offers
from luna_core.image.versions import load_version
from luna_core.model.boot import BootEvent, BootSession
from luna_core.testing import facts as sample
from luna_core.types import Endpoint, Postscript

BEGAN = datetime(2026, 11, 22, 10, 0, 0, tzinfo=UTC)
# Phase, status, seconds after the boot began.
Report = tuple[str, str, float]
WHOLE: Sequence[Report] = (
    ("script", "done", 12.0),
    ("partscript", "started", 13.0),
    ("partscript", "done", 14.0),
    ("download", "started", 14.0),
    ("download", "done", 34.0),
    ("setnet", "started", 34.0),
    ("setnet", "done", 35.0),
    ("finish", "started", 35.0),
    ("finish", "done", 36.0),
    ("up", "done", 60.0),
)
MakeSession = Callable[..., BootSession]


@pytest.fixture
def whole() -> Sequence[Report]:
    """The reports of a boot that went well."""
    return WHOLE


@pytest.fixture
def session() -> MakeSession:
    """A boot of a node with these reports; the last one may have a log and an exit status."""

    def make(
        name: str = "node001",
        reports: Sequence[Report] = WHOLE,
        *,
        outcome: str = "up",
        log: str = "",
        exit_status: int | None = None,
        begins_s: float = 0.0,
        progress: dict[str, Any] | None = None,
    ) -> BootSession:
        opened = BEGAN + timedelta(seconds=begins_s)
        events = [
            BootEvent(time=(opened + timedelta(seconds=at_s)).isoformat(), phase=phase, status=status)  # type: ignore[arg-type]
            for phase, status, at_s in reports
        ]
        if events and (log or exit_status is not None):
            events[-1] = events[-1].model_copy(update={"log": log, "exit_status": exit_status})
        return BootSession.new(
            name=name,
            node=f"id-of-{name}",
            token_sha256=f"hash-of-{name}",
            tracker_key_sha256=f"key-of-{name}",
            address="10.141.0.1",
            opened=opened.isoformat(),
            touched=events[-1].time if events else opened.isoformat(),
            outcome=outcome,
            image="compute",
            version=3,
            events=tuple(events),
            progress=progress or {},
        )

    return make


@pytest.fixture
def boot_facts(tmp_path: Path) -> Callable[..., BootFacts]:
    """What scripts are made of; the arguments are fields of the profile that differ."""

    def make(**profile: Any) -> BootFacts:
        version = sample.version(tmp_path / "versions")
        return BootFacts(
            node=sample.node(),
            image=replace(version.image, kernel_arguments="quiet"),
            version=version,
            manifest=load_version(version.directory),
            profile={**dict.fromkeys(PROFILE), "root": "memory", **profile},
            index=1,
            count=4,
        )

    return make


@pytest.fixture
def offers() -> Callable[..., Offers]:
    """What plugins offer: HTTP, and these fragments."""

    def make(*postscripts: Postscript) -> Offers:
        endpoint = Endpoint(transport="http", url="http://10.141.255.254:7051/images/x")
        return Offers(endpoints=[endpoint], kernel_arguments=[], postscripts=postscripts)

    return make
