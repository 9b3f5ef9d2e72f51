"""Machines that nobody knows become the next free node of a group, if a setting names one."""

from collections.abc import Iterable, Sequence

from luna_core.hookspecs import hookimpl
from luna_core.types import Machine, Setting, Sighting

GROUP = Setting(
    name="discovery.group",
    default="",
    help="Group whose next free node every unknown machine becomes, whoever plugged it in; empty: none.",
)


@hookimpl
def luna_settings() -> Iterable[Setting]:
    """The group."""
    return [GROUP]


@hookimpl
def luna_discover(macs: Sequence[str], machine: Machine) -> Iterable[Sighting]:
    """The group, for the card that the machine boots from."""
    group = str(machine.settings.get(GROUP.name, GROUP.default))
    return [Sighting(mac=macs[0], place=f"setting {GROUP.name}", group=group)] if group and macs else []
