"""Nodes and their interfaces on the command line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Luna = Callable[..., Any]


def addresses(luna: Luna, name: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = luna("node", "list", name, "-o", "json").json[0]["addresses"]
    return found


def names(luna: Luna, *words: str) -> list[str]:
    return [node["name"] for node in luna("node", "list", *words, "-o", "json").json]


def test_automatic_names_follow_the_highest_and_the_settings(cluster: Luna) -> None:
    assert cluster("node", "add", "--count", "2", "--group", "compute").out == "node[005-006]\n"
    cluster("settings", "set", "node.prefix", "gpu")
    cluster("settings", "set", "node.digits", "2")
    assert cluster("node", "add", "--count", "1", "--group", "compute").out == "gpu01\n"


def test_ports_and_macs_go_to_nodes_in_order(cluster: Luna, tmp_path: Path) -> None:
    (tmp_path / "macs").write_text("52:54:00:00:00:01\n52-54-00-00-00-02\n")
    done = cluster(*f"node add rack[1-2] --group compute --switch sw01 --ports 7-8 --macs @{tmp_path}/macs".split())
    assert done.status == 0, done.err
    rows = cluster("node", "list", "rack[1-2]", "-o", "json").json
    assert [(row["port"], row["macs"]) for row in rows] == [("7", ["52:54:00:00:00:01"]), ("8", ["52:54:00:00:00:02"])]
    assert cluster("node add rack[3-5] --group compute --switch sw01 --ports 9-10").status == 2


def test_filters_choose_nodes(cluster: Luna) -> None:
    cluster("group", "add", "gpu", "--parent", "compute", "--tags", "fast,new")
    cluster("node", "change", "node00[3-4]", "--group", "gpu")
    cluster("node", "change", "node004", "--tag", "odd")
    assert names(cluster, "--group", "compute") == ["node001", "node002", "node003", "node004"]
    assert names(cluster, "--group", "gpu", "--tag", "odd") == ["node004"]
    assert names(cluster, "@tag:fast,!node003") == ["node004"]
    assert names(cluster, "node[001-003]", "--tag", "fast") == ["node003"]
    assert names(cluster, "--state", "unknown") == ["node001", "node002", "node003", "node004"]
    nobody = cluster("node", "list", "--tag", "slow")
    assert (nobody.status, nobody.out, nobody.err) == (0, "", "No node is like that.\n")


def test_explain_says_where_values_come_from(cluster: Luna) -> None:
    cluster("cluster", "change", "--root", "disk")
    cluster("group", "add", "gpu", "--parent", "compute", "--kernel-arguments", "quiet", "--tags", "fast")
    cluster("node", "change", "node001", "--group", "gpu", "--local-boot", "--tags", "own")
    said = cluster("node", "show", "node001", "--explain", "-o", "json").json
    assert said["root"] == {"value": "disk", "from": "cluster cluster"}
    assert said["osimage"] == {"value": "compute", "from": "group compute"}
    assert said["kernel_arguments"] == {"value": "quiet", "from": "group gpu"}
    assert said["local_boot"] == {"value": True, "from": "node node001"}
    assert said["service"] == {"value": None, "from": "default"}
    assert said["tags"] == {"value": ["fast", "own"], "from": "node node001, group gpu"}
    assert said["interfaces.BOOTIF.networks"] == {"value": ["cluster"], "from": "group compute"}
    plain = cluster("node", "show", "node001", "-o", "json").json
    assert plain["interfaces"]["BMC"]["addresses"] == ["10.148.0.1"]


def test_show_gives_one_object_for_a_name_and_a_list_for_a_hostlist(cluster: Luna) -> None:
    assert cluster("node", "show", "node001", "-o", "json").json["name"] == "node001"
    assert [one["name"] for one in cluster("node", "show", "node00[1]", "-o", "json").json] == ["node001"]


def test_unset_and_an_empty_value_inherit_again(cluster: Luna) -> None:
    cluster("node", "change", "node[001-002]", "--kernel-arguments", "quiet", "--no-service", "--root", "disk")
    assert cluster("node", "show", "node001", "-o", "json").json["service"] is False
    cluster("node", "change", "node001", "--unset", "kernel-arguments", "--unset", "service", "--unset", "root")
    cluster("node", "change", "node002", "--kernel-arguments", "", "--root", "")
    for name in ("node001", "node002"):
        shown = cluster("node", "show", name, "-o", "json").json
        assert (shown["kernel_arguments"], shown["root"]) == (None, None)
    both = cluster("node", "change", "node001", "--service", "--unset", "service")
    assert both.status == 2


def test_a_mac_moves_only_when_told(cluster: Luna) -> None:
    assert cluster("node", "change", "node001", "--mac", "52:54:00:00:00:01").status == 0
    refused = cluster("node", "change", "node002", "--mac", "5254.0000.0001")
    assert refused.status == 2
    assert "node node001" in refused.err
    assert cluster("node", "change", "node002", "--mac", "5254.0000.0001", "--move-mac").status == 0
    rows = cluster("node", "list", "-o", "json").json
    assert [row["macs"] for row in rows[:2]] == [[], ["52:54:00:00:00:01"]]
    cluster("node", "change", "node002", "--mac", "")
    assert cluster("node", "list", "node002", "-o", "json").json[0]["macs"] == []
    assert cluster("node", "change", "node[001-002]", "--mac", "52:54:00:00:00:09").status == 2


def test_moving_groups_keeps_addresses_and_dry_run_shows_the_rest(cluster: Luna) -> None:
    cluster("network", "add", "fast", "--network", "10.150.0.0/16")
    cluster("group", "add", "gpu", "--osimage", "compute")
    cluster("group", "interface", "add", "gpu", "eth5", "--network", "cluster,fast")
    shown = cluster("node", "change", "node002", "--group", "gpu", "--dry-run").out
    assert "group: compute → gpu" in shown
    assert "addresses.BMC.ipmi.ipv4: 10.148.0.2 → -" in shown
    assert "addresses.eth5.fast.ipv4: - → 10.150.0.1" in shown
    assert addresses(cluster, "node002")["BMC"] == ["10.148.0.2"]
    cluster("node", "change", "node002", "--group", "gpu")
    assert addresses(cluster, "node002") == {"eth5": ["10.141.0.2", "10.150.0.1"]}


def test_clone_gives_addresses_of_their_own(cluster: Luna) -> None:
    cluster("node", "change", "node001", "--kernel-arguments", "quiet", "--mac", "52:54:00:00:00:01", "--rack", "r1")
    assert cluster("node", "clone", "node001", "copy[1-2]").status == 0
    rows = cluster("node", "list", "copy[1-2]", "-o", "json").json
    assert [(row["rack"], row["macs"], row["addresses"]["BOOTIF"]) for row in rows] == [
        ("r1", [], ["10.141.0.5"]),
        ("r1", [], ["10.141.0.6"]),
    ]


def test_a_bmc_by_another_name_is_still_one(cluster: Luna) -> None:
    def types() -> dict[str, str]:
        return {one["interface"]: one["type"] for one in cluster("node interface list node001 -o json").json}

    assert cluster("group interface rename compute BMC ilo").status == 0
    assert types() == {"BOOTIF": "ethernet", "ilo": "bmc"}
    assert addresses(cluster, "node001")["ilo"] == ["10.148.0.1"]
    cluster("group interface rename compute BOOTIF eth0")
    assert cluster("group interface rename compute eth0 BMC").status == 0
    assert types() == {"BMC": "ethernet", "ilo": "bmc"}


def test_delete_and_rename(cluster: Luna) -> None:
    cluster("node", "rename", "node004", "login")
    assert names(cluster) == ["login", "node001", "node002", "node003"]
    cluster("node", "delete", "node[001-002]", "--dry-run")
    assert len(names(cluster)) == 4
    cluster("node", "delete", "node[001-002]")
    assert names(cluster) == ["login", "node003"]


def test_interfaces_of_a_node(cluster: Luna) -> None:
    cluster("network", "add", "fast", "--network", "10.150.0.0/16")
    assert cluster("node interface add node001 eth1 --mtu 9000").status == 0
    assert cluster("node interface add node001 eth2").status == 0
    done = cluster(
        "node interface add node001 bond0 --type bond --members eth1,eth2 --bond-mode 802.3ad --network fast "
        "--address 10.150.0.77 --mac 52:54:00:00:00:77 --dns-suffix fast --options @-",
        input="key=value\nother=1\n",
    )
    assert done.status == 0, done.err
    rows = {row["interface"]: row for row in cluster("node", "interface", "list", "node001", "-o", "json").json}
    bond = rows["bond0"]
    assert (bond["members"], bond["bond_mode"], bond["addresses"]) == (["eth1", "eth2"], "802.3ad", ["10.150.0.77"])
    assert (bond["mac"], bond["options"]) == ("52:54:00:00:00:77", "key=value\nother=1\n")
    assert rows["eth1"]["mtu"] == 9000
    assert cluster("node interface rename node001 bond0 bond1").status == 0
    assert addresses(cluster, "node001")["bond1"] == ["10.150.0.77"]
    assert cluster("node interface remove node001 bond1").status == 0
    assert "bond1" not in addresses(cluster, "node001")
    assert cluster("node interface change node[001-002] BOOTIF --address 10.141.0.50").status == 2
    assert cluster("node interface change node001 BOOTIF --address 10.141.0.50").status == 0
    assert addresses(cluster, "node001")["BOOTIF"] == ["10.141.0.50"]
    assert "bond0" not in cluster("node", "interface", "list", "node001").out


def test_a_large_mtu_on_infiniband_needs_connected_mode(cluster: Luna) -> None:
    cluster("network add fabric --type infiniband --network 10.150.0.0/16 --mtu 4092")
    assert cluster("group interface add compute ib0 --type infiniband --network fabric --mtu 2044").status == 0
    refused = cluster("group interface change compute ib0 --mtu 65520")
    assert refused.status == 2
    wanted = "accepted is at most 4092, and 65520 with infiniband_mode connected"
    assert f"group compute: interfaces.ib0.mtu: 65520 was given; {wanted}" in refused.err
    assert cluster("group interface change compute ib0 --mtu 65520 --infiniband-mode connected").status == 0
    refused = cluster("node interface change node001 ib0 --infiniband-mode datagram")
    assert f"node node001: interfaces.ib0.mtu: 65520 was given; {wanted}" in refused.err
    assert cluster("group interface change compute ib0 --unset mtu --unset infiniband-mode").status == 0
    refused = cluster("network change fabric --mtu 65520")
    assert f"interfaces.ib0.mtu of network fabric: 65520 was given; {wanted}" in refused.err
    refused = cluster("group interface change compute BOOTIF --infiniband-mode connected")
    assert (
        "interfaces.BOOTIF.infiniband_mode: connected was given; accepted is one only with type infini" in refused.err
    )


def test_a_change_of_a_groups_interface_reaches_its_nodes(cluster: Luna) -> None:
    cluster("network add fast --network 10.150.0.0/16")
    cluster("group interface add compute eth1 --network fast")
    assert addresses(cluster, "node003")["eth1"] == ["10.150.0.3"]
    cluster("group interface rename compute eth1 eth9")
    assert addresses(cluster, "node003")["eth9"] == ["10.150.0.3"]
    cluster("group interface remove compute eth9")
    assert "eth9" not in addresses(cluster, "node003")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("add", "a hostlist, a count of nodes or a table"),
        ("add node[001-002] --count 2 --group compute", "a hostlist, a count of nodes or a table"),
        ("add node9 --group computer", "Did you mean compute? 'luna group list'"),
        ("add node9", "group"),
        ("add Node9 --group compute", "lower-case"),
        ("add node[1-999999999] --group compute", "100000"),
        ("add node001 --group compute", "taken"),
        ("add node9 --group compute --mac 01:00:5e:00:00:01", "multicast"),
        ("add node9 --group compute --root nfs", "tmpfs"),
        ("add node9 --group compute --image-version 3", "never packed"),
        ("change node009 --osimage compute", "no node 'node009'"),
        ("list @nothing", "nothing"),
        ("interface add node001 eth1 --members eth9", "eth9"),
        ("interface change node001 eth9 --mtu 1500", "BOOTIF"),
    ],
)
def test_bad_input_says_what_is_accepted(cluster: Luna, words: str, said: str) -> None:
    before = cluster("export").out
    done = cluster("node", *words.split())
    assert done.status == 2
    assert said in done.err
    assert cluster("export").out == before
