"""`luna power`: switch nodes on and off, and ask their BMCs."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from luna_core.cli.complete import completer
from luna_core.cli.context import FiniteRange, dry_run_option, pass_luna, with_options
from luna_core.cli.output import emit
from luna_core.cli.power_options import Asking, bmc_command, confirm

if TYPE_CHECKING:
    from luna_core.operations import Luna
    from luna_core.power.ask import Call, Replies
    from luna_core.power.calls import Function

# The event log or all sensors of a BMC take many requests.
PATIENT = 30.0
LONGEST_IDENTIFY_S = 255  # IPMI 2.0, section 28.5
ACTIONS = {
    "on": "Switch nodes on; nothing happens to those that are.",
    "off": "Switch nodes off at once, as by pulling the plug.",
    "soft": "Ask the operating systems of nodes to shut down (ACPI).",
    "reset": "Reset nodes without switching them off.",
    "cycle": "Switch nodes off and on again.",
}
SWITCHES_ON = ("on", "cycle")
LAST_COLUMNS = ("action", "time", "who", "why", "failed")
wait_options = (
    click.option("--wait", is_flag=True, help="Wait until the nodes are on, or off."),
    click.option(
        "--timeout", "timeout_s", type=FiniteRange(0), default=300.0, show_default=True, help="How long, in s."
    ),
)
yes_option = click.option("--yes", is_flag=True, help="Don't ask at a terminal, however many nodes it is.")


@click.group()
def power() -> None:
    """Switch nodes on and off, and ask their BMCs.

    Answers are printed as they come; with more than one node, a summary follows. Exit status 1 if a node failed.
    """


@power.command()
@bmc_command
def status(asking: Asking) -> int:
    """Say of each node whether it is on."""
    from luna_core.power import calls

    return asking.show(asking.ask(_call(calls.state)), "power", _word)


def _action(name: str, help: str) -> click.Command:
    @bmc_command
    def act(asking: Asking, wait: bool, timeout_s: float, yes: bool, dry_run: bool) -> int:
        if dry_run:
            return asking.show(asking.planned(), "plan", lambda way: [f"{name} {way}"], lambda _: f"{name} (dry run)")
        if name != "on":
            confirm(asking, name, yes=yes)
        if wait:
            return asking.show(_switched_and_waited_for(asking, name, timeout_s), "power", _word)
        return asking.show(_switched(asking, name), "action", lambda _: [name])

    return click.command(name, help=help)(with_options([*wait_options, yes_option, dry_run_option])(act))


for _name, _help in ACTIONS.items():
    power.add_command(_action(_name, _help))


@power.command()
@bmc_command
def last(asking: Asking) -> int:
    """Show what was last done to nodes, by whom, and what failed. No BMC is asked."""
    from luna_core.power.actions import last_actions

    found = last_actions(asking.luna, asking.bmcs)
    rows = [
        {"node": node, **one.model_dump(include=set(LAST_COLUMNS)), "failed": one.failed and str(one.failed)}
        for node, one in found.items()
    ]
    emit(rows, ("node", *LAST_COLUMNS), asking.output, nothing="Nothing was done to these nodes through luna yet.")
    return 0


@power.command()
@click.option("--seconds", type=click.IntRange(1, LONGEST_IDENTIFY_S), default=60, show_default=True, help="How long.")
@click.option("--off", "dark", is_flag=True, help="Turn it off.")
@bmc_command
def identify(asking: Asking, seconds: int, dark: bool) -> int:
    """Light the LED by which a machine is found in its rack."""
    from luna_core.power import calls

    call = _call(partial(calls.identify, seconds=0 if dark else seconds))
    shown = "identify off" if dark else f"identify for {seconds} s"
    return asking.show(asking.ask(call), "identify", lambda _: [shown])


@power.command()
@click.argument("device", type=click.Choice(["network", "disk", "setup", "default"]))
@click.option("--persistent", is_flag=True, help="From now on, not only once.")
@click.option("--uefi/--bios", default=None, help="Firmware to boot by; else the bmcsetup's option firmware.")
@bmc_command
def bootdev(asking: Asking, device: str, persistent: bool, uefi: bool | None) -> int:
    """Choose what nodes boot from next.

    That is the network, the disk, the firmware's set-up, or what it says itself. Where neither --uefi, --bios
    nor the bmcsetup's --option firmware=uefi|bios says so, the firmware's mode stays as the BMC has it.
    """
    from luna_core.power import calls
    from luna_core.types import BootDevice

    chosen = partial(calls.set_boot_device, device=BootDevice(device), persistent=persistent, uefi=uefi)
    shown = f"boots from {device}{'' if persistent else ' once'}"
    return asking.show(asking.ask(_call(chosen)), "boot_device", lambda _: [shown])


@power.group()
def sel() -> None:
    """The system event logs of BMCs."""


@sel.command("list")
@bmc_command
def list_events(asking: Asking) -> int:
    """Show the system event log, oldest first."""
    from luna_core.power import calls

    return _show_rows(asking, calls.event_log, "events", "{time} {severity} {sensor}: {event}")


@sel.command("clear")
@bmc_command
def clear_events(asking: Asking) -> int:
    """Empty the system event log."""
    from luna_core.power import calls

    return asking.show(asking.ask(_call(calls.clear_event_log, PATIENT)), "cleared", lambda _: ["cleared"])


@power.command()
@bmc_command
def sensors(asking: Asking) -> int:
    """Show what sensors read: temperatures, fans, voltages, power."""
    from luna_core.power import calls

    return _show_rows(asking, calls.sensors, "sensors", "{name} {value} {units} {health}")


@power.command()
@click.argument("node", shell_complete=completer("node"))
@click.option("--log", type=click.Path(dir_okay=False, path_type=Path), help="Append what is shown to a file, too.")
@pass_luna
def console(luna: "Luna", node: str, log: Path | None) -> int:
    """Attach this terminal to the serial console of NODE. How to leave it is said when it begins."""
    from luna_core.power.console import attach

    return attach(luna, node, log)


def _word(value: Any) -> list[str]:
    return [str(value)]


def _show_rows(asking: Asking, function: "Function", title: str, line: str) -> int:
    """Ask for rows; `line` is what one looks like as text."""
    return asking.show(
        asking.ask(_call(function, PATIENT)),
        title,
        lambda rows: [line.format(**row) for row in rows] or [f"no {title}"],
        lambda rows: f"{len(rows)} {title}",
    )


def _call(function: "Function", patience: float = 6.0) -> "Call":
    from luna_core.power.ask import Call

    return Call(function=function, patience=patience)


def _switched(asking: Asking, name: str) -> "Replies":
    from luna_core.power.actions import switch
    from luna_core.power.ask import Call
    from luna_core.power.calls import act
    from luna_core.types import PowerAction

    call = Call(function=partial(act, action=PowerAction(name)), inrush=name in SWITCHES_ON)
    return switch(asking.luna, asking.bmcs, call, name, asking.pace)


def _switched_and_waited_for(asking: Asking, name: str, timeout_s: float) -> "Replies":
    from luna_core.power.actions import leads_to, wait_for

    accepted = set()
    for reply in _switched(asking, name):
        if reply.error:
            yield reply
        else:
            accepted.add(reply.node)
    pending = [one for one in asking.bmcs if one.node in accepted]
    yield from wait_for(asking.luna, pending, leads_to(name), asking.pace, timeout_s)
