"""A document is made true, or nothing is done."""

from copy import deepcopy
from typing import Any

import pytest
import yaml

from luna_core import documents
from luna_core.errors import AlreadyExists, BadInput, InUse, LunaError
from luna_core.model import Group, ImageVersion, Network, Node, OsImage, SettingValue
from luna_core.operations import doctor, exchange, history
from luna_core.settings import CORE_SETTINGS


@pytest.fixture
def site(cluster: Any) -> Any:
    """Three nodes with MACs, and a packed image."""
    for number in (1, 2, 3):
        cluster.add(
            Node, f"n{number}", group="compute", interfaces={"BOOTIF": {"mac": f"52:54:00:00:00:0{number}"}}, tags=["t"]
        )
    version = {"number": 1, "manifest_sha256": "a" * 64, "size_bytes": 1}
    cluster.add(ImageVersion, "rocky-1", osimage="rocky", **version)
    cluster.change(OsImage, "rocky", latest=1)
    yield cluster
    assert not list(cluster.luna.read(lambda work: list(doctor.problems(work))))


def export(admin: Any) -> dict[str, Any]:
    return deepcopy(admin.luna.read(exchange.export))


def apply(admin: Any, document: object, **options: Any) -> None:
    dry_run = options.pop("dry_run", False)
    admin.luna.change(lambda work: exchange.apply(work, document, **options), "apply", dry_run=dry_run)


def changes(admin: Any) -> int:
    return int(admin.luna.read(lambda work: history.last_number(work.transaction)))


def test_what_is_so_already_leaves_no_trace(site: Any) -> None:
    before = changes(site)
    apply(site, export(site), prune=True)
    assert changes(site) == before


def test_the_order_does_not_matter(site: Any, open_luna: Any) -> None:
    document = export(site)
    backwards = {
        kind: dict(reversed(objects.items())) if isinstance(objects, dict) else objects
        for kind, objects in reversed(document.items())
    }
    assert next(iter(backwards)) == "node"
    other = open_luna("other", store=site.luna.settings.store.replace("luna.db", "other.db"))
    other.settings = site.luna.settings.__class__(**{**vars(other.settings), "key_file": site.luna.settings.key_file})
    other.change(lambda work: exchange.apply(work, backwards), "apply")
    assert other.read(exchange.export) == document


def test_a_dry_run_checks_everything_and_writes_nothing(site: Any) -> None:
    document, before = export(site), export(site)
    document["node"]["n9"] = {"group": "gpu"}
    apply(site, document, dry_run=True)
    document["node"]["n9"]["interfaces"] = {"BOOTIF": {"mac": "52:54:00:00:00:01"}}
    with pytest.raises(AlreadyExists, match=r"node n9: the MAC 52:54:00:00:00:01 (belongs|is also given) to node n1"):
        apply(site, document, dry_run=True)
    assert (export(site), changes(site)) == (before, changes(site))


def test_prune_removes_what_is_not_named(site: Any) -> None:
    document = export(site)
    del document["node"]["n2"], document["group"]["gpu"]
    apply(site, document)
    assert "n2" in export(site)["node"]
    apply(site, document, prune=True)
    assert export(site) == document
    del document["group"]["compute"]
    with pytest.raises(BadInput, match=r"node n1: there is no group 'compute'|group compute can't be deleted"):
        apply(site, document, prune=True)


def test_prune_needs_a_whole_cluster(site: Any) -> None:
    before = export(site)
    with pytest.raises(BadInput, match=r"The document has no cluster; accepted with --prune"):
        apply(site, {"luna": 1, "node": {}}, prune=True)
    assert export(site) == before


def test_what_luna_gave_stays_where_a_document_is_silent(site: Any) -> None:
    """A file that an administrator keeps by hand says neither addresses nor which version is in force."""
    site.delete(Node, "n1")
    site.luna.change(
        lambda work: exchange.apply(work, {"luna": 1, "node": {"n2": {"group": "compute", "rack": "r"}}}), ""
    )
    assert site.addresses("n2") == {"BOOTIF": ["10.141.0.2"], "BMC": ["10.148.0.2"]}
    apply(site, {"luna": 1, "osimage": {"rocky": {"path": "/srv/rocky9"}}})
    assert export(site)["osimage"]["rocky"] == {"path": "/srv/rocky9", "latest": 1}


def test_a_merge_changes_only_what_it_names(site: Any) -> None:
    before = export(site)
    patch = {"rack": "r1", "tags": None, "interfaces": {"BOOTIF": {"mtu": 9000}, "ib0": {"type": "infiniband"}}}
    apply(site, {"luna": 1, "node": {"n2": patch, "n4": {"group": "compute"}}}, merge=True)
    after = export(site)
    assert after["node"].pop("n4")["group"] == "compute"
    changed, was = after["node"].pop("n2"), before["node"].pop("n2")
    assert after == before
    assert changed.pop("rack") == "r1"
    assert was.pop("tags") == ["t"]
    interfaces = changed.pop("interfaces")
    assert interfaces.pop("ib0") == {"type": "infiniband"}
    assert interfaces == {"BOOTIF": {**was.pop("interfaces")["BOOTIF"], "mtu": 9000}}
    assert changed == was


def test_a_merge_takes_away_what_is_null(site: Any) -> None:
    document = {"luna": 1, "node": {"n1": None, "never-was": None}}
    apply(site, document, merge=True)
    assert set(export(site)["node"]) == {"n2", "n3"}
    number = changes(site)
    apply(site, document, merge=True)
    assert changes(site) == number
    with pytest.raises(InUse, match="group compute"):
        apply(site, {"luna": 1, "group": {"compute": None}}, merge=True)
    with pytest.raises(BadInput, match="accepted are fields"):
        apply(site, {"luna": 1, "cluster": {"cluster": None}}, merge=True)


def test_nodes_can_swap_macs_addresses_and_ports(site: Any) -> None:
    document = export(site)
    nodes = document["node"]
    nodes["n1"], nodes["n2"] = nodes["n2"], nodes["n1"]
    apply(site, document)
    assert export(site) == document
    assert site.addresses("n1")["BOOTIF"] == ["10.141.0.2"]


def test_groups_can_swap_parents(site: Any) -> None:
    site.add(Group, "thin", parent="compute")
    document = export(site)
    document["group"]["compute"]["parent"] = "thin"
    del document["group"]["thin"]["parent"]
    apply(site, document)
    assert export(site) == document
    document["group"]["thin"]["parent"] = "compute"
    with pytest.raises(BadInput, match=r"is a circle"):
        apply(site, document)


def test_new_nodes_get_the_lowest_free_addresses_in_natural_order(site: Any) -> None:
    site.delete(Node, "n1")
    apply(site, {"luna": 1, "node": {name: {"group": "compute"} for name in ("n10", "n9")}})
    assert (site.addresses("n9")["BMC"], site.addresses("n10")["BMC"]) == (["10.148.0.1"], ["10.148.0.4"])


BAD: list[tuple[object, str]] = [
    (None, "The document has no 'luna: 1'"),
    ([], "The document has no 'luna: 1'"),
    ({"luna": 2}, "The document has no 'luna: 1'"),
    ({"luna": 1, "nodes": {}}, "The document has 'nodes'; accepted are cluster, setting, "),
    ({"luna": 1, 5: {}}, "The document has 5; accepted are"),
    ({"luna": 1, "node": []}, r"node: \[\] was given; accepted are objects by name"),
    ({"luna": 1, "node": None}, "node: None was given; accepted are objects by name"),
    ({"luna": 1, "node": {5: {}}}, "node 5: {} was given; accepted are fields by name"),
    ({"luna": 1, "node": {"x": "compute"}}, "node x: 'compute' was given; accepted are fields by name"),
    ({"luna": 1, "node": {"x": {5: 1}}}, "node x: {5: 1} was given; accepted are fields by name"),
    ({"luna": 1, "node": {"x": {"id": "1"}}}, "node x: id: accepted is only the name before the colon"),
    ({"luna": 1, "node": {"x": None}}, "node x: group: it is required but was not given"),
    ({"luna": 1, "node": {"x": {"group": ["a"]}}}, r"node x: group: \['a'\] was given; accepted is a text"),
    ({"luna": 1, "node": {"x": {"group": "none"}}}, "node x: there is no group 'none'. 'luna group list'"),
    ({"luna": 1, "node": {"X": {"group": "gpu"}}}, "node X: name: 'X' was given; accepted is up to 63 lower-case"),
    ({"luna": 1, "node": {"x": {"group": "gpu", "interfaces": "a"}}}, "node x: interfaces: 'a' was given; "),
    ({"luna": 1, "group": {"g": {"interfaces": {"a": {"networks": ["bot"]}}}}}, "network 'bot'. Did you mean boot"),
    ({"luna": 1, "bmcsetup": {"b": {"password": "***"}}}, r"bmcsetup b: \*\*\* stands for a secret that was not shown"),
    ({"luna": 1, "bmcsetup": {"b": {"password": 5}}}, r"bmcsetup b: password: \*\*\* was given; accepted is a text"),
    ({"luna": 1, "setting": {"s": {"value": {}}}}, "setting s: value: accepted is a text, a number"),
    ({"luna": 1, "cluster": {"other": {"frontend_addresses": ["10.0.0.1"]}}}, "cluster other: the store has cluster"),
    ({"luna": 1, "node": {"n1": {"group": "gpu", "addresses": [
        {"interface": "eth9", "network": "boot", "address": "10.141.0.9"}]}}}, "n1: addresses: 10.141.0.9 was given"),
    ({"luna": 1, "node": {"a": {"group": "gpu"}, "b": {"group": "gpu", "bogus": 1}}}, "node b: bogus: there is no"),
    ({"luna": 1, "node": {"a": {"group": "gpu"}}, "group": {"compute": {"image_version": 7}}},
     "group compute: image_version: 7 was given; accepted"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "why"), BAD)
def test_a_bad_document_changes_nothing(site: Any, document: object, why: str) -> None:
    before = export(site)
    with pytest.raises(BadInput, match=why):
        apply(site, document)
    assert export(site) == before


def test_a_secret_of_another_cluster_is_refused(site: Any, open_luna: Any) -> None:
    document = export(site)
    with pytest.raises(LunaError, match=r"was not encrypted with the key in|is missing: copy it from the controller"):
        open_luna("stranger").change(lambda work: exchange.apply(work, document), "apply")


def test_a_pinned_version_stays(site: Any) -> None:
    site.change(Node, "n1", image_version=1)
    with pytest.raises(
        BadInput, match=r"node n1: image_version: 1 was given; accepted are versions of osimage rocky: none"
    ):
        site.delete(ImageVersion, "rocky-1")
    site.add(OsImage, "other", path="/srv/other")
    with pytest.raises(BadInput, match=r"node n1: image_version: 1 was given; accepted are versions of osimage other"):
        site.change(Group, "compute", osimage="other")


@pytest.mark.parametrize(
    "text",
    ["a: [", "a: 1\na: 2", "\t", "a: &x [*x]", "? [a]\n: b", "!!python/object:os.system x", "a: " + "[" * 2000, "\x00"],
)
def test_a_text_that_is_no_yaml_names_the_file(site: Any, text: str) -> None:
    """Or it is YAML, but no document of a cluster."""
    with pytest.raises(BadInput):
        apply(site, documents.load(text, "site.yaml"))


def test_yaml_keeps_texts(site: Any) -> None:
    text = "luna: 1\nnetwork:\n  on: {comment: no, domain: 1.10.example}\n  012: {comment: 12:30:45}\n"
    apply(site, documents.load(text, "site.yaml"))
    networks = site.luna.read(lambda work: [(one.name, one.comment) for one in work.all(Network)])
    assert ("on", "no") in networks
    assert ("012", "12:30:45") in networks


@pytest.mark.parametrize("text", ["52:54:00:00:00:01", "no", "On", "012", "1_0", "2026-11-23", "1e3", "0x1f", "=", "~"])
def test_what_is_exported_is_read_alike_by_other_tools(text: str) -> None:
    """Most of them read YAML 1.1."""
    written = documents.dump({"text": text, "number": 7, "share": 0.5, "yes": True, "none": None})
    expected = {"text": text, "number": 7, "share": 0.5, "yes": True, "none": None}
    assert yaml.safe_load(written) == documents.load(written, "f") == expected


def test_settings_keep_their_type(site: Any) -> None:
    values = {"a": True, "b": 1, "c": 1.5, "d": "1", "e": ["x", "y"]}
    apply(
        site, documents.load(documents.dump({"luna": 1, "setting": {k: {"value": v} for k, v in values.items()}}), "f")
    )
    stored = site.luna.read(lambda work: {one.name: one.value for one in work.all(SettingValue)})
    assert {key: (type(value), value) for key, value in stored.items()} == {
        key: (type(value), value) for key, value in {**values, "e": ("x", "y")}.items()
    }


def test_settings_are_those_that_somebody_declares(site: Any) -> None:
    def document(name: str, value: object) -> dict[str, Any]:
        return {"luna": 1, "setting": {name: {"value": value}}}

    apply(site, document("gone.plugin", "x"))
    unfit = (("http.prot", 80), ("http.port", "high"), ("http.port", None), ("power.timeout_s", 10**400))
    for bad in (document(name, value) for name, value in unfit):
        with pytest.raises(BadInput, match=r"accepted (is|are) |Did you mean http\.port"):
            apply(site, bad, declared=CORE_SETTINGS)
    apply(site, document("http.port", 80), declared=CORE_SETTINGS)
    # What a plugin left that is no longer installed doesn't keep the rest of an export from being applied.
    apply(site, export(site), declared=CORE_SETTINGS)
    with pytest.raises(BadInput, match=r"There is no setting 'gone\.plugin'"):
        apply(site, document("gone.plugin", "y"), declared=CORE_SETTINGS)


def test_in_use_wins_over_prune(site: Any) -> None:
    document = export(site)
    del document["network"]["boot"]
    for group in document["group"].values():
        del group["interfaces"]["BOOTIF"]["networks"]
    for node in document["node"].values():
        node["addresses"] = [one for one in node["addresses"] if one["network"] != "boot"]
    document["node"]["n1"]["interfaces"]["BOOTIF"]["networks"] = ["boot"]
    with pytest.raises(InUse, match=r"network boot can't be deleted: it is used by node n1\."):
        apply(site, document, prune=True)
    del document["node"]["n1"]["interfaces"]["BOOTIF"]["networks"]
    apply(site, document, prune=True)
    assert export(site) == document
