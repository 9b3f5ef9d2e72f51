"""Whether the kernel's table of neighbours (arp(7)) has room for all who are to talk to this machine."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from luna_core.types import IPAddress

# Of the first network namespace only, but the table's limit is that of all of them together.
LIMITS = {
    4: Path("/proc/sys/net/ipv4/neigh/default/gc_thresh3"),
    6: Path("/proc/sys/net/ipv6/neigh/default/gc_thresh3"),
}


def too_small(addresses: Iterable[IPAddress]) -> Iterator[str]:
    """A sentence for each family of which there are at least as many addresses as the table takes."""
    versions: list[int] = [one.version for one in addresses]
    for version, path in LIMITS.items():
        try:
            limit = int(path.read_text())
        except (OSError, ValueError):
            continue
        if versions.count(version) >= limit:
            key = ".".join(path.parts[-5:])
            yield f"The cluster has {versions.count(version)} IPv{version} addresses, and {key} is {limit}."
