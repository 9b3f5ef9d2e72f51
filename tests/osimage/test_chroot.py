"""Work inside a tree whose only programs are sh, env and uname, by the installed command."""

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from luna_core.run import run

Site = Any
LCHROOT = str(Path(sys.executable).with_name("lchroot"))
PATIENCE_S = 120
# Says that it runs, and ends when it is told to.
WAIT = "echo in; read line; echo $line"


@pytest.fixture
def tree(compute: Site) -> Path:
    """The tree of osimage compute, with a program that asks for the kernel's release."""
    shutil.copy("/bin/uname", compute.tree / "usr/bin/uname")
    return Path(compute.tree)


def inside(*words: str, options: tuple[str, ...] = (), **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [LCHROOT, "compute", *options, "--", *words]
    environment = {**os.environ, **environment}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE_S, env=environment, stdin=subprocess.DEVNULL
    )


@pytest.fixture
def visit(tree: Path) -> Any:
    """Starts somebody who stays in the tree, and returns when they are in."""
    started = []

    def start(text: str = WAIT, *options: str) -> "subprocess.Popen[str]":
        command = [LCHROOT, "compute", *options, "--", "sh", "-c", text]
        visitor = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(visitor)
        assert visitor.stdout
        assert visitor.stdout.readline() == "in\n", visitor.stderr and visitor.stderr.read()
        return visitor

    yield start
    for visitor in started:
        visitor.kill()
        visitor.communicate()


def inhabitants(tree: Path) -> set[str]:
    """The processes of this machine that are in the tree, or see something mounted in it."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            mounts = [line.split()[4] for line in (process / "mountinfo").read_text().splitlines()]
            places = [*mounts, os.readlink(process / "root")]
        except OSError:
            continue
        if any(Path(place).is_relative_to(tree) for place in places):
            found.add(process.name)
    return found


@pytest.mark.parametrize(
    ("text", "status"), [("exit 0", 0), ("exit 7", 7), ("kill -KILL $$", 137), ("kill -TERM $$", 143)]
)
def test_the_exit_status_is_the_commands(tree: Path, text: str, status: int) -> None:
    assert inside("sh", "-c", text).returncode == status


def test_what_can_not_be_started_is_said_as_a_shell_says_it(tree: Path) -> None:
    (tree / "data").write_text("no program")
    missing, data = inside("nonesuch"), inside("/data")
    assert (missing.returncode, "nonesuch can't be started" in missing.stderr) == (127, True)
    assert (data.returncode, "/data can't be started" in data.stderr) == (126, True)


def test_the_kernel_is_the_images_for_every_process(tree: Path) -> None:
    said = inside("sh", "-c", "uname -r; sh -c '(uname -r)'; read line < /proc/sys/kernel/osrelease; echo $line")
    assert (said.stdout.split(), said.stderr) == (["6.1.0-fake"] * 3, "")
    assert inside("uname", "-m").stdout.strip() == os.uname().machine


def test_the_environment_is_clean(tree: Path) -> None:
    said = dict(line.split("=", 1) for line in inside("env", TERM="vt100", LC_TIME="C", SECRET="x").stdout.splitlines())
    assert {"TERM": "vt100", "LC_TIME": "C", "HOME": "/root"}.items() <= said.items()
    assert not [name for name in said if name == "SECRET" or name in ("LUNA_STORE", "LUNA_STATE_DIRECTORY")]
    assert "(compute)" in said["PS1"]


def test_nothing_is_mounted_outside_and_the_tree_keeps_its_own(tree: Path) -> None:
    (tree / "etc/resolv.conf").write_text("nameserver 192.0.2.1\n")
    said = inside("sh", "-c", "while read line; do echo $line; done < /etc/resolv.conf; : > /made; : > /run/gone")
    assert said.stdout.split() == Path("/etc/resolv.conf").read_text().split()
    assert (tree / "etc/resolv.conf").read_text() == "nameserver 192.0.2.1\n"
    assert (tree / "made").exists()
    assert not any((tree / "run").iterdir())
    assert inhabitants(tree) == set()


def test_a_tree_without_resolv_conf_has_none_afterwards(tree: Path) -> None:
    assert inside("sh", "-c", "read line < /etc/resolv.conf && echo $line").stdout
    assert not (tree / "etc/resolv.conf").exists()


def test_a_link_to_resolv_conf_leads_into_the_tree(tree: Path) -> None:
    (tree / "etc/resolv.conf").symlink_to("/run/systemd/resolve/stub-resolv.conf")
    for options in ((), ("--read-only",)):
        assert inside("sh", "-c", "read line < /etc/resolv.conf && echo $line", options=options).stdout
    assert (tree / "etc/resolv.conf").is_symlink()


def test_the_controllers_disks_and_kernel_settings_are_not_there(tree: Path) -> None:
    said = inside("sh", "-c", "echo /dev/*; echo x > /proc/sys/kernel/domainname || echo refused")
    assert "/dev/null" in said.stdout
    assert not [one for one in said.stdout.split() if Path(one).is_block_device()]
    assert "refused" in said.stdout


def test_somebody_inside_is_named_to_whoever_wants_the_tree(compute: Site, visit: Callable[..., Any]) -> None:
    visitor = visit()
    refused, packed = inside("sh", "-c", "echo in"), compute("osimage pack compute")
    for status, said in ((refused.returncode, refused.stderr), (packed.status, packed.err)):
        assert (status, f"process {visitor.pid} is running 'sh' in osimage compute, for " in said) == (1, True), said
    assert visitor.communicate("bye\n")[0] == "bye\n"
    assert inside("sh", "-c", "echo in").stdout == "in\n"


def test_readers_change_nothing_and_wait_for_nobody(tree: Path, visit: Callable[..., Any]) -> None:
    visit(WAIT, "--read-only")
    visit()
    assert inhabitants(tree)
    said = inside("sh", "-c", "(: > /made) || echo refused; : > /tmp/scratch && echo scratch", options=("--read-only",))
    assert said.stdout.split() == ["refused", "scratch"]
    assert not (tree / "made").exists()
    assert not any((tree / "tmp").iterdir())


def test_what_a_reader_is_shown_of_the_controller_stays_as_it_is(tree: Path, tmp_path: Path) -> None:
    below = tmp_path / "shown/below"
    below.mkdir(parents=True)
    (tree / "mnt").mkdir()
    run(["mount", "-t", "tmpfs", "tmpfs", below])
    try:
        text = "for at in /mnt /mnt/below; do (: > $at/made) 2> /dev/null || echo refused; done"
        said = inside("sh", "-c", text, options=("--read-only", "--bind", f"{tmp_path}/shown:/mnt"))
        assert said.stdout.split() == ["refused", "refused"]
    finally:
        run(["umount", below])


def test_a_dead_holder_whose_processes_do_not_end_is_named(
    compute: Site, visit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("luna_core.operations.images.locks._ENDING_S", 0.5)
    visitor = visit()
    (unshare,) = Path(f"/proc/{visitor.pid}/task/{visitor.pid}/children").read_text().split()
    (first,) = Path(f"/proc/{unshare}/task/{unshare}/children").read_text().split()
    os.kill(int(first), signal.SIGSTOP)
    try:
        visitor.kill()
        visitor.wait(PATIENCE_S)
        refused = compute("osimage pack compute")
        assert (refused.status, f"process {visitor.pid} is running 'sh'" in refused.err) == (1, True)
        assert "something that it started goes on. 'fuser -v " in refused.err
    finally:
        os.kill(int(first), signal.SIGCONT)
    assert inside("sh", "-c", "echo in").stdout == "in\n"


@pytest.mark.parametrize("killed", ["luna", "group"])
def test_killed_it_leaves_no_process_and_no_mount(tree: Path, visit: Callable[..., Any], killed: str) -> None:
    visitor = visit("(while :; do read line < /proc/uptime; done) & echo in; read line")
    processes = [os.pidfd_open(int(one)) for one in inhabitants(tree)]
    if killed == "luna":
        visitor.kill()
    else:
        children = Path(f"/proc/{visitor.pid}/task/{visitor.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGKILL)
    visitor.wait(PATIENCE_S)
    # The one who comes next is let in once the last process of the one before is gone.
    assert inside("sh", "-c", "echo in").stdout == "in\n"
    for process in processes:
        assert select.select([process], [], [], PATIENCE_S)[0]
        os.close(process)
    assert inhabitants(tree) == set()


def test_what_luna_is_sent_the_command_gets(visit: Callable[..., Any]) -> None:
    visitor = visit("trap 'echo told; exit 9' TERM; echo in; while :; do read line < /proc/uptime; done")
    visitor.terminate()
    assert (visitor.communicate(timeout=PATIENCE_S)[0], visitor.returncode) == ("told\n", 9)


def test_ctrl_c_is_the_commands(tree: Path) -> None:
    process, terminal = pty.fork()
    if not process:
        text = "trap 'echo int; exit 3' INT; echo in; while :; do read line < /proc/uptime; done"
        os.execv(LCHROOT, [LCHROOT, "compute", "--", "sh", "-c", text])  # noqa: S606 - no shell is between
    said = b""
    while b"in\r\n" not in said:
        said += os.read(terminal, 1000)
    os.write(terminal, b"\x03")
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 3
    os.close(terminal)


def at_terminal(*options: str) -> tuple[int, int]:
    """Starts a visit without a command at a terminal of its own; gives the process and the terminal."""
    process, terminal = pty.fork()
    if not process:
        os.execv(LCHROOT, [LCHROOT, "compute", *options])  # noqa: S606 - no shell is between
    return process, terminal


def everything_said(terminal: int) -> str:
    """What is shown until nobody has the terminal any more, which Linux tells as EIO."""
    said = b""
    with suppress(OSError):
        while more := os.read(terminal, 1000):
            said += more
    return said.decode()


def test_whoever_does_not_get_in_is_not_greeted(tree: Path) -> None:
    process, terminal = at_terminal("--bind", "/srv:/nowhere")
    said = everything_said(terminal)
    assert (os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), "has no nowhere" in said) == (2, True)
    assert "This is the tree" not in said
    os.close(terminal)
    (tree / "bin/sh").unlink()
    process, terminal = at_terminal()
    said = everything_said(terminal)
    assert (os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), "can't be started" in said) == (127, True)
    assert "This is the tree" not in said
    os.close(terminal)


def test_whoever_gets_in_is_greeted_before_the_prompt_that_says_where_one_is(tree: Path) -> None:
    process, terminal = at_terminal()
    said = b""
    while b"(compute) # " not in said:
        said += os.read(terminal, 1000)
    assert said.startswith(b"This is the tree of osimage compute; 'exit' leaves it.\r\n"), said
    os.write(terminal, b"exit 4\n")
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 4
    os.close(terminal)


def test_a_path_of_the_controller_is_shown(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "shown").mkdir()
    (tmp_path / "shown/file").write_text("shown\n")
    (tree / "mnt").mkdir()
    said = inside("sh", "-c", "read line < /mnt/file; echo $line", options=("--bind", f"{tmp_path}/shown:/mnt"))
    assert said.stdout == "shown\n"
    assert not any((tree / "mnt").iterdir())


@pytest.mark.parametrize("given", ["/srv", "srv:/mnt", "/nonesuch:/mnt", "/srv:mnt"])
def test_a_bind_that_can_not_be_is_named(tree: Path, given: str) -> None:
    refused = inside("sh", options=("--bind", given))
    assert (refused.returncode, given in refused.stderr, "SOURCE:TARGET" in refused.stderr) == (2, True, True)


def test_a_bind_to_nowhere_leaves_nothing_in_the_tree(tree: Path) -> None:
    refused = inside("sh", options=("--bind", "/srv:/nowhere"))
    assert (refused.returncode, f"{tree} has no nowhere" in refused.stderr) == (2, True)
    assert not (tree / "etc/resolv.conf").exists()


def test_a_tree_of_another_machine_is_refused(tree: Path) -> None:
    shell = (tree / "bin/sh").read_bytes()
    foreign = 183 if os.uname().machine == "x86_64" else 62
    (tree / "bin/sh").write_bytes(shell[:18] + foreign.to_bytes(2, "little") + shell[20:])
    refused = inside("sh")
    assert (refused.returncode, f"this machine is {os.uname().machine}" in refused.stderr) == (1, True)


def test_there_must_be_a_tree(site: Site) -> None:
    site.done("osimage add compute --distro fake --path /nonesuch/tree")
    refused = inside("sh")
    assert (refused.returncode, "osimage compute: path: /nonesuch/tree" in refused.stderr) == (2, True)
