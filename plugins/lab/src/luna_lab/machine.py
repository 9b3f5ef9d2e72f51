"""One virtual machine: how QEMU is started, and its serial console."""

import json
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from luna_core.errors import LunaError
from luna_core.types import IPInterface
from luna_lab.events import ENDED, Events
from luna_lab.namespace import Namespace
from luna_lab.tpm import Tpm

# Debian's and Fedora's places.
_FIRMWARE = (
    ("/usr/share/OVMF", "OVMF_CODE.fd", "OVMF_VARS.fd"),
    ("/usr/share/edk2/ovmf", "OVMF_CODE.fd", "OVMF_VARS.fd"),
)
# With Microsoft's keys, of which one has signed shim.
_SECURE_FIRMWARE = (
    ("/usr/share/OVMF", "OVMF_CODE_4M.secboot.fd", "OVMF_VARS_4M.ms.fd"),
    ("/usr/share/edk2/ovmf", "OVMF_CODE.secboot.fd", "OVMF_VARS.secboot.fd"),
)
_ARM64_FIRMWARE = (
    ("/usr/share/AAVMF", "AAVMF_CODE.fd", "AAVMF_VARS.fd"),
    ("/usr/share/edk2/aarch64", "QEMU_EFI-pflash.raw", "vars-template-pflash.raw"),
)
# Of the processors for servers one that is quickly emulated.
_ARM64_BOARD = ("qemu-system-aarch64", "-machine", "virt", "-cpu", "cortex-a57")
# The firmware's variables are written by itself alone (OvmfPkg/README).
_SECURE = ("-machine", "smm=on", "-global", "driver=cfi.pflash01,property=secure,value=on")
BOOT_NETWORK, BOOT_DISK = "network", "disk"
# Behind the network card in the firmware's order, so that luna says when it is the disks' turn.
_DISKS_PLACE = 2
# EDK II before 202508 doesn't wait for its link-local address when it boots by HTTP (tianocore/edk2 pull request
# 11096), so it has to wait in its boot menu: for two seconds, as seen on the wire.
_ADDRESS_WAIT_MS = 5000
_CONTROL_WITHIN_S = 10.0
_TERMINAL_CONTROL = re.compile(rb"\x1b\[[0-9;?=]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1bc|[\x00-\x08\x0b-\x1f]")


@dataclass(frozen=True, kw_only=True)
class MachinePlan:
    """What a machine is: its number counts from 1, and `cpu` is one of QEMU's models (qemu64 is x86-64-v1).

    `disks_mb` are the sizes of its disks, whose serial numbers are disk1, disk2…. `bmc_port` is where, on the loopback
    interface, its BMC waits to be seen by its system; None if that sees no BMC. With `uefi_http` its UEFI boots by HTTP
    alone, else by TFTP, over the address family of its address. With `tpm` it has a TPM 2.0. With
    `arm64` it is such a machine, which has UEFI always.
    """

    number: int
    name: str
    mac: str
    address: IPInterface
    memory_mb: int
    uefi: bool
    uefi_http: bool = False
    disks_mb: Sequence[int] = ()
    cpu: str = "qemu64"
    bmc_port: int | None = None
    tpm: bool = False
    arm64: bool = False


class Machine:
    """A virtual machine of a lab. Its serial console is a source of events, under its name, and a file.

    `boot_once` is what its next start tries first, BOOT_NETWORK (as always) or BOOT_DISK. With `secure_boot` its UEFI
    starts what is signed, and nothing else: no iPXE, so nothing from the network.
    """

    def __init__(self, plan: MachinePlan, namespace: Namespace, directory: Path, events: Events) -> None:
        self.plan = plan
        self.name = plan.name
        self.console = directory / f"{plan.name}.console"
        self._namespace = namespace
        self._directory = directory
        self._events = events
        self._process: subprocess.Popen[bytes] | None = None
        self._reader = threading.Thread()
        self._control = directory / f"{plan.name}.qmp"
        self._disks = {number: directory / f"{plan.name}.disk{number}" for number in range(1, len(plan.disks_mb) + 1)}
        self._tpm = Tpm(namespace, directory / f"{plan.name}.tpm") if plan.tpm else None
        self.boot_once: str | None = None
        self.secure_boot = False

    @property
    def running(self) -> bool:
        """Whether its QEMU runs."""
        return self._process is not None and self._process.poll() is None

    def start(self, extra: Sequence[str] = ()) -> None:
        """Power it on; `extra` are further arguments for QEMU. It ends with the thread that called this."""
        if self.running:
            return
        firmware = _firmware(self.plan, self._directory / self.name, secure=self.secure_boot) if self.plan.uefi else []
        disk_first, self.boot_once = self.boot_once == BOOT_DISK, None
        control = ["-qmp", f"unix:{self._control},server=on,wait=off"]
        drives = [word for number in self._disks for word in self._drive(number)]
        network_place = _DISKS_PLACE + len(self.plan.disks_mb) if disk_first else _DISKS_PLACE - 1
        chips = [*_bmc(self.plan), *(self._tpm.start() if self._tpm else [])]
        command = [*_command(self.plan, network_place), *firmware, *drives, *chips, *control, *extra]
        self._process = self._namespace.spawn(*command, stdout=subprocess.PIPE)
        self.say("the machine starts")
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()

    def stop(self) -> None:
        """Pull the plug; returns when QEMU is gone and all that it said is an event."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._reader.join()
        if self._tpm:
            self._tpm.stop()

    def reset(self) -> None:
        """Start it anew if it runs, as the reset button does."""
        if self.running:
            self.stop()
            self.start()

    def press_power_button(self) -> None:
        """Let ACPI ask its system to shut down; one that doesn't listen, such as a firmware, runs on."""
        if self.running:
            with socket.socket(socket.AF_UNIX) as control:
                control.settimeout(_CONTROL_WITHIN_S)
                control.connect(str(self._control))
                lines = control.makefile()
                # QEMU Machine Protocol: a greeting, and an answer to each command.
                for command in ("qmp_capabilities", "system_powerdown"):
                    lines.readline()
                    control.sendall(json.dumps({"execute": command}).encode())
                lines.readline()

    def disk(self, number: int) -> Path:
        """The file that is its disk of that number, from 1. It stays when the machine stops, and goes with the lab."""
        path = self._disks[number]
        with path.open("ab") as file:
            file.truncate(self.plan.disks_mb[number - 1] << 20)
        return path

    def pull_disk(self, number: int) -> None:
        """Take a disk out of the machine, which must be off."""
        if self.running:
            raise LunaError(f"{self.name} is on; disks are pulled out of machines that are off.")
        self._disks.pop(number).unlink(missing_ok=True)

    def say(self, text: str) -> None:
        """Add an event that comes from outside of the machine."""
        self._events.add(self.name, text)

    def _drive(self, number: int) -> list[str]:
        drive = f"if=none,id=d{number},format=raw,file={self.disk(number)},cache=unsafe,discard=unmap"
        device = f"virtio-blk-pci,drive=d{number},serial=disk{number}"
        return ["-drive", drive, "-device", f"{device},bootindex={_DISKS_PLACE + number - 1}"]

    def _read(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout  # noqa: S101 - tells the type checker what PIPE means
        with self.console.open("ab") as console:
            for line in process.stdout:
                console.write(line)
                console.flush()
                if text := _TERMINAL_CONTROL.sub(b"", line).decode(errors="replace").strip():
                    self._events.add(self.name, text)
        self._events.add(self.name, ENDED)


def _command(plan: MachinePlan, network_place: int) -> list[str]:
    # graphics=off makes SeaBIOS and iPXE talk on the serial port; OVMF does so anyway. Without KVM one virtual CPU is
    # as fast as two, and the oldest CPU model the fastest.
    option_rom = ",romfile=" if plan.uefi else ""
    machine = "q35" if plan.uefi else "q35,graphics=off"
    return [
        *(_ARM64_BOARD if plan.arm64 else ("qemu-system-x86_64", "-machine", machine, "-cpu", plan.cpu)),
        *("-name", plan.name),
        # DHCPv6 knows a machine that boots by it (RFC 6355).
        *("-uuid", str(UUID(int=plan.number))),
        *("-accel", "tcg,thread=multi,tb-size=128", "-smp", "1", "-m", str(plan.memory_mb)),
        *("-nodefaults", "-display", "none", "-monitor", "none", "-serial", "stdio", "-device", "virtio-rng-pci"),
        # A machine that found no boot server asks again, as on a rack with a server that is late.
        *("-boot", "reboot-timeout=5000"),
        *("-netdev", f"tap,id=n0,ifname=tap{plan.number},script=no,downscript=no"),
        *("-device", f"virtio-net-pci,netdev=n0,mac={plan.mac},bootindex={network_place}{option_rom}"),
    ]


def _bmc(plan: MachinePlan) -> list[str]:
    """What shows a BMC that is another program to the system: a KCS interface (QEMU's hw/ipmi, IPMI 2.0 section 9)."""
    if plan.bmc_port is None:
        return []
    return [
        *("-chardev", f"socket,id=bmc,host=127.0.0.1,port={plan.bmc_port},reconnect=1"),
        *("-device", "ipmi-bmc-extern,id=bmc0,chardev=bmc", "-device", "isa-ipmi-kcs,bmc=bmc0"),
    ]


def _firmware(plan: MachinePlan, prefix: Path, *, secure: bool) -> list[str]:
    places = _ARM64_FIRMWARE if plan.arm64 else _SECURE_FIRMWARE if secure else _FIRMWARE
    for directory, code, variables in places:
        if Path(directory, code).exists():
            nvram = Path(f"{prefix}.{variables}")
            # Boot entries that a system made are there at the next start.
            if not nvram.exists():
                shutil.copyfile(Path(directory, variables), nvram)
            drives = (f"unit=0,readonly=on,file={directory}/{code}", f"unit=1,file={nvram}")
            # OVMF tries these first, for a minute and more where nobody answers (OvmfPkg/README).
            is_ipv6 = plan.address.version == 6
            off = ["IPv4PXESupport"] if is_ipv6 else []
            wait = []
            if plan.uefi_http:
                off = ["IPv6PXESupport", "IPv4Support" if is_ipv6 else "IPv4PXESupport"]
                wait = ["-boot", f"menu=on,splash-time={_ADDRESS_WAIT_MS}"] if is_ipv6 else []
            return [
                *(_SECURE if secure else ()),
                *wait,
                *(word for drive in drives for word in ("-drive", f"if=pflash,format=raw,{drive}")),
                *(word for one in off for word in ("-fw_cfg", f"name=opt/org.tianocore/{one},string=n")),
            ]
    package = "qemu-efi-aarch64" if plan.arm64 else "ovmf"
    raise LunaError(f"No UEFI firmware in {' or '.join(place[0] for place in places)}: install the package {package}.")
