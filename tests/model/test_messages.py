"""What the model says of a bad value: the object, the field, what was given, what would be accepted."""

from typing import Any

import pytest

from luna_core.errors import BadInput
from luna_core.model import BmcSetup, Cluster, Group, ImageVersion, Network, Node, OsImage, SettingValue, Switch
from luna_core.model.base import StoredObject

CASES: list[tuple[type[StoredObject], dict[str, Any], str, str]] = [
    (Network, {"mtu": "fast"}, "mtu: 'fast'", "a whole number"),
    (Network, {"mtu": 100}, "mtu: 100", "at least 576"),
    (Network, {"mtu": True}, "mtu: True", "at least 576"),
    (Network, {"vlan": 4095}, "vlan: 4095", "at most 4094"),
    (Network, {"vlan": 5.5}, "vlan: 5.5", "a whole number"),
    (Network, {"type": "wifi"}, "type: 'wifi'", "'ethernet' or 'infiniband'"),
    (Network, {"domain": "Hpc"}, "domain: 'Hpc'", "hpc.example.org"),
    (Network, {"subnets": "10.0.0.0/8"}, "subnets: '10.0.0.0/8'", "a list"),
    (Network, {"subnets": [{"network": "10.1.0.0"}]}, "subnets.0.network: '10.1.0.0'", "10.141.0.0/16"),
    (Network, {"subnets": [{"network": "10.1.0.9/16"}]}, "subnets.0.network: '10.1.0.9/16'", "10.1.0.0/16"),
    (Network, {"subnets": [{"network": "224.0.0.0/8"}]}, "subnets.0.network: '224.0.0.0/8'", "10.141.0.0/16"),
    (Network, {"subnets": [{"network": "10.0.0.0/8", "gateway": "gw"}]}, "subnets.0.gateway: 'gw'", "10.141.0.1"),
    (Network, {"nameservers": ["224.0.0.1"]}, "nameservers.0: '224.0.0.1'", "10.141.0.1"),
    (Node, {"group": 5}, "group: 5", "a text"),
    (Node, {"rack": 1.1}, "rack: 1.1", "a text, in quotes"),
    (Node, {"serial": "x" * 129}, "serial: 'xxx", "128 characters"),
    (Node, {"interfaces": {"a b": {}}}, "interfaces.a b: 'a b'", "eth0"),
    (Node, {"interfaces": {"eth0": 1}}, "interfaces.eth0: 1", "a mapping"),
    (Node, {"interfaces": {"eth0": {"mac": "fe:ed"}}}, "interfaces.eth0.mac: 'fe:ed'", "52:54:00:12:34:56"),
    (Node, {"interfaces": {"eth0": {"networks": "boot"}}}, "interfaces.eth0.networks: 'boot'", "a list"),
    (Node, {"interfaces": {"eth0": {"dns_suffix": "a_b"}}}, "interfaces.eth0.dns_suffix: 'a_b'", "lower-case letters"),
    (Group, {"local_boot": "maybe"}, "local_boot: 'maybe'", "true or false"),
    (Group, {"root_size": "4T"}, "root_size: '4T'", "4G, 800M or 60%"),
    (Group, {"shard_cache": "luna-cache"}, "shard_cache: 'luna-cache'", "LABEL=name"),
    (Group, {"prescript": 5}, "prescript: 5", "a text"),
    (Group, {"tags": ["a b"]}, "tags.0: 'a b'", "a word"),
    (Group, {"kernel_arguments": "a\nb"}, r"kernel_arguments: 'a\nb'", "one line"),
    (OsImage, {"path": "srv/tree"}, "path: 'srv/tree'", "absolute path"),
    (OsImage, {"path": "/srv/../etc"}, "path: '/srv/../etc'", "without '..'"),
    (Cluster, {"frontend_addresses": []}, "frontend_addresses: []", "at least one"),
    (Cluster, {"frontend_addresses": ["::"]}, "frontend_addresses.0: '::'", "10.141.0.1"),
    (Cluster, {"frontend_addresses": ["fe80::1%eth0"]}, "frontend_addresses.0: 'fe80::1%eth0'", "10.141.0.1"),
    (BmcSetup, {"user": "a b"}, "user: 'a b'", "32 characters"),
    (BmcSetup, {"user_id": 64}, "user_id: 64", "at most 63"),
    (Switch, {"snmp_version": 4}, "snmp_version: '4'", "'1', '2c' or '3'"),
    (SettingValue, {"value": float("inf")}, "value: inf", "a number"),
    (SettingValue, {"value": None}, "value: None", "a text"),
    (ImageVersion, {"manifest_sha256": "abc"}, "manifest_sha256: 'abc'", "64 hexadecimal digits"),
]
REQUIRED: dict[str, dict[str, Any]] = {
    "node": {"group": "g"},
    "osimage": {"path": "/"},
    "cluster": {"frontend_addresses": ["10.0.0.1"]},
    "image_version": {"osimage": "i", "number": 1, "manifest_sha256": "0" * 64, "size_bytes": 0},
}


@pytest.mark.parametrize(("model", "values", "given", "accepted"), CASES)
def test_an_error_names_object_field_value_and_what_is_accepted(
    model: type[StoredObject], values: dict[str, Any], given: str, accepted: str
) -> None:
    with pytest.raises(BadInput) as refused:
        model.new(name="one", **{**REQUIRED.get(model.kind, {}), **values})
    begin, _, end = str(refused.value).splitlines()[0].partition("; ")
    assert begin.startswith(f"{model.kind} one: {given}") or begin == f"{model.kind} one: {given} was given"
    assert end.startswith("accepted is ") or begin.endswith(accepted)
    assert accepted in end


@pytest.mark.parametrize("name", ["", "-a", "a b", "a/b", "x" * 64, "a\n", "ä", "@all"])
def test_names_are_plain_words(name: str) -> None:
    with pytest.raises(BadInput, match=r"name: .* was given; accepted is up to 63 letters"):
        Group.new(name=name)


@pytest.mark.parametrize("name", ["Node1", "a.b", "a_b", "-a", "a-", "x" * 64])
def test_names_of_hosts_are_dns_labels(name: str) -> None:
    with pytest.raises(BadInput, match=r"RFC 1123"):
        Node.new(name=name, group="g")


def test_an_unknown_field_is_answered_with_the_known_ones() -> None:
    with pytest.raises(BadInput, match=r"group g: kernel: there is no such field; accepted are .*kernel_arguments"):
        Group.new(name="g", kernel="x")


BEYOND = [
    (Group, {"disks": {"disks": {"one": {"match": {"first": True}, "partitions": []}}}}, "disks.one.match.first", ""),
    (Group, {"disks": {"disks": {}, "raidz": {}}}, "disks.raidz", "raids"),
    (Node, {"interfaces": {"BOOTIF": {"network": ["boot"]}}}, "interfaces.BOOTIF.network", "networks"),
    (Network, {"subnets": [{"network": "10.1.0.0/16", "gatway": "10.1.0.1"}]}, "subnets.0.gatway", "gateway"),
    (Switch, {"comunity": "hunter2"}, "comunity", "community"),
]


@pytest.mark.parametrize(("model", "values", "field", "meant"), BEYOND, ids=[field for _, _, field, _ in BEYOND])
def test_an_unknown_field_of_any_part_is_answered_with_its_neighbours(
    model: type[StoredObject], values: dict[str, Any], field: str, meant: str
) -> None:
    with pytest.raises(BadInput) as refused:
        model.new(name="one", **{**REQUIRED.get(model.kind, {}), **values})
    line = str(refused.value)
    begin, _, accepted = line.partition("there is no such field; accepted are ")
    assert begin == f"{model.kind} one: {field}: "
    assert "hunter2" not in line, "what is behind a misspelt name may be a secret"
    if meant:
        assert f", {meant}" in accepted
        assert f". Did you mean {meant}" in line
    else:
        assert accepted == "path, serial, model, size."


def test_each_problem_has_its_line() -> None:
    with pytest.raises(BadInput) as refused:
        Network.new(name="n", mtu=1, vlan=0)
    assert [line.split(":")[1] for line in str(refused.value).splitlines()] == [" mtu", " vlan"]


def test_a_long_value_is_cut_and_a_strange_name_made_harmless() -> None:
    with pytest.raises(BadInput) as refused:
        OsImage.new(name="\x1b[2J", path="x" * 100_000)
    assert len(str(refused.value)) < 1000
    assert str(refused.value).isprintable() or "\x1b" not in str(refused.value)


@pytest.mark.parametrize(
    ("model", "field"),
    [(BmcSetup, "password"), (Switch, "community"), (Switch, "auth_password"), (Switch, "privacy_password")],
)
@pytest.mark.parametrize("secret", ["hunter2", ["hunter2"], {"a": "hunter2"}])
def test_a_secret_is_never_repeated(model: type[StoredObject], field: str, secret: Any) -> None:
    """Nor does the model take one in plain text, so that none can be stored."""
    with pytest.raises(BadInput, match=rf"{field}: \*\*\* was given") as refused:
        model.new(name="x", **{field: secret})
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in repr(refused.value.__cause__)
    assert "hunter2" not in str(refused.value.__cause__)


@pytest.mark.parametrize(
    ("values", "field", "read"),
    [
        ({"vlan": "12"}, "vlan", 12),
        ({"mtu": 9000.0}, "mtu", 9000),
        ({"ntp_servers": [7]}, "ntp_servers", ("7",)),
    ],
)
def test_what_yaml_and_command_lines_give_is_understood(values: dict[str, Any], field: str, read: Any) -> None:
    assert getattr(Network.new(name="n", **values), field) == read


def test_a_number_where_a_word_is_meant() -> None:
    """YAML reads port 7 and version 3 as numbers."""
    node = Node.new(name="n", group="g", port=7, rack=12, serial=4711)
    assert (node.port, node.rack, node.serial) == ("7", "12", "4711")
    assert Switch.new(name="s", snmp_version=3).snmp_version == "3"


def test_yes_and_no_are_understood() -> None:
    assert Group.new(name="g", local_boot="yes").local_boot is True
    assert Group.new(name="g", local_boot="off").local_boot is False
