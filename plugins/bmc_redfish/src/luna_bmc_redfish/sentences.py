"""What is wrong with a BMC, in words."""

from collections.abc import Iterator, Mapping
from typing import Any

from luna_core.errors import MASK, LunaError, Unsupported
from luna_core.types import BmcTarget

# Message registry Base (DSP8011): the names after the version.
_BUSY = ("ServiceTemporarilyUnavailable", "SessionLimitExceeded", "ServiceShuttingDown")
# Of what the BMC says, for it is to be read among the lines of other nodes.
_LONGEST_TEXT = 300


class Refused(LunaError):
    """The BMC answered a request with the HTTP status of an error."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


def problem(bmc: BmcTarget, text: str) -> LunaError:
    """An error that says something of a BMC."""
    return LunaError(f"{_the(bmc)} {text}.")


def unsupported(bmc: BmcTarget, text: str) -> Unsupported:
    """The error for what this BMC can't do."""
    return Unsupported(f"{_the(bmc)} {text}.")


def refusal(bmc: BmcTarget, status: int, answer: Mapping[str, Any]) -> Refused:
    """The error for an answer with status 400 or above; what the BMC says never tells the password."""
    names = [str(one.get("MessageId", "")).rpartition(".")[2] for one in messages(answer)]
    text = _text(bmc, status, names) or f"refuses that (HTTP {status}): {_said(bmc, answer) or 'it does not say why'}"
    return Refused(f"{_the(bmc)} {text.rstrip('.')}.", status)


def messages(answer: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The messages of an error response (DSP0266), also from those that leave out the list around a single one."""
    error = answer.get("error")
    extended = error.get("@Message.ExtendedInfo") if isinstance(error, dict) else None
    for one in extended if isinstance(extended, list) else [extended]:
        if isinstance(one, dict):
            yield one


def _the(bmc: BmcTarget) -> str:
    return f"The BMC of {bmc.node} at {bmc.address}"


def _text(bmc: BmcTarget, status: int, names: list[str]) -> str:
    if "PasswordChangeRequired" in names:
        return f"wants the password of user {bmc.username!r} changed before anything else"
    # Some say 401 to users whom they know, for what their role doesn't allow.
    if status == 403 or "InsufficientPrivilege" in names:
        return f"does not let user {bmc.username!r} do this: the user's role lacks the privilege"
    if status == 401:
        return f"does not accept the password of user {bmc.username!r}, or has no such user"
    if status in (429, 503) or any(name in _BUSY for name in names):
        return "is busy and does nothing now"
    return ""


def _said(bmc: BmcTarget, answer: Mapping[str, Any]) -> str:
    error = answer.get("error")
    texts = [str(one.get("Message") or one.get("MessageId") or "") for one in messages(answer)]
    if not any(texts) and isinstance(error, dict):
        texts = [str(error.get("message") or "")]
    said = " ".join(" ".join(texts).split())
    return (said.replace(bmc.password, MASK) if bmc.password else said)[:_LONGEST_TEXT]
