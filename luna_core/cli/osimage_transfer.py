"""What `luna osimage grab` and `push` share: how to log in, what to leave alone, how changes are shown, and asking."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from luna_core.cli.osimage_pack import megabytes
from luna_core.errors import BadInput

if TYPE_CHECKING:
    from luna_core.operations.transfer.changes import Changes
    from luna_core.operations.transfer.grab import Wishes
    from luna_core.operations.transfer.login import Account

DIFFERENCES = ("kernel", "architecture", "distro", "release")
_file = click.Path(exists=True, dir_okay=False, path_type=Path)
login_options = (
    click.option("--user", default="root", show_default=True, help="Who logs in there; another by way of sudo."),
    click.option("--identity", type=_file, help="Private ssh key, beside your own and those of your agent."),
    click.option("--known-hosts", type=_file, help="File with ssh host keys that count more than what luna was told."),
)
copy_options = (
    click.option("--exclude", "excludes", multiple=True, metavar="PATTERN", help="Leave it alone (rsync's patterns)."),
    click.option("--force", "forced", multiple=True, type=click.Choice(DIFFERENCES), help="Go on though it differs."),
    click.option("--checksum", is_flag=True, help="Compare contents of files, where else size and time are compared."),
)
asking_options = (
    click.option("--dry-run", is_flag=True, help="Show what would change; write nothing."),
    click.option("--yes", is_flag=True, help="Don't ask."),
    click.option("-v", "--verbose", is_flag=True, help="List every name that would change."),
)


def account_of(params: dict[str, Any]) -> "Account":
    """Take who logs in out of a command's parameters."""
    from luna_core.operations.transfer.login import Account

    return Account(user=params.pop("user"), identity=params.pop("identity"))


def wishes_of(params: dict[str, Any]) -> "Wishes":
    """Take what is to be copied, and how, out of a command's parameters."""
    from luna_core.operations.transfer.grab import Wishes

    return Wishes(**{name: params.pop(name) for name in ("excludes", "forced", "delete", "checksum")})


def described(changes: "Changes", *, verbose: bool) -> dict[str, str]:
    """Changes as a table of fields."""
    fields = {kind: str(count) for kind, count in changes.counts().items()}
    directories = (f"{path} ({count})" for path, count in changes.directories().items())
    largest = (f"{path} ({megabytes(size)})" for path, size in changes.largest().items())
    fields |= {"size": megabytes(changes.size_bytes), "mostly in": "\n".join(directories)}
    fields |= {"largest": "\n".join(largest)}
    if verbose:
        fields["names"] = "\n".join(map(str, changes.all))
    return {name: value for name, value in fields.items() if value}


def agreed(question: str, *, dry_run: bool, yes: bool) -> bool:
    """Whether to go on; raises BadInput where there is nobody to ask, Abort for a no."""
    if dry_run or yes:
        return yes and not dry_run
    if not sys.stdin.isatty():
        raise BadInput("nothing was changed, for there is no terminal to ask at; --yes goes on, --dry-run only shows.")
    return click.confirm(question, abort=True, err=True)
