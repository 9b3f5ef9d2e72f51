"""Nodes that run: a tree each, with a real sshd and rsync in it, on addresses of a network namespace."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from luna_core.boot.sessions import open_session, record_event
from luna_core.model import Node
from luna_core.model.boot import BootEvent
from luna_core.operations import Work, connect
from luna_core.run import run

Site = Any
LUNA = str(Path(sys.executable).with_name("luna"))
PATIENCE_S = 300
TOOLS = ("cat", "id", "rsync", "sleep", "/usr/sbin/sshd")
OPTIONAL = ("/usr/lib/openssh/sshd-session", "/usr/lib/openssh/sshd-auth")
UNAME = f"#!/bin/sh\ncase $1 in -r) echo 6.1.0-fake ;; *) echo {os.uname().machine} ;; esac\n"
SSHD = """\
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
PidFile none
MaxStartups 100
"""
# A file system of another kind, and one of the kernel's, as any node has them.
START = """\
mount -t proc proc "$1/proc"
mkdir -p "$1/scratch"
mount -t tmpfs tmpfs "$1/scratch"
: > "$1/scratch/data"
exec chroot "$1" /usr/sbin/sshd -D -e
"""


@dataclass
class Machine:
    """A running node: its root as the controller's disk has it, which is not all that the node sees."""

    name: str
    root: Path
    address: str
    process: "subprocess.Popen[str] | None" = None

    @property
    def public_key(self) -> str:
        return (self.root / "etc/ssh/ssh_host_ed25519_key.pub").read_text()

    def inside(self, script: str) -> None:
        """Run a shell script that sees the node's mounts, in the directory that is its root on the controller."""
        assert self.process
        (shell,) = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        run(["nsenter", "--target", shell, "--mount", "sh", "-euc", f'cd "$1"\n{script}', "sh", self.root])

    def kill(self) -> None:
        """As by a failure of power: nothing of it goes on."""
        if self.process:
            self.process.kill()
            self.process.communicate()
            self.process = None


class Rack:
    """A controller and its nodes on one network."""

    def __init__(self, site: Site, directory: Path, namespace: str) -> None:
        self.site = site
        self.directory = directory
        self.namespace = namespace
        self.key = directory / "key"
        self.machines: list[Machine] = []
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key])
        site.done("network add cluster --network 10.141.0.0/16")
        site.done("group interface add nodes BOOTIF --network cluster")

    def boot(self, count: int = 1) -> list[Machine]:
        """Nodes that have just been installed with the image's tree, and told their host keys."""
        for _ in range(count):
            number = len(self.machines) + 1
            name = f"node{number:03d}"
            self.site.done(f"node add {name} --group nodes --mac 52:54:00:00:00:{number:02x}")
            (row,) = [one for one in self.site.done("node list -o json").json if one["name"] == name]
            machine = Machine(name, self.directory / name, row["addresses"]["BOOTIF"][0])
            run(["cp", "-a", self.site.tree, machine.root])
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", machine.root / "etc/ssh/ssh_host_ed25519_key"])
            self.machines.append(machine)
            self.start(machine)
            self.tell(machine)
        return self.machines

    def start(self, machine: Machine) -> None:
        """Let a node run; returns when it can be logged in to."""
        run(["ip", "-n", self.namespace, "address", "replace", f"{machine.address}/32", "dev", "lo"])
        unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
        command = ["ip", "netns", "exec", self.namespace, *unshare, "sh", "-eu", "-c", START, "sh", str(machine.root)]
        machine.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        (machine.root / "etc/ssh/sshd_config").write_text(f"ListenAddress {machine.address}\n{SSHD}")
        assert machine.process.stderr
        said = ""
        while "Server listening" not in said:
            line = machine.process.stderr.readline()
            assert line, f"sshd did not start: {said}"
            said += line

    def wait_for_half(self, process: subprocess.Popen[str], directory: Path, files: str) -> None:
        """Return once rsync has a part of one of `files`, a pattern of its temporary names below `directory`."""
        while not any(one.stat().st_size for one in directory.glob(files)):
            assert process.poll() is None, "it was over before it could be disturbed"
            time.sleep(0.05)

    def tell(self, machine: Machine) -> None:
        """What a node's last report does."""

        def finish(work: Work) -> None:
            session = open_session(work, work.get(Node, machine.name), machine.address, {}).session
            event = BootEvent(time=session.opened, phase="finish", status="done", log=machine.public_key)
            record_event(work, session, event)

        with connect() as luna:
            luna.note(finish)

    def throttle(self, rate: str | None) -> None:
        """Hold the network to a rate, as in 8mbit, so that there is time to interfere; None lets it go."""
        qdisc = ["root", "tbf", "rate", rate, "burst", "256kb", "latency", "50ms"] if rate else ["root"]
        run(["tc", "-n", self.namespace, "qdisc", "replace" if rate else "delete", "dev", "lo", *qdisc])

    def popen(self, line: str, *more: str) -> "subprocess.Popen[str]":
        command = ["ip", "netns", "exec", self.namespace, LUNA, *line.split(), "--identity", str(self.key), *more]
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def luna(self, line: str, *more: str) -> "subprocess.CompletedProcess[str]":
        """Run a luna command in the nodes' network, without a terminal."""
        process = self.popen(line, *more)
        out, err = process.communicate(timeout=PATIENCE_S)
        return subprocess.CompletedProcess(line, process.returncode, out, err)


def furnish(tree: Path, public_key: str) -> None:
    """What makes the fake distribution's tree one that can be logged in to and copied, and worth comparing."""
    programs = [str(shutil.which(name)) for name in TOOLS] + [one for one in OPTIONAL if Path(one).exists()]
    words = run(["ldd", *programs]).split()
    for path in {Path(word.rstrip(":")) for word in (*programs, *words) if word.startswith("/")}:
        target = tree / path.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    (tree / "usr/bin/uname").write_text(UNAME)
    (tree / "usr/bin/uname").chmod(0o755)
    for name in ("etc/ssh", "root/.ssh", "run/sshd", "var/log", "var/lib", "home"):
        (tree / name).mkdir(parents=True, exist_ok=True)
    (tree / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nsshd:x:100:100::/run/sshd:/bin/sh\n")
    (tree / "etc/shadow").write_text("root:*:19000::::::\n")
    (tree / "etc/shadow").chmod(0o640)
    (tree / "root/.ssh/authorized_keys").write_text(public_key)
    run(["mknod", "-m", "666", tree / "dev/null", "c", "1", "3"])


@pytest.fixture
def rack(compute: Site, tmp_path: Path) -> Iterator[Rack]:
    namespace = f"luna-transfer-{os.getpid()}"
    run(["ip", "netns", "add", namespace])
    made = None
    try:
        run(["ip", "-n", namespace, "link", "set", "lo", "up"])
        made = Rack(compute, tmp_path, namespace)
        furnish(compute.tree, made.key.with_suffix(".pub").read_text())
        yield made
    finally:
        for machine in made.machines if made else ():
            machine.kill()
        run(["ip", "netns", "delete", namespace])
