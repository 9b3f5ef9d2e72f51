"""Every `luna …` that a page or an error names can be typed: its commands and options exist."""

import re
import runpy
import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click
import pytest

from luna_core.cli.main import cli
from luna_core.errors import LunaError
from luna_core.testing import facts
from luna_core.testing.command_line import run_luna

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("plugins/*/README.md")]
SOURCES = [*ROOT.glob("luna_core/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")]
ENDS = re.compile(r"#.*|[|;&<>]+.*")


def of_page(text: str) -> Iterator[str]:
    """The commands in code blocks and in running text."""
    text = text.replace("\\\n", " ")
    code = [*re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL), *re.findall(r"^    .+$", text, re.M)]
    lines = [line for block in code for line in block.splitlines()] + re.findall(r"`([^`\n]+)`", text)
    for line in lines:
        if found := re.match(r"\s*(?:\$ )?(?:\w+ [^|]*\| )?luna ([a-z-].*)", line):
            yield found[1]


def of_source(text: str) -> Iterator[str]:
    """The commands that sentences name, with a word for each value that is put in."""
    joined = re.sub(r'"\s*\n\s*f?"', "", text)
    for found in re.findall(r"'luna ([a-z][^'\n]*)'", joined):
        yield re.sub(r"\{[^}]*\}", "X", found)


def words_of(line: str) -> list[str]:
    """The words up to the first that the shell takes for itself."""
    try:
        words = shlex.split(line, comments=True)
    except ValueError:  # an apostrophe, or a quotation that goes on in the next line
        words = line.split()
    ends = [place for place, word in enumerate(words) if word == "--" or ENDS.fullmatch(word)]
    return words[: min(ends, default=len(words))]


def wrong_in(words: list[str]) -> str:
    """What of a command line doesn't exist; nothing if all does."""
    command: click.Command = cli
    context = click.Context(cli)
    values = iter(words)
    for word in values:
        if re.match(r"--?[a-z]", word):
            name, equals, _ = word.partition("=")
            options = {one: param for param in command.params for one in (*param.opts, *param.secondary_opts)}
            if name not in {*options, "--help"}:
                return f"{command.name} has no option {name}"
            if not equals and name in options and not getattr(options[name], "is_flag", False):
                next(values, None)
        elif isinstance(command, click.Group):
            found = command.get_command(context, word)
            if found is None:
                # `luna boot HOSTLIST`, and what stands for any word.
                return "" if command.name == "boot" or not word.isalpha() or word.isupper() else f"no command {word}"
            command, context = found, click.Context(found, parent=context)
    return ""


@pytest.mark.parametrize(("paths", "read"), [(PAGES, of_page), (SOURCES, of_source)], ids=["pages", "sentences"])
def test_what_is_said_can_be_typed(paths: Sequence[Path], read: Callable[[str], Iterator[str]]) -> None:
    lines = {line: path for path in paths for line in read(path.read_text())}
    assert len(lines) >= 50
    assert {line: (path.name, said) for line, path in lines.items() if (said := wrong_in(words_of(line)))} == {}


def test_the_page_s_plugin_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs/how-to/write-a-plugin.md").read_text()
    (source,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    certificate, root = tmp_path / "site-ca.pem", tmp_path / "root"
    (tmp_path / "site.py").write_text(source.replace("/etc/ssl/site-ca.pem", str(certificate)))
    monkeypatch.setenv("LUNA_STATE_DIRECTORY", str(tmp_path))
    assert run_luna(["plugin", "check", str(tmp_path / "site.py")]).status == 0
    plugin = runpy.run_path(str(tmp_path / "site.py"))
    (root / "etc/ssl").mkdir(parents=True)
    with pytest.raises(LunaError, match="is missing on the controller"):
        plugin["luna_image_configure"](facts.image(root), root)
    certificate.write_text("authority\n")
    plugin["luna_image_configure"](facts.image(root), root)
    assert (root / "etc/ssl/site-ca.pem").read_text() == "authority\n"
