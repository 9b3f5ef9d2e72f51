"""The site's list of machines."""

import csv
from pathlib import Path
from typing import NamedTuple

INVENTORY = Path("/etc/luna/inventory.csv")


class Machine(NamedTuple):
    """A line of the inventory."""

    mac: str
    node: str
    rack: str
    slot: str


def read() -> list[Machine]:
    """Every machine in the file; none if there is no file."""
    if not INVENTORY.exists():
        return []
    with INVENTORY.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [Machine(row["mac"].lower(), row["node"], row["rack"], row["slot"]) for row in rows]
