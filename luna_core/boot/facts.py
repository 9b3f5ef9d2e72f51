"""Everything that a node's boot and install scripts are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from luna_core import types
from luna_core.boot.bmc import BmcPlan, bmc_plan
from luna_core.boot.view import View, places
from luna_core.errors import BadInput, LunaError
from luna_core.image.versions import load_version
from luna_core.model import Node
from luna_core.model.disks import DiskLayout
from luna_core.node.manifest import MANIFEST_NAME, Manifest
from luna_core.operations.images.facts import find_version, no_squashfs, versions_of
from luna_core.operations.resolve import Resolver
from luna_core.operations.work import Work

if TYPE_CHECKING:
    from luna_core.hooks import Hooks

PROFILE = (
    "boot_address",
    "local_boot",
    "service",
    "root",
    "root_size",
    "numa_policy",
    "shard_cache",
    "disks",
    "local_boot_after_install",
    "prescript",
    "partscript",
    "postscript",
)


@dataclass(frozen=True, kw_only=True)
class BootFacts:
    """A node with what it is to boot. `profile` has the inherited fields of model.Profile that scripts depend on."""

    node: types.Node
    image: types.Image
    version: types.ImageVersion
    manifest: Manifest
    profile: Mapping[str, object]
    index: int
    count: int
    bmc: BmcPlan | None = None

    @property
    def disks(self) -> DiskLayout | None:
        """The layout of the node's disks, if it has one."""
        layout = self.profile["disks"]
        return layout if isinstance(layout, DiskLayout) else None


@dataclass(frozen=True, kw_only=True)
class Offers:
    """What plugins say of a boot."""

    endpoints: Sequence[types.Endpoint]
    kernel_arguments: Sequence[types.KernelArgument]
    postscripts: Sequence[types.Postscript]


def boot_facts(
    work: Work,
    settings: Mapping[str, types.SettingValue],
    node: Node,
    versions: Path,
    *,
    view: View | None = None,
    booted: str = "",
) -> BootFacts:
    """The facts for a node; raises BadInput that says which of them is missing and how to give it.

    Who asks for many nodes gives the `view` of this transaction. A node that runs the kernel of the version with the
    manifest `booted` gets one whose modules fit: that one, if the version in force has another kernel by now.
    """
    resolver = view.resolver(work) if view else Resolver(work, settings)
    lineage = resolver.lineage(node)
    chosen = lineage.say("osimage", node).value
    if chosen is None:
        raise BadInput(f"node {node.name}: osimage: none is chosen; 'luna group change … --osimage' gives it one.")
    image = resolver.stored_image(chosen)
    number = lineage.say("image_version", node).value or image.latest
    version = view.version(work, image, number) if view else find_version(work, image, number)
    if version is None:
        raise BadInput(f"osimage {image.name}: it has no version to boot; 'luna osimage pack {image.name}' makes one.")
    manifest = _manifest(versions / version.manifest_sha256)
    older = next((one for one in versions_of(work, image) if one.manifest_sha256 == booted), None) if booted else None
    if older and older != version:
        running = _manifest(versions / booted)
        if running.kernel_release != manifest.kernel_release:
            version, manifest = older, running
    profile = {field: lineage.say(field, node).value for field in PROFILE}
    if profile["root"] == "overlay" and not manifest.squashfs:
        raise BadInput(f"node {node.name}: root: overlay was given, but {no_squashfs(image.name, version.number)}")
    siblings = view.places(work, node.group) if view else places(work, node.group)
    resolved = resolver.node(node)
    given = resolver.image_version(version, versions / version.manifest_sha256)
    return BootFacts(
        node=resolved,
        image=given.image,
        version=given,
        manifest=manifest,
        profile=profile,
        index=siblings[node.id],
        count=len(siblings),
        bmc=bmc_plan(work, node, lineage, resolved),
    )


def _manifest(directory: Path) -> Manifest:
    try:
        changed_ns = (directory / MANIFEST_NAME).stat().st_mtime_ns
    except OSError:
        return load_version(directory)
    return _known_manifest(directory, changed_ns)


@lru_cache(maxsize=8)
def _known_manifest(directory: Path, changed_ns: int) -> Manifest:
    """Read once: that of a real image takes longer than all else that a boot script is made of."""
    return load_version(directory)


def ask_plugins(hooks: "Hooks", facts: BootFacts) -> Offers:
    """What plugins add to this boot; raises PluginError, and LunaError if no transport offers the version."""
    endpoints = [answer.value for answer in hooks.luna_transport_endpoints(facts.version, facts.node)]
    if not endpoints:
        raise LunaError(f"No transport offers version {facts.version.number} of {facts.image.name}.")
    return Offers(
        endpoints=endpoints,
        kernel_arguments=[one.value for one in hooks.luna_kernel_arguments(facts.image, facts.node)],
        postscripts=[one.value for one in hooks.luna_postscripts(facts.image, facts.node)],
    )


def files_url(offers: Offers) -> str:
    """Where the version's files are over plain HTTP, with a slash at its end: firmware and iPXE know nothing else."""
    for endpoint in offers.endpoints:
        if endpoint.transport == "http":
            return endpoint.url.rstrip("/") + "/"
    raise LunaError("No plugin offers the image over HTTP, which iPXE needs; is luna-transport-http active?")
