"""What a bmcsetup may not say where everybody sees it."""

from luna_core import drivers
from luna_core.errors import BadInput, LunaError
from luna_core.model import BmcSetup
from luna_core.operations.work import Work, walk_changes
from luna_core.settings import MachineSettings


def refuse_open_secrets(work: Work, machine: MachineSettings) -> None:
    """Raise BadInput if a changed bmcsetup says in the clear what its driver, where that is known, has as secret."""
    for _, setup in walk_changes(work, BmcSetup):
        if setup is None or not setup.options:
            continue
        try:
            secret = drivers.load("luna.bmc", setup.driver, machine).secret_options
        except LunaError:
            continue
        for name in sorted({*secret} & {*setup.options}):
            raise BadInput(
                f"bmcsetup {setup.name}: options.{name}: *** was given; accepted is 'luna bmcsetup change "
                f"{setup.name} --secret-option {name}=ask', which keeps it like the password."
            )
