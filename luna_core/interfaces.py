"""The drivers: one named implementation per job, chosen by its entry-point name.

| entry-point group | class            | chosen by                          |
|-------------------|------------------|------------------------------------|
| luna.distro       | `Distro`         | an osimage's distro                |
| luna.bmc          | `PowerDriver`    | a bmcsetup's driver                |
| luna.store        | `Store`          | the scheme of the store URL        |
| luna.dhcp         | `NetworkService` | the setting `dhcp.server`          |
| luna.dns          | `NetworkService` | the setting `dns.server`           |

A driver class is created without arguments (a store with its URL). What it doesn't override has a default.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal, TypeVar

from luna_core.errors import Unsupported
from luna_core.types import (
    BmcTarget,
    BootDevice,
    Image,
    Kernel,
    NetworkPlan,
    Node,
    NodeFile,
    Owner,
    PowerAction,
    PowerState,
    Record,
    Service,
    Write,
)

T = TypeVar("T")


class Distro(ABC):
    """A family of operating systems. Paths named `root` are directories of the controller that hold a tree."""

    @abstractmethod
    def recognises(self, root: Path) -> bool:
        """Whether the tree at `root` is of this family.

        Example:
            return "ID=debian" in (root / "etc/os-release").read_text()
        """

    @abstractmethod
    def build(self, image: Image, root: Path, packages: Sequence[str], progress: Callable[[str], None]) -> None:
        """Make a tree in the empty directory `root` that holds `packages`; tell `progress` each step in words.

        Raises CommandFailed with the package manager's last lines.

        Example:
            run(["mmdebstrap", f"--include={','.join(packages)}", image.options["release"], root])
        """

    @abstractmethod
    def kernels(self, root: Path) -> Sequence[Kernel]:
        """The kernels installed in the tree, newest first.

        Example:
            return [Kernel(release="6.1.0-50-amd64", path=Path("/boot/vmlinuz-6.1.0-50-amd64"))]
        """

    @abstractmethod
    def initramfs_command(self, image: Image, kernel: Kernel, output: str) -> Sequence[str]:
        """The command that, run inside the tree, writes an initramfs with the dracut module `luna` to `output`.

        Uncompressed it is best: luna compresses it as small as the kernel can undo, and not under an emulator.

        Example:
            options = ["--no-hostonly", "--no-early-microcode", "--no-compress"]
            return ["dracut", "--force", *options, "--kver", kernel.release, output]
        """

    @abstractmethod
    def network_files(self, node: Node, root: Path) -> Sequence[NodeFile]:
        r"""The operating system's own network configuration for `node`, chosen by what the tree at `root` has.

        Example:
            return [NodeFile(path="/etc/systemd/network/10-boot.network", content="[Match]\n...")]
        """

    def boot_packages(self, image: Image) -> Sequence[str]:
        """Packages without which an image of this family can't boot through luna.

        Example:
            return ["linux-image-amd64", "dracut", "openssh-server"]
        """
        return ()

    def pack_excludes(self) -> Sequence[str]:
        """Paths in the tree (shell patterns, absolute) that must not be cloned: machine-id, host keys, leases.

        Example:
            return ["/etc/ssh/ssh_host_*", "/var/lib/dhcp/*"]
        """
        return ()

    def private_files(self) -> Sequence[str]:
        """Files (shell patterns, absolute) that only nodes may fetch, beside those that others can't read anyway.

        A pattern after `-` exempts files that are private by their mode alone: those that anybody can download.

        Example:
            return ["/etc/my-distro/*.secret", "-/var/lib/my-distro/policy/**"]
        """
        return ()

    def installed_packages(self, root: Path) -> Sequence[tuple[str, str]]:
        """Name and version of every package in the tree, sorted by name.

        Example:
            return [("bash", "5.2.15-2+b2")]
        """
        return ()

    def grab_excludes(self) -> Sequence[str]:
        """Further paths that `luna osimage grab` and `push` leave alone, as rsync patterns.

        Example:
            return ["/var/log/*", "/home/*"]
        """
        return ()

    def chroot_files(self, root: Path) -> Sequence[NodeFile]:
        r"""Files that lie over the tree's own while somebody works in it, so that no daemon starts on the controller.

        Example:
            return [NodeFile(path="/usr/sbin/policy-rc.d", content="#!/bin/sh\nexit 101\n", mode=0o755)]
        """
        return ()

    def boot_loader_script(self, node: Node, root: Path) -> str:
        """A shell script that installs the boot loader on a node with disks; it runs in the new root.

        Example:
            return "grub-install /dev/sda && update-grub"
        """
        raise Unsupported(f"{type(self).__name__} can't install a boot loader; use the partscript and postscript.")


class PowerDriver(ABC):
    """What powers a node.

    One object serves one operation at a time. `parallel` says how luna may use many at once: in threads of one
    process, or in worker processes of one thread each, for libraries that don't bear threads. `secret_options` names
    those options of a bmcsetup that luna keeps like its password; the driver finds them among the target's others.
    """

    parallel: ClassVar[Literal["threads", "processes"]] = "threads"
    secret_options: ClassVar[Sequence[str]] = ()

    @abstractmethod
    def state(self, bmc: BmcTarget) -> PowerState:
        """Ask the BMC whether its node is on. Raises LunaError with a sentence that says what is wrong.

        Example:
            return PowerState.ON
        """

    @abstractmethod
    def act(self, bmc: BmcTarget, action: PowerAction) -> None:
        """Carry out a chassis control action; returns when the BMC has accepted it.

        Example:
            connection(bmc).set_power(action.value)
        """

    @abstractmethod
    def set_boot_device(self, bmc: BmcTarget, device: BootDevice, *, persistent: bool, uefi: bool | None) -> None:
        """Choose what the node boots from next, or from now on if `persistent`.

        `uefi` False is by BIOS; None leaves the firmware's mode as the BMC has it.

        Example:
            connection(bmc).set_bootdev(device.value, persist=persistent, uefiboot=bool(uefi))
        """

    def identify(self, bmc: BmcTarget, seconds: int) -> None:
        """Light the identify LED for `seconds`; 0 turns it off.

        Example:
            connection(bmc).set_identify(seconds > 0, seconds)
        """
        raise Unsupported(f"The {type(self).__name__} can't light an identify LED.")

    def event_log(self, bmc: BmcTarget) -> Sequence[Mapping[str, str]]:
        """The system event log, oldest first; each entry has `time`, `sensor`, `event` and `severity`.

        Example:
            return [{"time": "2026-01-02T03:04:05", "sensor": "PS1", "event": "lost", "severity": "critical"}]
        """
        raise Unsupported(f"The {type(self).__name__} can't read an event log.")

    def clear_event_log(self, bmc: BmcTarget) -> None:
        """Empty the system event log.

        Example:
            connection(bmc).clear_event_log()
        """
        raise Unsupported(f"The {type(self).__name__} can't clear an event log.")

    def sensors(self, bmc: BmcTarget) -> Sequence[Mapping[str, str]]:
        """Sensor readings; each has `name`, `value`, `units` and `health`.

        Example:
            return [{"name": "CPU1", "value": "45", "units": "°C", "health": "ok"}]
        """
        raise Unsupported(f"The {type(self).__name__} can't read sensors.")

    def console_command(self, bmc: BmcTarget) -> Sequence[str]:
        """A command that attaches the terminal to the node's serial console; secrets go by environment or file.

        Example:
            return [sys.executable, "-m", "luna_bmc_ipmi.console", bmc.node]
        """
        raise Unsupported(f"The {type(self).__name__} has no console.")


class Transaction(ABC):
    """A consistent view of a store, and the way to change it. It ends with the function it was given to."""

    @abstractmethod
    def fetch(self, kind: str, ids: Sequence[str] | None = None) -> Sequence[Record]:
        """The records of a kind with these ids, in that order and without those that don't exist; None: all, by id.

        Example:
            return [record for record in self.records[kind] if ids is None or record.id in ids]
        """

    @abstractmethod
    def owners(
        self, space: str, low: str, high: str, *, limit: int | None = None, descending: bool = False
    ) -> Sequence[Owner]:
        """Who holds the keys of `space` from `low` to `high`, both inclusive, in the order of their values.

        Its cost must not grow with the number of keys outside the range.

        Example:
            return [owner for value, owner in sorted(self.keys[space].items()) if low <= value <= high][:limit]
        """

    @abstractmethod
    def apply(self, writes: Sequence[Write]) -> None:
        """Make all the changes; keys that one of them gives up are free for the others.

        Raises Conflict if a revision is not the stored one, AlreadyExists if another record holds a key. Either
        ends the transaction without effect.

        Example:
            self.cursor.executemany("REPLACE INTO record VALUES (?, ?, ?, ?)", rows(writes))
        """

    @abstractmethod
    def dump(self) -> Iterator[Write]:
        """Everything in the store, by kind and id: each record with its sorted keys and its stored revision.

        Example:
            return (Write(kind=row.kind, id=row.id, revision=row.revision, body=row.body) for row in self.rows())
        """

    @abstractmethod
    def load(self, writes: Iterable[Write]) -> None:
        """Insert what `dump` of another store gave, at the revisions it carries. Raises what `apply` raises.

        Example:
            self.cursor.executemany("INSERT INTO record VALUES (?, ?, ?, ?)", rows(writes))
        """


class Store(ABC):
    """Where the cluster lives: documents with unique keys, changed in transactions.

    `run` may call its function again after a conflict with another writer, so it must have no effect outside the
    transaction. After `run` returned, its writes survive a crash of any process and of the machine.
    """

    def __init__(self, url: str) -> None:
        """Open, and create if need be, the store at `url`. Raises StoreError with what to do about it."""
        self.url = url

    @abstractmethod
    def run(self, work: Callable[[Transaction], T], *, write: bool) -> T:
        """Call `work` in a transaction and return what it returns; an exception from it undoes everything.

        Example:
            with self.lock:
                return work(self.transaction())
        """

    @abstractmethod
    def close(self) -> None:
        """Release files and connections; closing twice is harmless.

        Example:
            self.connection.close()
        """


class NetworkService(ABC):
    """A DHCP or DNS server whose configuration luna generates. File names are relative to its own directory."""

    @abstractmethod
    def render(self, plan: NetworkPlan, directory: Path) -> Mapping[str, str]:
        r"""Every file of the configuration by its name; `directory` is where the files will be.

        The same plan gives the same bytes. Raises BadInput for what this server can't express.

        Example:
            return {"dnsmasq.conf": "port=0\n", "hosts": ""}
        """

    @abstractmethod
    def check(self, directory: Path) -> None:
        """Let the daemon's own checker read the files in `directory`. Raises CommandFailed with what it says.

        Example:
            run(["dnsmasq", "--test", "-C", directory / "dnsmasq.conf"])
        """

    @abstractmethod
    def services(self, plan: NetworkPlan, directory: Path) -> Sequence[Service]:
        """How to run in the foreground, on the files in `directory`, every daemon that this plan needs.

        None if there is nothing to serve. A service that differs from the one before is restarted; one that is the
        same is sent its `reload_signal` after the files changed.

        Example:
            return [Service(name="dhcp", command=("dnsmasq", "--keep-in-foreground", "-C", "dnsmasq.conf"))]
        """


class NodeNames:
    """Finds nodes by what the store knows of them. No driver: `luna_discover` is given one, this class knows no node.

    Each question costs one look at an index, however many nodes there are.
    """

    def with_mac(self, mac: str) -> str | None:
        """The name of the node that has this MAC (lower case, colons) on any interface, or None.

        Example:
            return self._by_mac.get(mac)
        """
        return None

    def with_serial(self, serial: str) -> str | None:
        """The name of the node with this SMBIOS serial number, or None.

        Example:
            return self._by_serial.get(serial)
        """
        return None

    def with_asset_tag(self, asset_tag: str) -> str | None:
        """The name of the node with this SMBIOS asset tag, or None.

        Example:
            return self._by_asset_tag.get(asset_tag)
        """
        return None


DRIVERS: Mapping[str, type[Distro] | type[PowerDriver] | type[Store] | type[NetworkService]] = {
    "luna.distro": Distro,
    "luna.bmc": PowerDriver,
    "luna.store": Store,
    "luna.dhcp": NetworkService,
    "luna.dns": NetworkService,
}


def abstract_methods(driver: type) -> Iterable[str]:
    """The names of what a driver of this class must implement."""
    return sorted(getattr(driver, "__abstractmethods__", ()))
