"""`luna osimage`: trees are built, imported and cloned, packed into versions, and deleted with all that is theirs."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from luna_core.cli.complete import files
from luna_core.cli.context import dry_run_option, output_option, pass_luna
from luna_core.cli.kinds import osimage
from luna_core.cli.objects import name_argument
from luna_core.cli.osimage_chroot import chroot
from luna_core.cli.osimage_grab import make_grab
from luna_core.cli.osimage_pack import megabytes, pack
from luna_core.cli.osimage_push import push
from luna_core.cli.osimage_version import version
from luna_core.cli.output import emit_one
from luna_core.cli.progress import Progress
from luna_core.cli.verbs import Verb
from luna_core.errors import BadInput

if TYPE_CHECKING:
    from luna_core.operations import Luna

osimage.add_command(chroot)
osimage.add_command(pack)
osimage.add_command(push)
osimage.add_command(version)


def _build() -> click.Command:
    from luna_core.cli.fields import field_options
    from luna_core.model import OsImage

    @click.command()
    @click.argument("name")
    @click.option("--release", metavar="WORD", help="Release of the distribution: short for --option release=WORD.")
    @field_options(OsImage)
    @pass_luna
    def build(luna: "Luna", /, name: str, release: str | None, **params: Any) -> None:
        from luna_core.operations.images.build import build as build_tree

        fields = _fields(params, release)
        with Progress() as progress:
            made = build_tree(luna, name, fields, progress.say)
        click.echo(f"The tree of osimage {name} is in {made.path}. Next: luna osimage pack {name}")

    return build


def _import() -> click.Command:
    from luna_core.cli.fields import field_options
    from luna_core.model import OsImage

    @click.command()
    @click.argument("name")
    @click.option(
        "--from",
        "source",
        required=True,
        metavar="PLACE",
        shell_complete=files,
        help="A directory, a tar archive, an OCI layout.",
    )
    @field_options(OsImage)
    @pass_luna
    def import_(luna: "Luna", /, name: str, source: str, **params: Any) -> None:
        from luna_core.operations.images.build import import_tree

        fields = _fields(params, None)
        with Progress() as progress:
            progress.say(f"importing {source}")
            made = import_tree(luna, name, fields, source, progress.say)
        click.echo(f"The tree of osimage {name} is in {made.path}. Next: luna osimage pack {name}")

    return import_


def _fields(params: Mapping[str, Any], release: str | None) -> dict[str, Any]:
    from luna_core.cli.fields import given_fields

    fields = {key: value for key, value in given_fields(params).items() if value is not None}
    options = dict(fields.get("options", {}))
    if release and options.get("release", release) != release:
        raise BadInput(f"--release: {release!r} was given and --option release={options['release']} too; give one.")
    return {**fields, "options": {**options, "release": release}} if release else fields


def _clone() -> click.Command:
    from luna_core.cli.fields import field_options, given_fields
    from luna_core.model import OsImage

    @click.command()
    @name_argument("osimage")
    @click.argument("new")
    @field_options(OsImage)
    @dry_run_option
    @pass_luna
    def clone(luna: "Luna", /, name: str, new: str, dry_run: bool, **params: Any) -> None:
        from luna_core.cli.differences import report
        from luna_core.operations import objects
        from luna_core.operations.images.objects import clone_image, clone_paths

        fields = {key: value for key, value in given_fields(params).items() if value is not None}
        if dry_run:
            source, target = clone_paths(luna, name, new, fields)
            given = {**fields, "path": str(target)}
            report(luna, lambda work: objects.clone(work, OsImage, name, new, given), "osimage clone", dry_run=True)
            click.echo(
                f"{source} would be copied to {target}." if source.is_dir() else f"{source} is not there to copy."
            )
            return
        with Progress() as progress:
            tree = clone_image(luna, name, new, fields, progress.say)
        if tree is None:
            click.echo(f"luna: osimage {name} has no tree yet, so none was copied.", err=True)

    return clone


@osimage.command()
@name_argument("osimage")
@click.option("--tree", is_flag=True, help="Delete its tree too.")
@dry_run_option
@pass_luna
def delete(luna: "Luna", name: str, tree: bool, dry_run: bool) -> None:
    """Delete an image with its versions; refused while something uses it. Its tree is left alone unless you say so."""
    from luna_core.operations.images.objects import delete_image, deletion

    doomed = deletion(luna, name, with_tree=tree) if dry_run else delete_image(luna, name, with_tree=tree)
    would = "would be deleted" if dry_run else "deleted"
    for one in doomed.versions if dry_run else ():
        click.echo(f"version {one.number} ({megabytes(one.size_bytes)}) {would}")
    if dry_run:
        click.echo(f"osimage {name} {would}")
    if doomed.tree:
        click.echo(f"the tree {doomed.tree} {would}")
    elif doomed.kept_tree:
        click.echo(f"The tree {doomed.kept_tree} stays; --tree deletes it as well.", err=True)


@osimage.command()
@output_option
@pass_luna
def sweep(luna: "Luna", output: str) -> None:
    """Delete what interrupted packs and builds left behind: versions never in force, unfinished trees."""
    from luna_core.operations.images.versions import sweep as sweep_all

    swept = sweep_all(luna)
    if output != "table":
        emit_one(dataclasses.asdict(swept), output)
        return
    for manifest in swept.versions:
        click.echo(f"deleted version {manifest}, which was never in force")
    for path in swept.trees:
        click.echo(f"deleted {path}, an unfinished tree")
    for reason in swept.busy:
        click.echo(f"luna: {reason}", err=True)
    if not swept.versions and not swept.trees:
        click.echo("There was nothing to delete.")


osimage.verbs |= {
    "build": Verb("Make an image's tree with its distribution's own tools, and the image if it is new.", _build),
    "clone": Verb("Add an image like another one, with a copy of its tree.", _clone),
    "grab": Verb("Fetch a running machine into an image's tree, and make the image if it is new.", make_grab),
    "import": Verb("Make an image's tree of a directory, a tar archive or an OCI layout.", _import),
}
