"""`luna cluster`: the one cluster of a store."""

from typing import TYPE_CHECKING, Any

import click

from luna_core.cli.context import dry_run_option, output_option, pass_luna
from luna_core.cli.output import emit_one
from luna_core.cli.verbs import Verb, Verbs

if TYPE_CHECKING:
    from luna_core.operations import Luna


def _init() -> click.Command:
    from luna_core.cli.differences import report
    from luna_core.cli.fields import field_options, given_fields
    from luna_core.model import Cluster
    from luna_core.operations import objects

    @click.command()
    @click.option("--name", default="cluster", show_default=True, help="Name of the cluster.")
    @field_options(Cluster)
    @dry_run_option
    @pass_luna
    def init(luna: "Luna", /, name: str, dry_run: bool, **params: Any) -> None:
        fields = given_fields(params)
        report(luna, lambda work: objects.add(work, Cluster, name, fields), f"cluster init --name {name}", dry_run)

    return init


def _change() -> click.Command:
    from luna_core.cli.differences import report
    from luna_core.cli.fields import field_options, given_fields
    from luna_core.model import Cluster
    from luna_core.operations import objects
    from luna_core.operations.inherit import the_cluster

    @click.command()
    @field_options(Cluster, unset=True)
    @dry_run_option
    @pass_luna
    def change(luna: "Luna", /, dry_run: bool, **params: Any) -> None:
        current = luna.read(the_cluster)
        fields = given_fields(params, current.body())
        report(luna, lambda work: objects.change(work, Cluster, current.name, fields), "cluster change", dry_run)

    return change


cluster = Verbs(
    "cluster",
    help="The cluster and its defaults.",
    verbs={
        "init": Verb("Begin a cluster in an empty store.", _init),
        "change": Verb("Change the cluster and the defaults of all nodes.", _change),
    },
)


@cluster.command()
@output_option
@pass_luna
def show(luna: "Luna", output: str) -> None:
    """Show the cluster and the defaults of all nodes."""
    from luna_core.operations.forms import outward
    from luna_core.operations.inherit import the_cluster

    emit_one(luna.read(lambda work: outward(work, the_cluster(work), defaults=True)), output)


@cluster.command()
@click.argument("new")
@pass_luna
def rename(luna: "Luna", new: str) -> None:
    """Give the cluster another name."""
    from luna_core.model import Cluster
    from luna_core.operations import objects
    from luna_core.operations.inherit import the_cluster

    luna.change(lambda work: objects.rename(work, Cluster, the_cluster(work).name, new), f"cluster rename {new}")
