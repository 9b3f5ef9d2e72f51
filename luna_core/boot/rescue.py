"""Service mode for a machine without a name: an image's initramfs, which installs nothing and is given no session."""

from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import TYPE_CHECKING

from luna_core import types
from luna_core.boot import scripts
from luna_core.boot.architecture import fits
from luna_core.boot.facts import PROFILE, BootFacts, Offers
from luna_core.boot.identify import BOOT_INTERFACE
from luna_core.errors import BadInput
from luna_core.image.versions import load_version
from luna_core.model import Network, OsImage
from luna_core.operations.images.facts import find_version
from luna_core.operations.inherit import the_cluster
from luna_core.operations.resolve import Resolver
from luna_core.operations.work import Work

if TYPE_CHECKING:
    from luna_core.hooks import Hooks


def rescue_facts(work: Work, machine: types.Machine, versions: Path) -> BootFacts:
    """Facts of a node that there isn't: the cluster's image, else the first with a fitting version. Raises BadInput."""
    resolver = Resolver(work, machine.settings)
    default = the_cluster(work).osimage
    for image in sorted(work.all(OsImage), key=lambda one: one.id != default):
        if (version := find_version(work, image, image.latest)) is not None:
            directory = versions / version.manifest_sha256
            manifest = load_version(directory)
            if not fits(directory / manifest.kernel.name, machine):
                continue
            return BootFacts(
                node=_node(machine, resolver.cluster(), _here(work, resolver, ip_address(machine.address))),
                image=resolver.image(image),
                version=resolver.image_version(version, directory),
                manifest=manifest,
                profile={**dict.fromkeys(PROFILE), "service": True},
                index=0,
                count=1,
            )
    raise BadInput(
        "No osimage has a version for this machine to take a rescue system from; 'luna osimage pack' makes it."
    )


def rescue_script(hooks: "Hooks", facts: BootFacts, url: str) -> str:
    """The iPXE script; raises PluginError, and LunaError if no transport offers the image."""
    offers = Offers(
        endpoints=[one.value for one in hooks.luna_transport_endpoints(facts.version, facts.node)],
        kernel_arguments=[one.value for one in hooks.luna_kernel_arguments(facts.image, facts.node)],
        postscripts=[],
    )
    return scripts.boot_script(url, facts, offers, "")


def _here(work: Work, resolver: Resolver, address: types.IPAddress) -> types.InterfaceAddress:
    """The address that iPXE was leased, for not every image has a DHCP client."""
    for network in work.all(Network):
        if subnet := network.subnet_of(address):
            interface = ip_interface(f"{address}/{subnet.network.prefixlen}")
            return types.InterfaceAddress(
                network=resolver.network(network.id), address=interface, gateway=subnet.gateway
            )
    raise BadInput(f"{address} is in no network that luna knows.")


def _node(machine: types.Machine, cluster: types.Cluster, here: types.InterfaceAddress) -> types.Node:
    if not machine.macs:
        raise BadInput("The machine sent no valid MAC.")
    interface = types.Interface(name=BOOT_INTERFACE, mac=machine.macs[0], addresses=(here,))
    return types.Node(id="", name=machine.macs[0].replace(":", "-"), cluster=cluster, group="", interfaces=(interface,))
