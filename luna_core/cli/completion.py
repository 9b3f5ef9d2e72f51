"""`luna completion`: click's own completion scripts."""

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    For bash: luna completion bash > /etc/bash_completion.d/luna
    """
    from luna_core.cli.main import cli

    made = get_completion_class(shell)
    if made is not None:
        click.echo(made(cli, {}, "luna", "_LUNA_COMPLETE").source())
