"""How answers are weighed: the outcome is a matter of ranks and not of the order in which plugins answer."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luna_core.boot.weigh import Found, Waits, target, weigh
from luna_core.types import Answer, Machine, Sighting

RANK = ("mac", "switchport", "smbios")
SETTINGS = {"discovery.rank": RANK, "discovery.max_age_seconds": 900, "discovery.min_confidence": 0.5}
CARDS = ("52:54:00:00:00:01", "52:54:00:00:01:01")
MACHINE = Machine(macs=CARDS, settings=SETTINGS)
SIGHTINGS = st.builds(
    Sighting,
    mac=st.sampled_from(CARDS),
    place=st.sampled_from(("sw01 port 1", "sw01 port 2", "serial number 1")),
    node=st.sampled_from((None, "node001", "node002")),
    age_s=st.sampled_from((0.0, 1000.0)),
    confidence=st.sampled_from((1.0, 0.2)),
)
PLUGINS = st.sampled_from((*RANK, "site", "house"))
ANSWERS = st.lists(st.builds(Answer, plugin=PLUGINS, value=SIGHTINGS), max_size=5)


def outcome(answers: list[Found]) -> tuple[str, set[str]]:
    try:
        weighed = weigh(MACHINE, answers)
    except Waits:
        return "", set()
    return target(weighed.best), {target(one) for one in weighed.others}


@given(ANSWERS)
def test_the_order_of_answers_is_no_matter(answers: list[Found]) -> None:
    assert len({(name, frozenset(others)) for name, others in map(outcome, map(list, orders(answers)))}) == 1


@given(ANSWERS)
def test_only_what_is_new_sure_and_uncontradicted_names(answers: list[Found]) -> None:
    name, _ = outcome(answers)
    good = [one for one in answers if one.value.node and one.value.age_s == 0.0 and one.value.confidence == 1.0]
    if name:
        assert name in {target(one) for one in good}
    for plugin in RANK[:1]:
        said = {target(one) for one in good if one.plugin == plugin and one.value.mac == CARDS[0]}
        assert len(said) < 2 or not name, "the highest contradicts itself"


@pytest.mark.parametrize(
    ("plugins", "named"),
    [
        (("mac", "switchport"), "node001"),
        (("switchport", "mac"), "node002"),
        (("smbios", "site"), "node001"),
        (("site", "house"), ""),
    ],
)
def test_ranks_decide_and_those_that_are_not_listed_are_equal(plugins: tuple[str, str], named: str) -> None:
    answers = [
        Answer(plugin=plugin, value=Sighting(mac=CARDS[0], place=plugin, node=node))
        for plugin, node in zip(plugins, ("node001", "node002"), strict=True)
    ]
    assert outcome(answers)[0] == named


def test_a_card_that_moved_is_where_its_finder_is_surest() -> None:
    old = Answer(plugin="switchport", value=Sighting(mac=CARDS[0], place="old", node="node001", confidence=0.6))
    new = Answer(plugin="switchport", value=Sighting(mac=CARDS[0], place="new", node="node002", confidence=0.9))
    assert outcome([old, new]) == ("node002", set())
    nowhere = replace(new, value=replace(new.value, node=None))
    assert outcome([old, nowhere]) == ("", set()), "nobody has its old place's name for that it is somewhere else now"


def orders(answers: list[Found]) -> "itertools.islice[tuple[Found, ...]]":
    return itertools.islice(itertools.permutations(answers), 24)
