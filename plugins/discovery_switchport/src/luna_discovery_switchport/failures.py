"""What can go wrong with a switch's SNMP agent."""

from luna_core.errors import LunaError
from luna_core.types import Switch

ATTEMPTS = 2


class SnmpError(LunaError):
    """The switch can't be asked, or answers with an error; the text says which."""


class Silent(SnmpError):
    """No answer came within the time-out."""


class Circle(SnmpError):
    """The switch answers with rows that it gave before, so its table would never end."""


def silent(switch: Switch) -> Silent:
    """The error for no answer, which agents give on purpose to who doesn't know the community."""
    secret = "the privacy password is wrong" if switch.snmp_version == "3" else "doesn't know the community"
    return Silent(
        f"switch {switch.name}: no answer from {switch.addresses[0]} port {switch.snmp_port} within "
        f"{switch.timeout_s:g} s, asked {ATTEMPTS} times. It is off, filtered, speaks no SNMP v{switch.snmp_version}, "
        f"or {secret}: agents don't say which."
    )
