"""A cluster in one step, for tests and measurements that need many nodes and not the commands that make them."""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Interface

from luna_core.model import Cluster, Group, Network
from luna_core.operations import Luna, Work
from luna_core.operations.configure import set_setting
from luna_core.operations.interfaces import set_interface
from luna_core.operations.nodes import add_nodes
from luna_core.operations.objects import add

GROUP = "compute"


def make_cluster(luna: Luna, controller: IPv4Interface, settings: Mapping[str, str], *, leases: str = "") -> None:
    """The cluster, with one network, that of the controller's address; `leases` is a range FIRST-LAST for DHCP."""

    def make(work: Work) -> None:
        add(work, Cluster, "cluster", {"frontend_addresses": [str(controller.ip)]})
        first, _, last = leases.partition("-")
        own = {"dhcp_range": {"first": first, "last": last}} if leases else {}
        add(work, Network, "cluster", {"subnets": [{"network": str(controller.network), **own}]})
        for name, value in settings.items():
            set_setting(work, luna.declared_settings(), name, value)

    luna.change(make, "a cluster")


def add_members(luna: Luna, image: str, macs: Mapping[str, str], *, racks: Sequence[str] = ()) -> None:
    """Nodes of one group that boot `image`, by name and MAC, spread over racks in turns where there are any."""

    def make(work: Work) -> None:
        add(work, Group, GROUP, {"osimage": image})
        set_interface(work, Group, GROUP, "BOOTIF", {"networks": ["cluster"]}, new=True)
        for place in range(max(1, len(racks))):
            names = list(macs)[place :: max(1, len(racks))]
            rack = {"rack": racks[place]} if racks else {}
            add_nodes(work, names, {"group": GROUP, **rack}, macs=[macs[name] for name in names])

    luna.change(make, "nodes")
