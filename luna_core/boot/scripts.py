"""The scripts that machines get: for iPXE, and the install script. Values go through quoting filters, never bare."""

import hashlib
import json
import re
import shlex
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import jinja2

from luna_core import types
from luna_core.boot.facts import BootFacts, Offers, files_url
from luna_core.boot.relays import Relay
from luna_core.boot.waves import Wait
from luna_core.errors import BadInput

WORK_MEMORY = "/run/luna/work"
WORK_DISK = "/sysroot/.luna"
NEW_ROOT = "/sysroot"
LAYERS = "/run/luna/layers"
CACHE = "/run/luna/cache"
PHASES = "/run/luna/phases"
SPARE_BYTES = 64 << 20
ENTRY_WAIT_S = 10
REFUSED_WAIT_S = 30
MENU_COLUMNS = 74
# Without a byte for so long, a relay was switched off.
RELAY_TIMEOUT_MS = 10_000
_ARGUMENT = re.compile(r"[!-~]+")
# iPXE has no way to quote.
_IPXE_OPERATORS = ("||", "&&")
_BOOT_INTERFACE = "BOOTIF"


@dataclass(frozen=True)
class Phase:
    """One step of the installation: a name that reports carry, shell scripts, then others that run in the new root.

    Each script is a file and a process of its own: what one does to its shell, an early `exit` included, is its own.
    """

    name: str
    outside: Sequence[str]
    inside: Sequence[str] = ()

    @cached_property
    def files(self) -> Mapping[str, str]:
        """The scripts by file name, without those that run in the new root."""
        inside = [f"{PHASES}/{name}" for name in self.inner_files()]
        outside = [*self.outside, *([_render("chroot.sh.j2", scripts=inside)] if inside else [])]
        return {f"{self.name}-{number}.sh": text for number, text in enumerate(outside, 1)}

    def inner_files(self) -> Mapping[str, str]:
        """The scripts that run in the new root, by file name."""
        return {f"{self.name}-inside-{number}.sh": text for number, text in enumerate(self.inside, 1)}


def load_templates() -> None:
    """Compile all templates, which the first threads that need one would all do at once."""
    for name in _environment().list_templates():
        _template(name)


def entry_script(url: str) -> str:
    """What iPXE gets first; `url` is the boot server's, without a slash at its end."""
    return _render("entry.ipxe.j2", url=url)


def menu_script(
    url: str,
    *,
    query: str,
    free: Sequence[tuple[str, str]],
    groups: Sequence[str],
    naming: bool,
    reason: str,
    command: str,
) -> str:
    """For a machine without a name: names and groups of free nodes, groups with a next one, and why it waits.

    `query` is the discovery request's, already URL-encoded; `naming` says whether a name may be chosen at all.
    """
    lines = _lines(reason, f"On the controller: {command}" if command else "")
    values = {"query": query, "free": free, "groups": groups, "naming": naming, "lines": lines}
    return _render("menu.ipxe.j2", url=url, wait_s=ENTRY_WAIT_S, **values)


def boot_script(
    url: str, facts: BootFacts, offers: Offers, token: str, *, ticket: str = "", relay: Relay | None = None
) -> str:
    """What iPXE gets for a known node: kernel, initramfs and arguments, or the local disk.

    `ticket` gives the node's place in its wave back. A `relay` is asked before the controller is.
    """
    return _render(
        "boot.ipxe.j2",
        url=url,
        name=facts.node.name,
        image=facts.image.name,
        version=facts.version.number,
        local_boot=boots_locally(facts),
        files_url=files_url(offers),
        relay_url=relay.url if relay else "",
        relay_name=relay.name if relay else "",
        relay_timeout_ms=RELAY_TIMEOUT_MS,
        kernel=facts.manifest.kernel.name,
        initramfs=facts.manifest.initramfs.name,
        arguments=" ".join(kernel_arguments(url, facts, offers, token)),
        ticket=ticket,
    )


def refuse_unbootable(url: str, facts: BootFacts, offers: Offers) -> None:
    """Raise what `boot_script` would: a node that can't boot opens no session, and takes nobody's turn."""
    kernel_arguments(url, facts, offers, "")
    files_url(offers)


def wait_script(url: str, wait: Wait, name: str = "") -> str:
    """What iPXE gets for a known node whose turn to load has not come; its `name` is told once."""
    return _render("wait.ipxe.j2", url=url, name=name, before=wait.before, pause_s=wait.pause_s, ticket=wait.ticket)


def again_script(url: str) -> str:
    """What iPXE gets that is to ask who it is and what to load, from the beginning."""
    return _render("again.ipxe.j2", url=url)


def refused_script(url: str, reason: str) -> str:
    """What iPXE gets for a known node that can't boot what it is to: the reason on its console, until that changes."""
    return _render("refused.ipxe.j2", url=url, lines=_lines(reason), wait_s=REFUSED_WAIT_S)


def boots_locally(facts: BootFacts) -> bool:
    """Whether the node is sent to its own disk, of which luna only sees whether it comes up."""
    return bool(facts.profile["local_boot"]) and not facts.profile["service"]


def kernel_arguments(url: str, facts: BootFacts, offers: Offers, token: str) -> list[str]:
    """Luna's own arguments, the plugins', the image's and the node's, in this order: the last of a kind wins.

    Raises BadInput for a node that has no MAC or no address to boot with, and for an argument with odd characters.
    """
    interface = _boot_interface(facts.node)
    arguments = [
        f"luna.url={session_url(url, facts.node.cluster)}",
        f"luna.node={facts.node.name}",
        f"luna.session={token}",
        f"luna.mac={interface.mac}",
    ]
    if facts.profile["boot_address"] == "dhcp":
        if all(one.address.version == 6 for one in interface.addresses):
            raise BadInput(f"node {facts.node.name}: boot_address: dhcp was given; accepted without IPv4 is static.")
        arguments.append("luna.ip=dhcp")
    else:
        arguments += [f"luna.ip={one.address}" for one in interface.addresses]
        arguments += [f"luna.gateway={one.gateway}" for one in interface.addresses if one.gateway]
    vlans = [one.network.vlan for one in interface.addresses if one.network.vlan]
    arguments += [f"luna.vlan={vlan}" for vlan in vlans[:1]]
    if interface.type == "bond":
        arguments.append(
            f"luna.bond={interface.bond_mode or 'active-backup'}:{','.join(_member_macs(facts.node, interface))}"
        )
    if facts.profile["service"]:
        arguments.append("luna.service=1")
    if (attempts := facts.node.cluster.settings.get("boot.attempts")) is not None:
        arguments.append(f"luna.attempts={attempts}")
    if facts.node.cluster.settings.get("boot.relays"):
        arguments.append("luna.relay=1")
    arguments += [one.key if one.value is None else f"{one.key}={one.value}" for one in offers.kernel_arguments]
    arguments += [*facts.image.kernel_arguments.split(), *facts.node.kernel_arguments.split()]
    for argument in arguments:
        if not _ARGUMENT.fullmatch(argument) or argument in _IPXE_OPERATORS or "${" in argument:
            raise BadInput(
                f"node {facts.node.name}: kernel argument {argument!r} was given; accepted is printable ASCII without "
                "what iPXE would take for its own: a word that is || or &&, and ${."
            )
    return arguments


def session_url(url: str, cluster: types.Cluster) -> str:
    """Where nodes reach the boot server once they run luna's initramfs: by HTTPS where that is set."""
    port = cluster.settings.get("https.port", 0)
    return f"https://{re.sub(r':[0-9]+$', '', urlsplit(url).netloc)}:{port}" if port else url


def install_script(
    url: str, facts: BootFacts, offers: Offers, files: Sequence[types.NodeFile], boot_loader: str = ""
) -> str:
    """The installation as phases. `files` are what the distribution's network and luna's identity of the node need.

    `boot_loader` is the distribution's script that makes a root on disk boot by itself.
    """
    in_memory = facts.profile["root"] != "disk"
    # Nobody would be there to open what only the node's key opens.
    boots_alone = not in_memory and not (facts.disks and facts.disks.opened_by_key())
    loader = boot_loader if boots_alone else ""
    phases = [one for one in _phases(facts, offers, files, loader, in_memory) if one.outside or one.inside]
    return _render(
        "install.sh.j2",
        node=facts.node.name,
        image=facts.image.name,
        version=facts.version.number,
        job=json.dumps(_job(url, facts, offers, in_memory), indent=1),
        phases=phases,
        directory=PHASES,
        timeout_s=facts.node.cluster.settings.get("boot.script_timeout_s", 3600),
    )


def identity_files(facts: BootFacts) -> list[types.NodeFile]:
    """What makes a clone a node: its name, its machine-id (machine-id(5): its luna id, so stable), and hosts."""
    name = facts.node.name
    lines = ["127.0.0.1\tlocalhost", "::1\tlocalhost ip6-localhost ip6-loopback"]
    for interface in facts.node.interfaces:
        if interface.type == "bmc":
            continue
        lines += [f"{one.address.ip}\t{name}.{one.network.domain} {name}" for one in interface.addresses]
    return [
        types.NodeFile(path="/etc/hostname", content=f"{name}\n"),
        types.NodeFile(path="/etc/machine-id", content=f"{facts.node.id}\n", mode=0o444),
        types.NodeFile(path="/etc/hosts", content="\n".join(lines) + "\n"),
    ]


def _phases(
    facts: BootFacts, offers: Offers, files: Sequence[types.NodeFile], loader: str, in_memory: bool
) -> Iterable[Phase]:
    profile = facts.profile
    directory = WORK_MEMORY if in_memory else WORK_DISK
    work = {"directory": directory, "in_memory": in_memory, "shard_cache": profile["shard_cache"], "cache": CACHE}
    pid_files = [f"{directory}/seeder.pid", f"{CACHE}/luna/seeder.pid"]
    overlay = profile["root"] == "overlay"
    yield Phase("prescript", _fragments(offers, "prescript", profile["prescript"]))
    yield Phase("setupbmc", [_render("setupbmc.sh.j2", bmc=facts.bmc)] if facts.bmc else ())
    before = [_render("cache-off.sh.j2", cache=CACHE)] if profile["shard_cache"] else []
    disks = [_disks(facts, mounted=not in_memory)] if profile["disks"] else []
    yield Phase("partscript", [*before, *disks, *_fragments(offers, "partscript", _partscript(facts))])
    size_bytes = (facts.manifest.squashfs_bytes if overlay else facts.manifest.size_bytes) + SPARE_BYTES
    yield Phase("download", [_render("download.sh.j2", size_bytes=size_bytes, **work)])
    yield Phase("setnet", [_render("setnet.sh.j2", text=_files(files))])
    fstab = [_render("fstab.sh.j2", on_disk=not in_memory, disks=disks)] if disks or not in_memory else []
    outside = [*fstab, *_fragments(offers, "postscript", None)]
    yield Phase("postscript", outside, _fragments(offers, "chroot", profile["postscript"]))
    yield Phase("bootloader", (), [loader] if loader else ())
    yield Phase("finish", [_render("finish.sh.j2", layers=LAYERS if overlay else "", pid_files=pid_files, **work)])


def _disks(facts: BootFacts, *, mounted: bool) -> str:
    """Carries the layout out. What it has is mounted only below a root on disk: in RAM, the system's own init does."""
    layout = facts.disks
    if layout and layout.mounts_root() and not mounted:
        raise BadInput(f"node {facts.node.name}: disks: a mount at / was given without root: disk; accepted is both.")
    job = {"node_id": facts.node.id, "layout": layout and layout.document()}
    encrypted = layout is not None and layout.is_encrypted()
    return _render("disks.sh.j2", job=json.dumps(job, indent=1), mounted=mounted, encrypted=encrypted)


def _partscript(facts: BootFacts) -> str:
    profile = facts.profile
    if profile["partscript"]:
        return str(profile["partscript"])
    if profile["root"] == "disk":
        if facts.disks and facts.disks.mounts_root():
            return ""
        raise BadInput(
            f"node {facts.node.name}: root: disk was given without a partscript that mounts $NEWROOT, and without "
            "disks of which one has mount: /; accepted is either."
        )
    size = str(profile["root_size"] or "80%")
    layers = LAYERS if profile["root"] == "overlay" else ""
    return _render("root-memory.sh.j2", size=size, numa_policy=profile["numa_policy"], layers=layers, root=NEW_ROOT)


def _fragments(offers: Offers, stage: str, own: object) -> list[str]:
    """The plugins' fragments of a stage, then the site's own script."""
    texts = [
        f"# {one.name}\n{one.text}"
        for one in sorted(offers.postscripts, key=lambda one: one.rank)
        if one.stage == stage
    ]
    return [*texts, str(own)] if own else texts


def _files(files: Sequence[types.NodeFile]) -> str:
    described = [
        {"path": one.path, "directory": str(PurePosixPath(one.path).parent), "content": one.content, "mode": one.mode}
        for one in files
    ]
    return _render("files.sh.j2", files=described)


def _job(url: str, facts: BootFacts, offers: Offers, in_memory: bool) -> Mapping[str, Any]:
    return {
        "node": facts.node.name,
        "report_url": f"{url}/boot/progress",
        "report_command": ["sh", "-c", '. "$LUNA_LIB"; luna_report "$@"', "luna_report"],
        "private_url": f"{url}/boot/private",
        "token_file": "/run/luna/session",
        "manifest_sha256": facts.version.manifest_sha256,
        "root": NEW_ROOT,
        **({"layers": LAYERS} if facts.profile["root"] == "overlay" else {}),
        **({"cache": CACHE} if facts.profile["shard_cache"] else {}),
        "work_directory": WORK_MEMORY if in_memory else WORK_DISK,
        "endpoints": [
            {"transport": one.transport, "url": one.url, "rank": one.rank, "parameters": dict(one.parameters)}
            for one in offers.endpoints
        ],
        "index": facts.index,
        "count": facts.count,
    }


def _boot_interface(node: types.Node) -> types.Interface:
    interface = node.interface(_BOOT_INTERFACE)
    if interface is None or not interface.mac:
        raise BadInput(
            f"node {node.name}: interface {_BOOT_INTERFACE} has no MAC; 'luna node change {node.name} --mac' gives it."
        )
    if not interface.addresses:
        raise BadInput(f"node {node.name}: interface {_BOOT_INTERFACE} has no address; give it a network.")
    return interface


def _member_macs(node: types.Node, bond: types.Interface) -> list[str]:
    members = [node.interface(name) for name in bond.members]
    return [member.mac for member in members if member is not None and member.mac]


def _lines(*texts: str) -> list[str]:
    return [line for text in texts for line in textwrap.wrap(_one_line(text), MENU_COLUMNS)]


def _one_line(text: str) -> str:
    return re.sub(r"[^ -~]+|[$|&]+", " ", text)


def _delimiter(text: str) -> str:
    """The end of a here-document that can't be a line of `text`."""
    return f"LUNA_{hashlib.sha256(text.encode()).hexdigest()[:16].upper()}"


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("luna_core.boot", "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
        autoescape=False,  # noqa: S701 - these are no web pages; shell values go through `quote`
    )
    environment.filters["quote"] = lambda value: shlex.quote(str(value))
    environment.filters["delimiter"] = _delimiter
    return environment


def _render(template: str, **values: object) -> str:
    return _template(template).render(values)


@cache
def _template(name: str) -> jinja2.Template:
    return _environment().get_template(name)
