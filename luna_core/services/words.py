"""The words that go into a daemon's configuration, each of a form that no syntax can misread.

Nothing is escaped: what would need it is refused, since the daemons disagree on how.
"""

import re

from luna_core.errors import BadInput
from luna_core.types import Host, Network

_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST_NAME = re.compile(_LABEL)
_DOMAIN = re.compile(rf"(?=.{{1,240}}$){_LABEL}(\.{_LABEL})*")
_NETWORK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_ETHERNET = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@-]{0,14}")
_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+=\[\]-]+")


def host_name(host: Host) -> str:
    """The name of `host`, one label of letters, digits and hyphens (RFC 1123 section 2.1). Raises BadInput."""
    accepted = "up to 63 letters, digits and '-', not at either end"
    return _match(_HOST_NAME, host.name, f"{host.kind} {host.name!r}: name", accepted)


def domain(network: Network) -> str:
    """The domain of `network`: labels with dots between, short enough for names inside it. Raises BadInput."""
    return _match(_DOMAIN, network.domain, f"network {network.name}: domain", "a domain as in hpc.example.org")


def network_name(network: Network) -> str:
    """The name of `network`. Raises BadInput."""
    accepted = "up to 63 letters, digits, '.', '_' and '-', a letter or digit first"
    return _match(_NETWORK, network.name, f"network {network.name!r}: name", accepted)


def ethernet_address(host: Host) -> str:
    """The MAC of `host`, six octets. Raises BadInput."""
    return _match(_ETHERNET, host.mac or "", f"{host.kind} {host.name}: mac", "a MAC as in 52:54:00:12:34:56")


def interface_name(name: str, owner: str) -> str:
    """The name of a network interface of the controller. Raises BadInput."""
    return _match(_INTERFACE, name, owner, "an interface as in eth0")


def plain(text: str, owner: str) -> str:
    """A path, file name or URL without spaces, quotes or other punctuation that some syntax knows. Raises BadInput."""
    return _match(_PLAIN, text, owner, "letters, digits and any of '_./:@%+=[]-'")


def _match(pattern: re.Pattern[str], value: str, owner: str, accepted: str) -> str:
    if not pattern.fullmatch(value):
        raise BadInput(f"{owner}: {value!r} was given; accepted is {accepted}.")
    return value
