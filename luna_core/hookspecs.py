"""The hooks: everything that luna asks of those who may answer. A plugin implements any of them.

A plugin is one light module (standard library and `luna_core` only; heavy imports inside the functions) named by an
entry point of group `luna.plugins`:

    from luna_core.hookspecs import hookimpl
    from luna_core.types import KernelArgument

    @hookimpl
    def luna_kernel_arguments(image, node):
        return [KernelArgument(key="console", value="ttyS1,115200")]

Every hook that answers returns an iterable of records, possibly empty. Order is the records' `rank`; wrappers,
`tryfirst` and `trylast` are refused. What an exception in one plugin does is said with each hook.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pluggy

from luna_core.interfaces import NodeNames
from luna_core.types import (
    Check,
    Cluster,
    Command,
    DracutModule,
    Endpoint,
    Image,
    ImageVersion,
    InitrdFile,
    KernelArgument,
    Machine,
    Node,
    Postscript,
    PowerState,
    Service,
    Setting,
    Sighting,
    WebApp,
)

hookspec = pluggy.HookspecMarker("luna")
hookimpl = pluggy.HookimplMarker("luna")


@hookspec
def luna_commands() -> Iterable[Command]:
    """Add subcommands to `luna`. An exception leaves them out, and `luna --help` names the plugin.

    Example:
        return [Command(name="slurm", load="luna_site_slurm.cli:slurm", help="Keep Slurm in step.")]
    """
    raise NotImplementedError


@hookspec
def luna_settings() -> Iterable[Setting]:
    """Declare settings of the cluster that `luna settings` reads and writes. An exception leaves them out.

    Example:
        return [Setting(name="slurm.partition", default="batch", help="Partition of nodes that come up.")]
    """
    raise NotImplementedError


@hookspec
def luna_checks() -> Iterable[Check]:
    """Add health checks to `luna doctor`. An exception is shown as a failed check.

    Example:
        return [Check(name="licence", run=licence_is_valid)]
    """
    raise NotImplementedError


@hookspec
def luna_web_apps() -> Iterable[WebApp]:
    """Mount WSGI applications in the boot server. An exception leaves them out, and the log says so.

    Example:
        return [WebApp(prefix="announce", load="luna_transport_torrent.tracker:application")]
    """
    raise NotImplementedError


@hookspec
def luna_image_packages(image: Image) -> Iterable[str]:
    """Name packages that the image must contain. An exception stops the build.

    Example:
        return ["slurmd"] if image.distro == "debian" else ["slurm-slurmd"]
    """
    raise NotImplementedError


@hookspec
def luna_image_configure(image: Image, root: Path) -> None:
    r"""Change the unpacked tree at `root` before it is packed. An exception stops the build.

    Example:
        (root / "etc/motd").write_text("Installed by luna.\n")
    """
    raise NotImplementedError


@hookspec
def luna_image_packed(image: Image, version: ImageVersion) -> None:
    """React to a new version. An exception is reported.

    Example:
        announce(f"{image.name} {version.number} is ready")
    """
    raise NotImplementedError


@hookspec
def luna_initrd_files(image: Image) -> Iterable[InitrdFile | DracutModule]:
    """Name what a node needs before it has an image. An exception stops the pack.

    Example:
        return [InitrdFile(source=Path("/opt/vendor/raidctl"), destination="/usr/sbin/raidctl", mode=0o755)]
    """
    raise NotImplementedError


@hookspec
def luna_transport_publish(version: ImageVersion) -> None:
    """Start to offer a version. An exception is reported; luna fails if no transport succeeded.

    Example:
        shutil.copytree(version.directory, Path("/export/images") / version.manifest_sha256)
    """
    raise NotImplementedError


@hookspec
def luna_transport_endpoints(version: ImageVersion, node: Node) -> Iterable[Endpoint]:
    """Name ways for this node to fetch a version; it tries them by rank. An exception leaves them out.

    Example:
        return [Endpoint(transport="http", url=f"http://mirror/{version.manifest_sha256}/", rank=90)]
    """
    raise NotImplementedError


@hookspec
def luna_transport_withdraw(version: ImageVersion) -> None:
    """Stop offering a version, before its files are deleted. An exception stops the deletion.

    Example:
        shutil.rmtree(Path("/export/images") / version.manifest_sha256)
    """
    raise NotImplementedError


@hookspec
def luna_discover(macs: Sequence[str], machine: Machine, nodes: NodeNames) -> Iterable[Sighting]:
    """Say where these MACs (lower case, colons) were seen, and which node belongs there; an exception leaves them out.

    Every boot asks, so answer from what is at hand, within milliseconds. Take only the arguments that you need:
    `machine` is what the machine says of itself, `nodes` finds nodes by what the store knows. Luna weighs the answers
    by the setting discovery.rank; one that is old or unsure names no node.

    Example:
        return [Sighting(mac=mac, place="rack 3 slot 7", node="node037") for mac in macs if mac in inventory]
    """
    raise NotImplementedError


@hookspec
def luna_node_identified(node: Node, sighting: Sighting) -> None:
    """React to a machine having been given its name. An exception is reported.

    Example:
        log.info("%s is at %s", node.name, sighting.place)
    """
    raise NotImplementedError


@hookspec
def luna_kernel_arguments(image: Image, node: Node) -> Iterable[KernelArgument]:
    """Add kernel arguments. An exception, or a key that two plugins give, stops this boot.

    Example:
        return [KernelArgument(key="nomodeset")]
    """
    raise NotImplementedError


@hookspec
def luna_postscripts(image: Image, node: Node) -> Iterable[Postscript]:
    """Add shell fragments to the installation. An exception stops this boot.

    Example:
        return [Postscript(name="motd", stage="postscript", text='echo hello > "$NEWROOT/etc/motd"')]
    """
    raise NotImplementedError


@hookspec
def luna_node_state_changed(node: Node, old: str, new: str) -> None:
    """React to a change of a node's boot state. An exception is reported.

    Example:
        if new == "up":
            resume_in_slurm(node.name)
    """
    raise NotImplementedError


@hookspec
def luna_power_changed(node: Node, state: PowerState) -> None:
    """React to a node having been powered on or off through luna. An exception is reported.

    Example:
        monitoring.silence(node.name, minutes=15)
    """
    raise NotImplementedError


@hookspec
def luna_services(cluster: Cluster) -> Iterable[Service]:
    """Name long-running processes for `luna serve` to supervise. An exception is shown in its status.

    Example:
        return [Service(name="seeder", command=("ltorrent", "--port", "6881"))]
    """
    raise NotImplementedError
