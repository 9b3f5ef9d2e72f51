"""The reference page and the man pages say what the commands say."""

import importlib.util
import re
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_cli", ROOT / "docs/generate_cli.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_page_is_up_to_date(generate: ModuleType) -> None:
    written = (ROOT / "docs/reference/cli.md").read_text()
    assert written == generate.page(), "run 'python docs/generate_cli.py'"


def test_every_command_has_a_man_page_with_its_options(generate: ModuleType, tmp_path: Path) -> None:
    generate.write_man_pages(tmp_path)
    contexts = list(generate.contexts(plugins=True))
    assert {"luna", "luna node add", "luna switch macs"} <= {context.command_path for context in contexts}
    for context in contexts:
        page = (tmp_path / f"{context.command_path.replace(' ', '-')}.1").read_text()
        shown = page.replace("\\-", "-")
        for param in context.command.params:
            if isinstance(param, click.Option):
                assert all(name in shown for name in param.opts), context.command_path
        requests = set(re.findall(r"^[.'](\w*)", page, re.MULTILINE))
        assert requests <= {"TH", "SH", "TP", "PP"}
        assert re.search(r"^\.SH NAME\n\S+ \\- \S", page, re.MULTILINE), context.command_path
    assert "luna-switch-macs(1)" in (tmp_path / "luna-switch.1").read_text().replace("\\-", "-")
    for name in ("lpower", "lchroot"):
        page = (tmp_path / f"{name}.1").read_text().removeprefix(".so man1/").strip()
        assert (tmp_path / page).exists()


def test_the_version_is_that_of_the_installed_distribution(process: Callable[..., Any]) -> None:
    assert process("--version").out == f"luna, version {version('luna-core')}\n"
