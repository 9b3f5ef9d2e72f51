"""The interfaces that DHCP listens on: setting `dhcp.interfaces`, with words as in eth0 or cluster=eth0."""

from luna_core.services import configured
from luna_core.services.words import interface_name
from luna_core.types import Cluster, Network

_SETTING = "dhcp.interfaces"


def interfaces(cluster: Cluster) -> list[str]:
    """Each interface once; none means all. Raises BadInput for what can't be an interface."""
    return list(dict.fromkeys(name for _, name in _pairs(cluster)))


def interface_of(cluster: Cluster, network: Network) -> str | None:
    """The interface that the setting gives `network`, else its only one. Raises BadInput as `interfaces`."""
    pairs = _pairs(cluster)
    named = dict(pairs).get(network.name)
    return named or (pairs[0][1] if len(pairs) == 1 and not pairs[0][0] else None)


def _pairs(cluster: Cluster) -> list[tuple[str, str]]:
    split = (word.rpartition("=") for word in configured.words(cluster, _SETTING))
    return [(network, interface_name(name, f"setting {_SETTING}")) for network, _, name in split]
