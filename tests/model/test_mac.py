import pytest

from luna_core.errors import BadInput
from luna_core.model import Node
from luna_core.model.fields import normal_mac

INFINIBAND = "80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:0a:0b:0c"


@pytest.mark.parametrize(
    "given", ["52:54:00:AB:cd:01", "52-54-00-ab-cd-01", "5254.00ab.cd01", "525400abcd01", " 52:54:00:ab:cd:01\n"]
)
def test_every_usual_notation_is_the_same_mac(given: str) -> None:
    assert normal_mac(given) == "52:54:00:ab:cd:01"


def test_an_infiniband_address_has_twenty_octets() -> None:
    assert normal_mac(INFINIBAND.upper().replace(":", "-")) == INFINIBAND
    assert normal_mac(INFINIBAND.replace(":", "")) == INFINIBAND


@pytest.mark.parametrize(
    "given",
    [
        "",
        "52:54:00:ab:cd",
        "52:54:00:ab:cd:0g",
        "5:2540:0ab:cd:01",  # twelve digits, but in groups of no notation: somebody lost one and typed another
        "52:54-00:ab-cd:01",
        "5254:00ab:cd01",
        "52:54:00:ab:cd:01:02",
        525400,
        None,
    ],
)
def test_anything_else_is_refused(given: object) -> None:
    with pytest.raises(ValueError, match=r"accepted is a MAC as in 52:54:00:12:34:56"):
        normal_mac(given)


@pytest.mark.parametrize(
    ("given", "why"), [("00:00:00:00:00:00", "all zeros"), ("01:00:5e:00:00:01", "multicast"), ("ff" * 6, "multicast")]
)
def test_no_interface_has_it(given: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        normal_mac(given)


def test_a_mac_is_on_one_interface_only() -> None:
    with pytest.raises(BadInput, match=r"node n: accepted is a MAC on one interface only, not 52:54:00:00:00:01"):
        Node.new(name="n", group="g", interfaces={one: {"mac": "525400000001"} for one in ("eth0", "eth1")})


def test_the_mac_of_bootif_comes_first() -> None:
    macs = {"eth0": {"mac": "525400000001"}, "BOOTIF": {"mac": "525400000002"}, "BMC": {}}
    assert Node.new(name="n", group="g", interfaces=macs).macs() == ["52:54:00:00:00:02", "52:54:00:00:00:01"]
