"""The Redfish services of a lab's BMCs: sushy-tools' emulator, with a driver that asks the lab to switch machines.

One process serves all of them, each on an address of its own; called with SOCKET, DIRECTORY and ADDRESS=NODE words.
"""

import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import flask
from sushy_tools import error
from sushy_tools.emulator.main import Application, app
from sushy_tools.emulator.resources.systems.base import AbstractSystemsDriver
from werkzeug.serving import make_server

from luna_lab.redfish import CERTIFICATE, KEY, PORT, USERS
from luna_lab.scripts.chassis_control import ask

# Redfish's words (DSP0268, ResetType and BootSource) and those that a chassis knows.
_RESETS = {
    "On": ("power", "1"),
    "ForceOn": ("power", "1"),
    "ForceOff": ("power", "0"),
    "GracefulShutdown": ("shutdown", "1"),
    "ForceRestart": ("reset", "1"),
}
_BOOT_SOURCES = {"Pxe": "pxe", "Hdd": "default", "None": "none"}


class Machines(AbstractSystemsDriver):  # type: ignore[misc]  # sushy-tools publishes no types
    """The lab's machines by the addresses of their BMCs: whoever asks a BMC finds its own machine and no other."""

    driver = "<luna lab>"

    def __init__(self, chassis: str, nodes: Mapping[str, str]) -> None:
        super().__init__()
        self._chassis = chassis
        self._nodes = nodes

    @property
    def systems(self) -> Sequence[str]:
        """The one machine behind the address that was asked."""
        return [self._nodes[flask.request.environ["SERVER_NAME"]]]

    def uuid(self, identity: str) -> str:
        """Its name. Raises NotFound if this BMC has no such machine."""
        if identity not in self.systems:
            raise error.NotFound(f"System {identity} was not found")
        return identity

    def name(self, identity: str) -> str:
        """Its name."""
        return self.uuid(identity)

    def get_power_state(self, identity: str) -> str:
        """Whether it is on."""
        return "On" if self._ask(identity, "get", "power") == "power:1" else "Off"

    def set_power_state(self, identity: str, state: str) -> None:
        """Switch it, which is done when this returns; only a shutdown takes as long as its system likes."""
        if state not in _RESETS:
            raise error.NotSupportedError(f"Reset type {state} is not supported")
        self._ask(identity, "set", *_RESETS[state])

    def get_boot_device(self, identity: str) -> str:
        """What it boots from at its next start."""
        said = self._ask(identity, "get", "boot")
        return next((source for source, word in _BOOT_SOURCES.items() if said == f"boot:{word}"), "None")

    def set_boot_device(self, identity: str, boot_source: str) -> None:
        """Choose what it boots from at its next start."""
        if boot_source not in _BOOT_SOURCES:
            raise error.NotSupportedError(f"Boot source {boot_source} is not supported")
        self._ask(identity, "set", "boot", _BOOT_SOURCES[boot_source])

    def _ask(self, identity: str, *words: str) -> str:
        said = ask(self._chassis, [self.uuid(identity), *words])
        if said is None:
            raise error.FishyError("The lab did not do that")
        return said.strip()


def main() -> None:
    """Until it is ended."""
    chassis, place, *pairs = sys.argv[1:]
    directory = Path(place)
    nodes = dict(pair.split("=") for pair in pairs)
    settings = {
        "SUSHY_EMULATOR_AUTH_FILE": str(directory / USERS),
        "SUSHY_EMULATOR_STATE_DIR": place,
        # Without what the emulator would make up, such as sensors and a LED.
        "SUSHY_EMULATOR_FEATURE_SET": "minimum",
    }
    app.configure(extra_config=settings)
    # The emulator chooses among its own drivers, and can't be told of another.
    Application.systems = Machines(chassis, nodes)
    context = (str(directory / CERTIFICATE), str(directory / KEY))
    servers = [make_server(address, PORT, app, threaded=True, ssl_context=context) for address in nodes]
    threads = [threading.Thread(target=server.serve_forever) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
