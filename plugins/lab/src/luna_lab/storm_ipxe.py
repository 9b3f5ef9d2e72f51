"""So much of iPXE's script language (ipxe.org/scripting) as luna's own scripts use, to follow them word by word."""

import re
import time
from collections.abc import Callable, Mapping
from urllib.parse import quote

Fetch = Callable[[str, str], bytes]
_VALUE_OPTIONS = ("--timeout", "--name")
_SCRIPT = b"#!ipxe"


class ScriptFailed(Exception):
    """The script came to its end, or to something that it can't do, before a kernel was to be started."""


class Firmware:
    """A machine's iPXE. `variables` are its settings, as in `net0/mac`.

    `fetch` is given `script`, `kernel`, `initramfs` or `other` and a URL, and raises OSError where there is nothing.
    """

    def __init__(self, variables: Mapping[str, str], fetch: Fetch) -> None:
        self._variables = dict(variables)
        self._fetch = fetch
        self._arguments = ""

    def run(self, url: str) -> list[str]:
        """Follow the script at `url`, and those it leads to, up to `boot`; the arguments that the kernel is given.

        Raises OSError if the first script can't be fetched, and ScriptFailed.
        """
        script = self._fetch("script", url)
        while True:
            following = self._follow(script.decode().splitlines())
            if following is None:
                return self._arguments.split()
            script = following

    def _follow(self, lines: list[str]) -> bytes | None:
        """The script that this one chains to; None when it boots."""
        labels = {line[1:].strip(): place for place, line in enumerate(lines) if line.startswith(":")}
        place = 0
        while place < len(lines):
            line, place = lines[place].strip(), place + 1
            if not line or line.startswith(("#", ":")):
                continue
            outcome = self._line(line)
            if isinstance(outcome, bytes):
                return outcome if outcome.startswith(_SCRIPT) else None
            if outcome:
                place = labels[outcome]
        raise ScriptFailed("its script came to an end")

    def _line(self, line: str) -> bytes | str | None:
        """Run commands joined by && and ||; returns the next script, an empty one to boot, or a label to go to."""
        succeeded, joint = True, "&&"
        for part in re.split(r"\s(&&|\|\|)(?=\s|$)", f"{line} "):
            if part in ("&&", "||"):
                joint = part
                continue
            if not part.strip():
                succeeded = succeeded or joint == "||"
                continue
            if succeeded == (joint == "&&"):
                outcome = self._command(self._expanded(part).split())
                if isinstance(outcome, bytes | str):
                    return outcome
                succeeded = outcome
        if not succeeded:
            raise ScriptFailed(f"this failed: {line}")
        return None

    def _command(self, words: list[str]) -> bytes | str | bool:
        name, given = words[0], _without_options(words[1:])
        if name == "goto":
            return given[0]
        if name == "boot":
            return b"boot"
        if name == "isset":
            return bool(given)
        if name == "set":
            self._variables[given[0]] = " ".join(given[1:])
        elif name == "sleep":
            time.sleep(float(given[0]))
        elif name in ("chain", "kernel", "initrd", "imgfetch"):
            return self._image(name, given)
        elif name not in ("echo", "imgfree"):
            raise ScriptFailed(f"iPXE's {name} is not known here")
        return True

    def _image(self, name: str, given: list[str]) -> bytes | bool:
        kinds = {"chain": "script", "kernel": "kernel", "initrd": "initramfs"}
        try:
            body = self._fetch(kinds.get(name, "other"), given[0])
        except OSError:
            return False
        if name == "kernel":
            self._arguments = " ".join(given[1:])
        return body if name == "chain" else True

    def _expanded(self, text: str) -> str:
        def value(found: "re.Match[str]") -> str:
            name, _, kind = found[1].partition(":")
            said = self._variables.get(name, "")
            return quote(said) if kind == "uristring" else said

        return re.sub(r"\$\{([^}]*)\}", value, text)


def _without_options(words: list[str]) -> list[str]:
    found: list[str] = []
    skip = False
    for word in words:
        if skip or word.startswith("--"):
            skip = not skip and word in _VALUE_OPTIONS
        else:
            found.append(word)
    return found
