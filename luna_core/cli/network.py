"""`luna network`: subnets, ranges, usage and extra DNS records."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from luna_core.cli.complete import completer
from luna_core.cli.context import dry_run_option, output_option, pass_luna
from luna_core.cli.objects import Kind, name_argument, object_group
from luna_core.cli.output import emit, emit_one, print_table
from luna_core.cli.parse import ADDRESS, FieldParameter, RangeParameter

if TYPE_CHECKING:
    from luna_core.model import AddressRange
    from luna_core.operations import Luna, Work
    from luna_core.operations.networks import SubnetChange
    from luna_core.types import IPNetwork

NETWORK: "FieldParameter[IPNetwork]" = FieldParameter("CIDR", "Subnetwork")
TABLES = ("subnets", "usage", "records", "taken")
SUBNET_COLUMNS = ("network", "gateway", "dhcp", "reserved", "used", "held_back", "free")
RECORD_TYPES = ("A", "AAAA", "CNAME", "MX", "NS", "PTR", "SRV", "TXT")

subnet_options = (
    click.option("--network", multiple=True, type=NETWORK, help="Subnet, one of each address family. Repeatable."),
    click.option("--gateway", multiple=True, type=ADDRESS, help="Router of the subnet that has it. Repeatable."),
    click.option("--dhcp", multiple=True, type=RangeParameter(), help="Range for DHCP to hand out. Repeatable."),
    click.option("--no-gateway", is_flag=True, help="Take the gateways away."),
    click.option("--no-dhcp", is_flag=True, help="Take the DHCP ranges away."),
)


def _change(work: "Work", name: str, fields: Mapping[str, Any], params: Mapping[str, Any]) -> object:
    from luna_core.operations.networks import change_network

    return change_network(work, name, fields, _subnet_change(params) if any(params.values()) else None)


def _subnets(work: "Work", name: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
    from luna_core.operations.networks import subnet_fields

    wanted = _subnet_change(params)
    return {"subnets": subnet_fields(name, (), wanted.networks, wanted.gateways, wanted.ranges)}


def _subnet_change(params: Mapping[str, Any]) -> "SubnetChange":
    from luna_core.operations.networks import SubnetChange

    without = {"gateway": params["no_gateway"], "dhcp_range": params["no_dhcp"]}
    return SubnetChange(
        networks=params["network"],
        gateways=params["gateway"],
        ranges=params["dhcp"],
        without=frozenset(field for field, gone in without.items() if gone),
    )


def _brief(row: Mapping[str, Any]) -> Mapping[str, Any]:
    rows = [_subnet_row(one) for one in row["subnets"]]
    return {**row, **{field: [one[field] for one in rows if one[field]] for field in ("network", "gateway", "dhcp")}}


network = object_group(
    Kind(
        name="network",
        columns=("name", "type", "network", "gateway", "dhcp", "domain", "vlan", "mtu", "comment"),
        extra=subnet_options,
        special=_subnets,
        change=_change,
        brief=_brief,
    ),
    "Networks, their addresses and zones.",
)


@network.command()
@name_argument("network")
@click.option("-r", "--addresses", is_flag=True, help="List the addresses and ranges that are not free, and whose.")
@output_option
@pass_luna
def show(luna: "Luna", name: str, addresses: bool, output: str) -> None:
    """Show a network and how much of it is used."""
    from luna_core.operations import usage

    shown = luna.read(lambda work: usage.describe(work, name, addresses=addresses))
    if output != "table":
        emit_one(shown, output)
        return
    emit_one({field: value for field, value in shown.items() if field not in TABLES}, output)
    subnets = zip(shown["subnets"], shown["usage"], strict=True)
    tables = {
        SUBNET_COLUMNS: [{**_subnet_row(subnet), **counted} for subnet, counted in subnets],
        ("name", "type", "value"): shown["records"],
        ("addresses", "owner"): shown.get("taken", []),
    }
    for columns, rows in tables.items():
        if rows:
            click.echo()
            print_table(rows, columns)


def _subnet_row(subnet: Mapping[str, Any]) -> Mapping[str, Any]:
    def text(one: Mapping[str, Any]) -> str:
        return str(one["first"]) if one["first"] == one["last"] else f"{one['first']}-{one['last']}"

    dhcp = subnet["dhcp_range"]
    return {**subnet, "dhcp": text(dhcp) if dhcp else None, "reserved": [text(one) for one in subnet["reserved"]]}


@network.command("next")
@name_argument("network")
@output_option
@pass_luna
def next_address(luna: "Luna", name: str, output: str) -> None:
    """Show the addresses that the next node would get."""
    from luna_core.model import Network
    from luna_core.operations import usage

    free = luna.read(lambda work: usage.next_free(work, work.get(Network, name)))
    if output != "table":
        emit([{"address": str(one)} for one in free], (), output)
        return
    for address in free:
        click.echo(address)


@network.command()
@name_argument("network")
@click.argument("range", type=RangeParameter(), metavar="FIRST-LAST")
@click.option("--comment", default="", help="What it is kept for.")
@dry_run_option
@pass_luna
def reserve(luna: "Luna", name: str, range: "AddressRange", comment: str, dry_run: bool) -> None:
    """Keep a range of addresses from being handed out."""
    from luna_core.cli.differences import report
    from luna_core.operations import networks

    kept = range.model_copy(update={"comment": comment})
    report(luna, lambda work: networks.reserve(work, name, kept), f"network reserve {name} {range}", dry_run)


@network.command()
@name_argument("network")
@click.argument("range", type=RangeParameter(), metavar="FIRST-LAST")
@dry_run_option
@pass_luna
def release(luna: "Luna", name: str, range: "AddressRange", dry_run: bool) -> None:
    """Give back reserved addresses: a whole range or a part of one."""
    from luna_core.cli.differences import report
    from luna_core.operations import networks

    report(luna, lambda work: networks.release(work, name, range), f"network release {name} {range}", dry_run)


@network.group()
def record() -> None:
    """Extra DNS records of a network's zone."""


@record.command("list")
@name_argument("network", "NETWORK")
@output_option
@pass_luna
def list_records(luna: "Luna", name: str, output: str) -> None:
    """List the extra records of a network."""
    from luna_core.model import Network

    records = luna.read(lambda work: work.get(Network, name).records)
    nothing = f"Network {name} has no extra records: luna network record add {name} NAME TYPE VALUE"
    emit([one.model_dump() for one in records], ("name", "type", "value"), output, nothing=nothing)


@record.command("add")
@click.argument("network", shell_complete=completer("network"))
@click.argument("name")
@click.argument("type", type=click.Choice(RECORD_TYPES, case_sensitive=False))
@click.argument("value")
@pass_luna
def add_record(luna: "Luna", network: str, name: str, type: str, value: str) -> None:
    """Add a record; NAME is relative to the zone, @ stands for its top."""
    from luna_core.operations.records import add_record as add

    luna.change(lambda work: add(work, network, name, type, value), f"network record add {network} {name} {type}")


@record.command("remove")
@click.argument("network", shell_complete=completer("network"))
@click.argument("name")
@click.argument("type", type=click.Choice(RECORD_TYPES, case_sensitive=False), required=False)
@click.argument("value", required=False)
@pass_luna
def remove_record(luna: "Luna", network: str, name: str, type: str | None, value: str | None) -> None:
    """Remove the records of NAME, or only those of one type and value."""
    from luna_core.operations.records import remove_record as remove

    luna.change(lambda work: remove(work, network, name, type, value), f"network record remove {network} {name}")
