"""Completion as a shell asks for it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from luna_core.model import ImageVersion, OsImage
from luna_core.operations import connect

Luna = Callable[..., Any]


@pytest.fixture
def complete(process: Luna) -> Callable[[str], list[str]]:
    """What bash would offer for the last word of a line."""

    def ask(line: str) -> list[str]:
        words = line.split(" ")
        done = process(_LUNA_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1))
        assert done.err == ""
        return [answer.partition(",")[2] for answer in done.out.splitlines() if answer]

    return ask


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("luna no", ["node"]),
        ("luna node sh", ["show"]),
        ("luna group show ", ["compute"]),
        ("luna node show node00", ["node001", "node002", "node003", "node004"]),
        ("luna node show node001,node004", ["node001,node004"]),
        ("luna why node00", ["node001", "node002", "node003", "node004"]),
        ("luna boot watch node001,@co", ["node001,@compute"]),
        ("luna boot show node003", ["node003"]),
        ("luna node list @group:", ["@group:compute"]),
        ("luna node add x --group ", ["compute"]),
        ("luna node change x --root ", ["tmpfs", "overlay", "disk"]),
        ("luna node change x --unset ra", ["rack"]),
        ("luna node interface change node001 B", ["BMC", "BOOTIF"]),
        ("luna settings set dns.", ["dns.port", "dns.server"]),
        ("luna history osi", ["osimage"]),
        ("luna history switch ", ["sw01"]),
    ],
)
def test_names_are_completed(cluster: Luna, complete: Any, line: str, offered: list[str]) -> None:
    assert complete(line) == offered


@pytest.mark.parametrize("line", ["apply -f ", "export -o ", "node add --table ", "osimage import x --from "])
def test_files_are_left_to_the_shell(process: Luna, line: str) -> None:
    words = f"luna {line}"
    done = process(_LUNA_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(len(words.split())))
    assert done.out == "file,\n"


def test_versions_are_those_of_the_osimage_before(cluster: Luna, complete: Any) -> None:
    def pack(work: Any) -> None:
        values = {"manifest_sha256": "0" * 64, "size_bytes": 1, "osimage": work.get(OsImage, "compute").id}
        for number in (1, 2, 12):
            work.put(ImageVersion.new(name=f"compute-{number}", number=number, **values))

    with connect() as store:
        store.change(pack, "pack")
    assert complete("luna osimage version pin compute 1") == ["1", "12"]
    assert complete("luna osimage version verify other ") == []


def test_commands_of_plugins_complete_too(cluster: Luna, complete: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LUNA_NO_PLUGINS")
    assert complete("luna switch macs ") == ["sw01"]
    assert complete("luna plugin info switchp") == ["switchport"]


def test_without_a_store_it_is_silent_and_makes_none(complete: Any, state: Path) -> None:
    assert complete("luna node show ") == []
    assert not (state / "luna.db").exists()


def test_bash_completes_with_its_script(luna: Luna, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    asked = "COMP_WORDS=(luna no); COMP_CWORD=1; _luna_completion luna; echo ${COMPREPLY[@]}; complete -p luna"
    script = luna("completion bash").out
    shell = subprocess.run(["bash"], input=f"{script}\n{asked}", text=True, capture_output=True, timeout=60)
    assert (shell.stdout.split()[0], shell.stderr) == ("node", "")
    assert shell.stdout.endswith("-F _luna_completion luna\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_calls_luna(luna: Luna, shell: str) -> None:
    script = luna("completion", shell).out
    assert f"_LUNA_COMPLETE={shell}_complete" in script
