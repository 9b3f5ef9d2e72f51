"""What a bmcsetup's options say about how to reach and to trust BMCs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from luna_core.errors import BadInput
from luna_core.types import BmcTarget

PORTS = {"https": 443, "http": 80}
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to talk to one BMC.

    `certificate_name` is what its certificate must be for; `fingerprints` are SHA-256, in lower case without colons.
    """

    scheme: str
    port: int
    login: str
    certificate_name: str
    ca: Path | None = None
    fingerprints: frozenset[str] = field(default=frozenset())
    insecure: bool = False
    system: str = ""
    log: str = ""


def options_of(bmc: BmcTarget) -> Options:
    """Read the options of a BMC. Raises BadInput that says what is accepted."""
    scheme = _choice(bmc, "scheme", ("https", "http"))
    trust = [name for name in ("ca", "fingerprint", "insecure") if bmc.options.get(name)]
    # With two of them nobody could tell which one made a BMC trusted.
    if len(trust) > 1:
        raise _bad(bmc, trust[1], "nothing beside " + trust[0])
    return Options(
        scheme=scheme,
        port=bmc.port or PORTS[scheme],
        login=_choice(bmc, "login", ("auto", "basic", "session")),
        certificate_name=bmc.options.get("certificate_name", str(bmc.address)).replace("{node}", bmc.node),
        ca=_ca(bmc),
        fingerprints=frozenset(_fingerprints(bmc)),
        insecure=_choice(bmc, "insecure", ("no", "yes")) == "yes",
        system=bmc.options.get("system", ""),
        log=bmc.options.get("log", ""),
    )


def bad_option(bmc: BmcTarget, name: str, given: str, accepted: str) -> BadInput:
    """The error for an option that has the value `given`."""
    where = f"The bmcsetup of node {bmc.node}: options.{name}"
    return BadInput(f"{where}: {given!r} was given; accepted is {accepted}.")


def _bad(bmc: BmcTarget, name: str, accepted: str) -> BadInput:
    return bad_option(bmc, name, bmc.options.get(name, ""), accepted)


def _choice(bmc: BmcTarget, name: str, choices: tuple[str, ...]) -> str:
    given = bmc.options.get(name) or choices[0]
    if given not in choices:
        raise _bad(bmc, name, " or ".join(choice for choice in choices if choice))
    return given


def _ca(bmc: BmcTarget) -> Path | None:
    given = bmc.options.get("ca")
    if given and not (given.startswith("/") and Path(given).is_file()):
        raise _bad(bmc, "ca", "the absolute path of a PEM file on this machine")
    return Path(given) if given else None


def _fingerprints(bmc: BmcTarget) -> Iterator[str]:
    given = bmc.options.get("fingerprint", "")
    for word in _of_node(bmc, Path(given)) if given.startswith("/") else given.split(","):
        fingerprint = word.strip().replace(":", "").lower()
        if _SHA256.fullmatch(fingerprint):
            yield fingerprint
        elif given:
            raise _bad(bmc, "fingerprint", "SHA-256 fingerprints (64 hex digits) with commas, or the path of a file")


# A bmcsetup is shared by many BMCs, each with a certificate of its own, so these may be in a file by node.
def _of_node(bmc: BmcTarget, path: Path) -> list[str]:
    try:
        lines = [line.split() for line in path.read_text().splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise _bad(bmc, "fingerprint", f"a file that can be read ({error})") from error
    if found := [words[1] for words in lines if len(words) > 1 and words[0] == bmc.node]:
        return found
    raise _bad(bmc, "fingerprint", f"a file with a line '{bmc.node} SHA256'")
