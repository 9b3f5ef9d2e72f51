"""Random clusters, made by random operations: exported, applied, and undone, each exactly."""

from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from luna_core import documents
from luna_core.errors import LunaError
from luna_core.model import (
    BmcSetup,
    Cluster,
    Group,
    ImageVersion,
    Network,
    Node,
    OsImage,
    OtherDev,
    SettingValue,
    Switch,
)
from luna_core.operations import Luna, Work, doctor, exchange, history, interfaces, objects
from luna_core.settings import MachineSettings

Operation = Callable[[Work], object]
NODES = st.sampled_from(["na", "nb", "na", "nb", "null", "12"])
NAMES = st.sampled_from(["a", "b", "null", "12", "1e3"])
KNOWN = st.sampled_from(["a", "b", "a", "b", "a", "b", "null"])
TEXTS = st.text(st.characters(codec="utf-8"), max_size=40) | st.text("ab:#'\"\\|> -\n\t\r\x85\u2028\x1b é", max_size=40)
ARGUMENTS = st.text("ab= 'x", max_size=10)
NETWORKS = st.lists(KNOWN, max_size=2, unique=True)
SUBNETS = st.sampled_from(
    [
        [],
        [{"network": "10.1.0.0/28", "gateway": "10.1.0.1"}],
        [{"network": "10.2.0.0/28", "reserved": [{"first": "10.2.0.1", "last": "10.2.0.3", "comment": "x: y"}]}],
        [
            {"network": "10.3.0.0/28", "dhcp_range": {"first": "10.3.0.9", "last": "10.3.0.10"}},
            {"network": "fd00:3::/64"},
        ],
        [{"network": "fd00:4::/120"}],
    ]
)
MACS = st.integers(1, 6).map("52:54:00:00:00:{:02x}".format)
RECORDS = st.lists(
    st.fixed_dictionaries({"name": NAMES, "type": st.just("TXT"), "value": st.sampled_from(["x", "'y: #"])}), max_size=2
)
SPECS = st.fixed_dictionaries(
    {"networks": NETWORKS},
    optional={"mtu": st.integers(1500, 9000), "options": TEXTS, "dns_suffix": st.sampled_from(["", "x"])},
)
INTERFACES = st.dictionaries(st.sampled_from(["BOOTIF", "BMC", "eth0", "1"]), SPECS, max_size=3)
PROFILE = {
    "osimage": KNOWN,
    "bmcsetup": KNOWN,
    "kernel_arguments": ARGUMENTS,
    "local_boot": st.booleans(),
    "prescript": TEXTS,
    "postscript": TEXTS,
    "comment": TEXTS,
}
FIELDS: dict[type[Any], st.SearchStrategy[dict[str, Any]]] = {
    Network: st.fixed_dictionaries(
        {"subnets": SUBNETS}, optional={"comment": TEXTS, "mtu": st.just(9000), "records": RECORDS}
    ),
    OsImage: st.fixed_dictionaries(
        {"path": st.just("/srv/x")}, optional={"comment": TEXTS, "options": st.dictionaries(NAMES, TEXTS)}
    ),
    BmcSetup: st.fixed_dictionaries({}, optional={"password": st.text("ab*'", max_size=9), "comment": TEXTS}),
    Switch: st.fixed_dictionaries({}, optional={"community": st.text("xyz"), "uplinks": st.lists(NAMES, max_size=2)}),
    OtherDev: st.fixed_dictionaries({}, optional={"addresses": st.just([{"address": "10.9.0.1"}]), "comment": TEXTS}),
    Group: st.fixed_dictionaries(
        {}, optional={**PROFILE, "parent": KNOWN, "interfaces": INTERFACES, "tags": st.lists(NAMES, max_size=2)}
    ),
    Node: st.fixed_dictionaries(
        {"group": KNOWN},
        optional={**PROFILE, "interfaces": INTERFACES, "switch": KNOWN, "port": NAMES, "serial": NAMES},
    ),
    SettingValue: st.fixed_dictionaries(
        {
            "value": st.booleans()
            | st.integers()
            | st.floats(allow_nan=False, allow_infinity=False)
            | TEXTS
            | st.lists(TEXTS, max_size=2)
        }
    ),
    ImageVersion: st.fixed_dictionaries(
        {"osimage": KNOWN, "number": st.integers(1, 3), "manifest_sha256": st.just("a" * 64), "size_bytes": st.just(1)}
    ),
}
MODELS: st.SearchStrategy[Any] = st.sampled_from([*FIELDS, Network, Group, Group, Node, Node, Node])
OWNERS: st.SearchStrategy[Any] = st.sampled_from([Group, Node])
INTERFACE_NAMES = st.sampled_from(["BOOTIF", "BMC", "eth0", "eth1"])
ADDRESSES = st.sampled_from(["10.1.0.5", "10.2.0.9", "10.3.0.4", "fd00:3::7", "fd00:4::9"]).map(ip_address)


@st.composite
def operations(draw: st.DrawFn) -> Operation:
    """Something that an administrator may try; many fail, for what they name doesn't exist or is in use."""
    model, owner = draw(MODELS), draw(OWNERS)
    name, new = draw(NODES if Node in (model, owner) else KNOWN | NAMES), draw(NAMES)
    interface = draw(INTERFACE_NAMES)
    verb = draw(
        st.sampled_from(
            [
                "add",
                "add",
                "add",
                "change",
                "rename",
                "clone",
                "delete",
                "interface",
                "mac",
                "address",
                "absent",
                "rename_interface",
            ]
        )
    )
    fields, spec = draw(FIELDS[model]), draw(SPECS)
    mac, address = draw(MACS), draw(ADDRESSES)
    verbs: dict[str, Operation] = {
        "add": lambda work: objects.add(work, model, name, fields),
        "change": lambda work: objects.change(work, model, name, fields),
        "rename": lambda work: objects.rename(work, model, name, new),
        "clone": lambda work: objects.clone(work, model, name, new, {}),
        "delete": lambda work: objects.delete(work, model, name),
        "interface": lambda work: interfaces.set_interface(work, owner, name, interface, spec, new=True),
        "absent": lambda work: interfaces.remove_interface(work, owner, name, interface),
        "rename_interface": lambda work: interfaces.rename_interface(work, owner, name, interface, "eth5"),
        "mac": lambda work: interfaces.set_mac(work, name, interface, mac, move=True),
        "address": lambda work: interfaces.set_address(work, name, interface, address),
    }
    return verbs[verb]


def _furnish(work: Work) -> None:
    objects.add(work, Cluster, "c", {"frontend_addresses": ["10.1.0.14"]})
    for number, name in enumerate(("a", "b"), 7):
        subnets = [{"network": f"10.{number}.0.0/24"}, {"network": f"fd00:{number}::/64"}]
        objects.add(work, Network, name, {"subnets": subnets[: number - 6]})
        objects.add(work, OsImage, name, {"path": "/srv/a"})
        for model in (BmcSetup, Switch):
            objects.add(work, model, name, {})
        parent = {"parent": "a"} if name == "b" else {}
        boot = {"BOOTIF": {"networks": [name]}, f"eth{number}": {"networks": [name]}}
        objects.add(work, Group, name, {"interfaces": boot, **parent})
        objects.add(work, Node, f"n{name}", {"group": name})


class Site:
    """A cluster with two of most things to begin with, in a directory that goes away with it."""

    def __enter__(self) -> "Site":
        self._directory = TemporaryDirectory()
        self.luna = self.open("luna")
        self.luna.change(_furnish, "furnish")
        return self

    def __exit__(self, *_: object) -> None:
        self.luna.__exit__()
        self._directory.cleanup()

    def open(self, name: str) -> Luna:
        path = Path(self._directory.name)
        return Luna(MachineSettings(store=f"sqlite://{path / name}.db", key_file=path / "key"), who="ada")

    def perform(self, wanted: list[Operation]) -> int:
        """How many of the operations succeeded; the others must say why in a sentence of luna's own."""
        done = 0
        for operation in wanted:
            with suppress(LunaError):
                before = self.last()
                self.luna.change(operation, "random")
                done += self.last() - before
        return done

    def last(self) -> int:
        return self.luna.read(lambda work: history.last_number(work.transaction))


def text_of(luna: Luna) -> str:
    return documents.dump(luna.read(exchange.export))


RANDOM = settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))


@RANDOM
@given(st.lists(operations(), min_size=5, max_size=40))
def test_an_export_applied_to_an_empty_store_is_exported_again_byte_for_byte(wanted: list[Operation]) -> None:
    with Site() as site:
        site.perform(wanted)
        assert list(site.luna.read(lambda work: list(doctor.problems(work)))) == []
        exported, before = text_of(site.luna), site.last()
        document = documents.load(exported, "export")
        site.luna.change(lambda work: exchange.apply(work, document, prune=True), "apply")
        assert site.last() == before
        with site.open("other") as other:
            other.change(lambda work: exchange.apply(work, document), "apply")
            assert text_of(other) == exported
            assert list(other.read(lambda work: list(doctor.problems(work)))) == []


@RANDOM
@given(st.lists(operations(), min_size=5, max_size=30), st.lists(operations(), min_size=5, max_size=30))
def test_changes_undone_in_reverse_order_leave_no_trace(first: list[Operation], second: list[Operation]) -> None:
    with Site() as site:
        site.perform(first)
        start, exported = site.last(), text_of(site.luna)
        site.perform(second)
        for number in range(site.last(), start, -1):
            site.luna.change(lambda work, number=number: history.undo(work, number), f"undo {number}")  # type: ignore[misc]
        assert text_of(site.luna) == exported
        assert list(site.luna.read(lambda work: list(doctor.problems(work)))) == []


@RANDOM
@given(st.lists(operations(), min_size=5, max_size=30), st.data())
def test_undoing_anything_works_or_says_why_and_is_undone_itself(wanted: list[Operation], data: st.DataObject) -> None:
    with Site() as site:
        site.perform(wanted)
        exported, last = text_of(site.luna), site.last()
        number = data.draw(st.integers(1, last))
        with suppress(LunaError):
            site.luna.change(lambda work: history.undo(work, number), "undo")
            assert list(site.luna.read(lambda work: list(doctor.problems(work)))) == []
            site.luna.change(lambda work: history.undo(work, last + 1), "undo")
        assert text_of(site.luna) == exported
        assert list(site.luna.read(lambda work: list(doctor.problems(work)))) == []
