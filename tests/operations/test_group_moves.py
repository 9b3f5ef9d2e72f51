"""What becomes of addresses when interfaces, groups and parents change: the original's matrix, and more."""

from typing import Any

import pytest

from luna_core.errors import BadInput
from luna_core.model import Group, Node
from luna_core.operations import doctor, interfaces


@pytest.fixture
def nodes(cluster: Any) -> Any:
    """n1 to n3 in `compute`; n1 is gone, so that its addresses are the lowest free ones."""
    for name in ("n1", "n2", "n3"):
        cluster.add(Node, name, group="compute")
    cluster.delete(Node, "n1")
    assert cluster.addresses("n2") == {"BOOTIF": ["10.141.0.2"], "BMC": ["10.148.0.2"]}
    yield cluster
    assert not list(cluster.luna.read(lambda work: list(doctor.problems(work))))


def test_the_same_interface_and_network_keep_the_address(nodes: Any) -> None:
    nodes.change(Node, "n2", group="gpu")
    assert nodes.addresses("n2") == {"BOOTIF": ["10.141.0.2"], "BMC": ["10.148.0.2"]}


def test_another_interface_on_the_same_network_takes_it(nodes: Any) -> None:
    nodes.add(Group, "other")
    nodes.interface(Group, "other", "eth5", "boot")
    nodes.interface(Group, "other", "BMC", "ipmi")
    nodes.change(Node, "n2", group="other")
    assert nodes.addresses("n2") == {"eth5": ["10.141.0.2"], "BMC": ["10.148.0.2"]}


def test_the_same_interface_comes_before_another(nodes: Any) -> None:
    """eth0 sorts before BOOTIF in the new group, but BOOTIF had the address."""
    nodes.add(Group, "other")
    nodes.interface(Group, "other", "eth0", "boot")
    nodes.interface(Group, "other", "BOOTIF", "boot")
    nodes.change(Node, "n2", group="other")
    assert nodes.addresses("n2") == {"eth0": ["10.141.0.1"], "BOOTIF": ["10.141.0.2"]}


def test_another_network_gives_its_lowest_free_address(nodes: Any) -> None:
    nodes.network("boot2", "10.150.0.0/24", "fd00:150::/64")
    nodes.add(Group, "other")
    nodes.interface(Group, "other", "BOOTIF", "boot2")
    nodes.change(Node, "n3", group="other")
    assert nodes.addresses("n3") == {"BOOTIF": ["10.150.0.1", "fd00:150::1"]}
    nodes.add(Node, "n4", group="compute")
    nodes.add(Node, "n5", group="compute")
    assert (nodes.addresses("n4")["BOOTIF"], nodes.addresses("n5")["BOOTIF"]) == (["10.141.0.1"], ["10.141.0.3"])


def test_there_and_back_again_is_the_same_address(nodes: Any) -> None:
    nodes.change(Node, "n3", group="gpu")
    nodes.change(Node, "n3", group="compute")
    assert nodes.addresses("n3") == {"BOOTIF": ["10.141.0.3"], "BMC": ["10.148.0.3"]}


def test_an_interface_with_several_networks_has_an_address_in_each(nodes: Any) -> None:
    nodes.network("storage", "10.160.0.0/24")
    nodes.interface(Group, "gpu", "ib0", "storage", "boot")
    nodes.change(Node, "n2", group="gpu")
    assert nodes.addresses("n2") == {
        "BOOTIF": ["10.141.0.2"],
        "BMC": ["10.148.0.2"],
        "ib0": ["10.160.0.1", "10.141.0.1"],
    }


def test_an_interface_of_the_nodes_own_stays_with_it(nodes: Any) -> None:
    nodes.interface(Node, "n2", "eth9", "boot")
    assert nodes.addresses("n2")["eth9"] == ["10.141.0.1"]
    nodes.change(Node, "n2", group="gpu")
    assert nodes.addresses("n2") == {"BOOTIF": ["10.141.0.2"], "BMC": ["10.148.0.2"], "eth9": ["10.141.0.1"]}


def test_a_new_interface_of_a_group_reaches_all_its_nodes_by_name(nodes: Any) -> None:
    nodes.network("storage", "10.160.0.0/24")
    nodes.interface(Group, "compute", "ib0", "storage")
    assert [nodes.addresses(name)["ib0"] for name in ("n2", "n3")] == [["10.160.0.1"], ["10.160.0.2"]]


def test_an_interface_that_a_group_loses_releases_its_addresses(nodes: Any) -> None:
    nodes.luna.change(lambda work: interfaces.remove_interface(work, Group, "compute", "BMC"), "")
    assert nodes.addresses("n2") == {"BOOTIF": ["10.141.0.2"]}
    nodes.add(Node, "n9", group="gpu")
    assert nodes.addresses("n9")["BMC"] == ["10.148.0.1"]


def test_two_interfaces_on_one_network(nodes: Any) -> None:
    """The one that goes leaves the other's address alone."""
    nodes.interface(Group, "compute", "eth1", "boot")
    assert nodes.addresses("n2")["eth1"] == ["10.141.0.1"]
    nodes.luna.change(lambda work: interfaces.remove_interface(work, Group, "compute", "BOOTIF"), "")
    assert nodes.addresses("n2") == {"eth1": ["10.141.0.1"], "BMC": ["10.148.0.2"]}


class TestParents:
    @pytest.fixture
    def family(self, nodes: Any) -> Any:
        """compute → thin, with n4 in `thin`, which says more of BOOTIF and has a bond that uses it."""
        nodes.add(Group, "thin", parent="compute")
        nodes.interface(Group, "thin", "BOOTIF", "boot", mtu=9000)
        nodes.interface(Group, "thin", "bond0", members=["BOOTIF"], type="bond")
        nodes.add(Node, "n4", group="thin", interfaces={"BOOTIF": {"mac": "52:54:00:00:00:04"}})
        return nodes

    def rename(self, admin: Any, model: Any, name: str, old: str, new: str) -> None:
        admin.luna.change(lambda work: interfaces.rename_interface(work, model, name, old, new), "rename")

    def test_a_rename_keeps_the_addresses_of_all_nodes_also_in_groups_below(self, family: Any) -> None:
        self.rename(family, Group, "compute", "BOOTIF", "eth0")
        assert family.addresses("n2") == {"eth0": ["10.141.0.2"], "BMC": ["10.148.0.2"]}
        assert family.addresses("n4") == {"eth0": ["10.141.0.1"], "BMC": ["10.148.0.1"]}
        node = family.luna.read(lambda work: work.get(Node, "n4"))
        thin = family.luna.read(lambda work: work.get(Group, "thin"))
        assert node.interfaces["eth0"].mac == "52:54:00:00:00:04"
        assert (thin.interfaces["eth0"].mtu, thin.interfaces["bond0"].members) == (9000, ("eth0",))

    @pytest.mark.parametrize(("model", "name"), [(Group, "thin"), (Node, "n4"), (Node, "n2")])
    def test_an_inherited_interface_is_renamed_where_it_comes_from(self, family: Any, model: Any, name: str) -> None:
        with pytest.raises(BadInput, match=f"{name}: interface BOOTIF comes from a group above it; rename it there"):
            self.rename(family, model, name, "BOOTIF", "eth0")

    def test_a_rename_to_a_name_that_a_node_below_has_is_refused(self, family: Any) -> None:
        family.interface(Node, "n4", "eth0", "boot")
        with pytest.raises(BadInput, match=r"node n4: it has an interface eth0 already"):
            self.rename(family, Group, "compute", "BOOTIF", "eth0")

    def test_removing_reaches_groups_below_unless_they_say_it_themselves(self, family: Any) -> None:
        with pytest.raises(BadInput, match=r"group thin: interface BMC comes from a group above it; remove it there"):
            family.luna.change(lambda work: interfaces.remove_interface(work, Group, "thin", "BMC"), "")
        family.luna.change(lambda work: interfaces.remove_interface(work, Group, "compute", "BMC"), "")
        family.luna.change(lambda work: interfaces.remove_interface(work, Group, "compute", "BOOTIF"), "")
        assert family.addresses("n4") == {"BOOTIF": ["10.141.0.1"]}
        assert family.addresses("n2") == {}

    def test_a_bond_keeps_its_members(self, family: Any) -> None:
        family.luna.change(lambda work: interfaces.remove_interface(work, Group, "thin", "BOOTIF"), "")
        with pytest.raises(
            BadInput, match=r"interfaces.bond0.members: 'BOOTIF' was given; accepted are its interfaces"
        ):
            family.luna.change(lambda work: interfaces.remove_interface(work, Group, "compute", "BOOTIF"), "")

    def test_another_parent_keeps_what_fits_it(self, family: Any) -> None:
        family.network("ipmi2", "10.149.0.0/16")
        family.add(Group, "base2")
        family.interface(Group, "base2", "BMC", "ipmi2")
        family.change(Group, "thin", parent="base2")
        assert family.addresses("n4") == {"BOOTIF": ["10.141.0.1"], "BMC": ["10.149.0.1"]}
        family.change(Group, "thin", parent="compute")
        assert family.addresses("n4") == {"BOOTIF": ["10.141.0.1"], "BMC": ["10.148.0.1"]}

    def test_circles_are_refused(self, family: Any) -> None:
        with pytest.raises(BadInput, match=r"group compute: parent: compute → thin → compute is a circle"):
            family.change(Group, "compute", parent="thin")
        with pytest.raises(BadInput, match=r"is a circle"):
            family.change(Group, "gpu", parent="gpu")


class TestAbsent:
    def test_a_node_can_go_without_an_interface_of_its_group_and_have_it_back(self, nodes: Any) -> None:
        nodes.luna.change(lambda work: interfaces.remove_interface(work, Node, "n2", "BMC"), "")
        assert nodes.addresses("n2") == {"BOOTIF": ["10.141.0.2"]}
        assert nodes.addresses("n3")["BMC"] == ["10.148.0.3"]
        with pytest.raises(BadInput, match=r"node n2: there is no interface 'BMC'; accepted are BOOTIF"):
            nodes.luna.change(lambda work: interfaces.remove_interface(work, Node, "n2", "BMC"), "")
        nodes.luna.change(lambda work: interfaces.set_interface(work, Node, "n2", "BMC", {}, new=True), "")
        assert nodes.addresses("n2") == {"BOOTIF": ["10.141.0.2"], "BMC": ["10.148.0.1"]}

    def test_it_stays_away_in_another_group(self, nodes: Any) -> None:
        nodes.luna.change(lambda work: interfaces.remove_interface(work, Node, "n2", "BMC"), "")
        nodes.change(Node, "n2", group="gpu")
        assert nodes.addresses("n2") == {"BOOTIF": ["10.141.0.2"]}
