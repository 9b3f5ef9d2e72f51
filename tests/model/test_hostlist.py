from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luna_core.errors import BadInput
from luna_core.hostlist import MOST_NAMES, expand, expand_ports, fold, natural

NAMES = st.from_regex(r"[a-z]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
PADDED = st.builds("{}{:0{}d}".format, st.sampled_from(["node", "gpu-", "r1n"]), st.integers(0, 120), st.integers(1, 4))


@settings(deadline=None)
@given(st.sets(NAMES | PADDED, min_size=1, max_size=60))
def test_expanding_what_was_folded_gives_the_same_names_in_order(names: set[str]) -> None:
    assert expand(fold(names)) == sorted(names, key=natural)


@settings(deadline=None)
@given(st.sets(PADDED, min_size=2))
def test_the_order_is_the_same_whatever_came_first(names: set[str]) -> None:
    assert expand(",".join(sorted(names))) == expand(",".join(sorted(names, reverse=True)))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("node[1-3]", ["node1", "node2", "node3"]),
        ("node[08-11]", ["node08", "node09", "node10", "node11"]),
        ("node[1-9/4]", ["node1", "node5", "node9"]),
        ("node10,node9,node9", ["node9", "node10"]),
        ("node[1-4],!node2", ["node1", "node3", "node4"]),
        ("node[1-4]!node[2-9]", ["node1"]),
        ("node[1-4]&node[3-9]", ["node3", "node4"]),
        ("node[1-3]^node[3-4]", ["node1", "node2", "node4"]),
        ("node[1-2], gpu1  gpu2", ["gpu1", "gpu2", "node1", "node2"]),
        ("n[1-2] m[1-2]", ["m1", "m2", "n1", "n2"]),
        ("r[1-2]n[1-2]", ["r1n1", "r1n2", "r2n1", "r2n2"]),
        ("@rack&node[2-5],!@odd", ["node2"]),
    ],
)
def test_sets_combine_from_left_to_right(text: str, names: list[str]) -> None:
    sets = {"rack": ["node1", "node2", "node3"], "odd": ["node1", "node3", "node5"]}
    assert expand(text, sets.__getitem__) == names


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        "!node1",
        "node1!",
        "node1&&node2",
        "node[",
        "node]",
        "node[]",
        "node[5-1]",
        "node[1-4/0]",
        "node[a-b]",
        "node[01-100]",
        "nöde",
        "a$b",
        "`id`",
        "node1;reboot",
        "@group",
        "9" * 5000,
        "x" * 300,
        "node[[1]]",
        "a\x00b",
    ],
)
def test_what_is_no_hostlist_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match=r"hostlist .*; accepted is a hostlist as in node\[001-040\],!node007 or @group"):
        expand(text)


@pytest.mark.parametrize(
    "text",
    ["n[1-999999999]", "n[1-400]n[1-400]", "n[1-100000],m[1-100000]", f"n[{'1-100000,' * 50000}1]"],
)
def test_too_many_names_are_refused_before_they_are_made(text: str) -> None:
    with pytest.raises(BadInput, match=f"more than {MOST_NAMES} names") as refused:
        expand(text)
    assert len(str(refused.value)) < 1000


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet="n09-/[],!&^@ \t\n.$é", max_size=30) | st.text(max_size=30))
def test_any_text_is_understood_or_refused(text: str) -> None:
    with suppress(BadInput):
        assert all(expand(text, lambda _: ["n1"]))
    with suppress(BadInput):
        assert all(expand_ports(text))


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("1-3", ["1", "2", "3"]),
        ("3,1-2", ["3", "1", "2"]),
        ("08-10", ["08", "09", "10"]),
        ("Gi1/0/[2-4],Te1/1/1", ["Gi1/0/2", "Gi1/0/3", "Gi1/0/4", "Te1/1/1"]),
        ("Gi[1-2]/0/[1-2]", ["Gi1/0/1", "Gi1/0/2", "Gi2/0/1", "Gi2/0/2"]),
        ("ge-0/0/1", ["ge-0/0/1"]),
    ],
)
def test_ports_keep_their_order(text: str, ports: list[str]) -> None:
    assert expand_ports(text) == ports


@pytest.mark.parametrize("text", ["", "1,,2", ",1", "1&2", "Gi[1", "Gi1]", "5-1", "Gi[1-200000]"])
def test_what_are_no_ports_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="hostlist"):
        expand_ports(text)


def test_natural_order() -> None:
    names = ["node10", "node9", "node09", "a1b10", "a1b9", "node", "²"]
    assert sorted(names, key=natural) == ["a1b9", "a1b10", "node", "node09", "node9", "node10", "²"]
