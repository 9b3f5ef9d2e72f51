"""The `luna` command in a test, for authors of commands: in this process, with what it printed and its status."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from click.testing import CliRunner


@dataclass(frozen=True)
class Outcome:
    """How a command ended: its exit status, and what it wrote to standard output and standard error."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What a command that must have succeeded printed, decoded."""
        assert self.status == 0, self.err
        return json.loads(self.out)


def run_luna(words: Sequence[str], input: str = "") -> Outcome:
    """Run `luna` with these words as the installed command does; `input` is its standard input."""
    from luna_core.cli.main import run

    with CliRunner().isolation(input=input) as (out, err, _):
        status = run(list(words))
        return Outcome(status, out.getvalue().decode(), err.getvalue().decode())
