"""What the commands that talk to BMCs share: which nodes, how fast, and how answers are shown."""

import functools
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from luna_core.cli.complete import completer, hostlists
from luna_core.cli.context import FiniteRange, output_option, pass_luna, with_options
from luna_core.cli.output import emit

if TYPE_CHECKING:
    from luna_core.operations import Luna
    from luna_core.power.ask import Bmc, Call, Pace, Replies, Reply

MANY = 10
node_options = (
    click.argument("nodes", required=False, metavar="[HOSTLIST]", shell_complete=hostlists),
    click.option("--group", metavar="GROUP", shell_complete=completer("group"), help="Nodes of this group."),
    click.option("--tag", metavar="TAG", help="Nodes with this tag."),
    click.option("--parallel", type=click.IntRange(1), metavar="N", help="Ask so many BMCs at once."),
    click.option("--stagger", type=FiniteRange(0, 3600), metavar="S", help="Switch machines on so many seconds apart."),
)


@dataclass(frozen=True, kw_only=True)
class Asking:
    """The BMCs that a command is about, how fast to ask them, and how to print what they say."""

    luna: "Luna"
    bmcs: "Sequence[Bmc]"
    pace: "Pace"
    output: str

    def ask(self, call: "Call") -> "Replies":
        """Each node's reply as it comes."""
        from luna_core.power.ask import ask

        return ask(self.bmcs, call, self.luna.settings, self.pace)

    def planned(self) -> "Replies":
        """What would be asked through which driver; nobody is."""
        from luna_core.power.ask import Reply

        for one in self.bmcs:
            way = f"through {one.driver} at {one.target.address} as {one.target.username}" if one.target else ""
            yield Reply(node=one.node, value=way, error=one.problem)

    def show(
        self,
        replies: "Replies",
        title: str,
        lines: Callable[[Any], Sequence[str]],
        summary: Callable[[Any], str] | None = None,
    ) -> int:
        """Print replies as they come, and all nodes folded by what they said; returns the exit status.

        `title` is the field of JSON that holds a reply's value, `lines` are what a value looks like as text, and
        `summary` is what stands for it in the summary, its first line if not given.
        """
        if not self.bmcs:
            click.echo("No node is like that.", err=True)
        said: dict[str, Reply] = {}
        # Also when Ctrl-C ends it: what was done by then is kept while the store is still open.
        with closing(replies):
            for reply in replies:
                said[reply.node] = reply
                if self.output == "table":
                    _print(reply, lines)
        if self.output != "table":
            emit([_row(one, said[one.node], title) for one in self.bmcs if one.node in said], (), self.output)
        elif len(said) > 1:
            _summarise(said.values(), summary or (lambda value: lines(value)[0]))
        return 1 if any(one.error for one in said.values()) else 0


def bmc_command(function: Callable[..., int]) -> Callable[..., int]:
    """Give a command the BMCs of the nodes that its options name as its first argument."""

    @pass_luna
    def wrapper(luna: "Luna", /, **params: Any) -> int:
        return function(asking_of(luna, params), **params)

    return with_options([*node_options, output_option])(functools.update_wrapper(wrapper, function))


def asking_of(luna: "Luna", params: dict[str, Any]) -> Asking:
    """Take the shared options out of a command's parameters; raises UsageError if no nodes were named."""
    from luna_core.power.ask import find_bmcs, pace_of

    sets = (("group", params.pop("group")), ("tag", params.pop("tag")))
    nodes, parallel, stagger_s = (params.pop(name) for name in ("nodes", "parallel", "stagger"))
    wanted = [*([nodes] if nodes else []), *(f"@{title}:{value}" for title, value in sets if value)]
    if not wanted:
        raise click.UsageError("Name nodes: a HOSTLIST such as node[001-040] or @all, --group or --tag.")
    pace = pace_of(luna, parallel=parallel, stagger_s=stagger_s)
    return Asking(luna=luna, bmcs=find_bmcs(luna, wanted), pace=pace, output=params.pop("output", "table"))


def confirm(asking: Asking, action: str, *, yes: bool) -> None:
    """Ask whoever sits at the terminal before many machines go down; a script is taken at its word."""
    from luna_core.hostlist import fold

    if yes or len(asking.bmcs) < MANY or not sys.stdin.isatty():
        return
    nodes = fold(one.node for one in asking.bmcs)
    click.confirm(f"{action} {len(asking.bmcs)} nodes, {nodes}?", abort=True, err=True)


def _print(reply: "Reply", lines: Callable[[Any], Sequence[str]]) -> None:
    if reply.error:
        click.echo(f"{reply.node}: {reply.error.removeprefix(f'node {reply.node}: ')}", err=True)
        return
    for line in lines(reply.value):
        click.echo(f"{reply.node}: {line}")


def _row(bmc: "Bmc", reply: "Reply", title: str) -> dict[str, Any]:
    return {
        "node": bmc.node,
        "driver": bmc.driver or None,
        "bmc": str(bmc.target.address) if bmc.target else None,
        title: None if reply.error else _plain(reply.value),
        "error": reply.error or None,
        "seconds": round(reply.seconds, 3),
    }


def _plain(value: object) -> object:
    """As JSON and YAML have it: what was accepted without an answer is true, a state its word."""
    return True if value is None else str(value) if isinstance(value, str) else value


def _summarise(replies: "Iterable[Reply]", summary: Callable[[Any], str]) -> None:
    from luna_core.hostlist import fold

    nodes: dict[str, list[str]] = {}
    for reply in replies:
        nodes.setdefault("failed" if reply.error else summary(reply.value), []).append(reply.node)
    click.echo()
    for title in sorted(nodes, key=lambda one: (one == "failed", one)):
        click.echo(f"{fold(nodes[title])}: {title}")
