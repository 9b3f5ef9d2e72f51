"""`lpower`: `luna power` under the name, and with the order of words, that administrators of luna 1 know."""

import sys
from collections.abc import Sequence

from luna_core.cli.main import run
from luna_core.cli.power import power


def main() -> None:
    """Run `luna power` with this command line and exit as it does."""
    sys.exit(run(["power", *arranged(sys.argv[1:])]))


def arranged(words: Sequence[str]) -> list[str]:
    """The words with the action first: `lpower node[001-040] on` is `lpower on node[001-040]`."""
    nodes, *rest = words or [""]
    if rest and nodes not in power.commands and not nodes.startswith("-") and rest[0] in power.commands:
        return [rest[0], nodes, *rest[1:]]
    return list(words)
