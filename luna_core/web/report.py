"""What a node reports of a phase, made fit to be kept and shown: it comes from whatever a site's scripts print."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError

from luna_core.boot import sessions
from luna_core.errors import MASK, BadInput
from luna_core.model.boot import BootEvent

MOST_LOG_CHARACTERS = 20_000
_TERMINAL_SEQUENCE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-Z\\^_])")


def reported_event(form: Mapping[str, str], token: str) -> BootEvent:
    """The event that a status form describes; its values are the bytes that were sent, as Latin-1. Raises BadInput."""
    try:
        return BootEvent(
            time=_when(form).isoformat(timespec="milliseconds"),
            phase=_readable(form.get("phase", ""))[:64],
            status=form.get("status", ""),  # type: ignore[arg-type]  # any text; checked here
            exit_status=form.get("exit_status") or None,  # type: ignore[arg-type]
            log=_readable(form.get("log", "")).replace(token or MASK, MASK)[-MOST_LOG_CHARACTERS:],
        )
    except ValidationError as error:
        raise BadInput(f"status: {error.errors()[0]['loc']}: {error.errors()[0]['msg']}.") from error


def _when(form: Mapping[str, str]) -> datetime:
    """A report that could not be sent at once says how long it waited."""
    try:
        waited_s = float(form.get("sent_uptime_s") or 0) - float(form.get("uptime_s") or 0)
    except ValueError:
        waited_s = 0.0
    # In this order, in which max is 0 for what is no number.
    waited_s = min(max(0.0, waited_s), sessions.LIFETIME.total_seconds())
    return datetime.now(UTC) - timedelta(seconds=waited_s)


def _readable(sent: str) -> str:
    """The text without what would change the terminal that it is shown on."""
    text = sent.encode("latin1", "replace").decode("utf-8", "replace")
    plain = _TERMINAL_SEQUENCE.sub("", text).replace("\r\n", "\n").replace("\0", "")
    return "".join(one if one.isprintable() or one in "\n\t" else "\ufffd" for one in plain)
