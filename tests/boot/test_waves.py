"""Who loads kernel and initramfs now, from whom, and who waits."""

from collections import Counter
from dataclasses import dataclass

import pytest

from luna_core.boot.relays import GOOD_S, Relay, Relays, relay_url
from luna_core.boot.waves import CONTROLLER, FIRST_COPIES, HOLD_S, LONGEST_S, RELAY_LOADS, Load, Wait, Waves

V = "a-version"
ASKER = "10.141.0.9"
RELAYS = ["http://10.141.0.1:1/", "http://10.141.0.2:1/"]


@dataclass
class Clock:
    """A clock that stands still until it is set."""

    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def waves(clock: Clock) -> Waves:
    return Waves(clock)


def load(turn: Load | Wait | None) -> Load:
    assert isinstance(turn, Load)
    return turn


def wait(turn: Load | Wait) -> Wait:
    assert isinstance(turn, Wait)
    return turn


def fill(waves: Waves, places: int) -> list[Load]:
    return [load(waves.enter(f"early{number}", V, places)) for number in range(places)]


def test_as_many_as_there_are_places_load_and_a_place_that_is_given_back_is_anothers(waves: Waves) -> None:
    loads = fill(waves, 2)
    assert [one.source for one in loads] == [CONTROLLER, CONTROLLER]
    late = wait(waves.enter("late", V, 2))
    assert (late.before, late.pause_s, late.first) == (0, 1, True)
    assert not wait(waves.enter("late", V, 2)).first
    waves.loaded("another ticket")
    later = wait(waves.enter("later", V, 2))
    assert later.before == 1
    assert waves.still(late.ticket, lambda _: ()) == Wait(before=0, pause_s=1, ticket=late.ticket)
    assert waves.still(late.ticket, lambda _: RELAYS) is None, "a relay has a place"
    waves.loaded(loads[0].ticket)
    assert waves.still(late.ticket, lambda _: ()) is None
    assert load(waves.enter("late", V, 2)).waited
    assert wait(waves.enter("later", V, 2)).before == 0
    waves.leave("early1")
    assert load(waves.enter("later", V, 2)).source == CONTROLLER


def test_who_came_last_gets_no_place_while_many_wait_longer_and_asks_less_often(waves: Waves) -> None:
    (first,) = fill(waves, 1)
    turns = [wait(waves.enter(f"node{number}", V, 1)) for number in range(200)]
    assert [one.before for one in turns] == list(range(200))
    assert turns[-1].pause_s > turns[1].pause_s
    waves.loaded(first.ticket)
    assert wait(waves.enter("node199", V, 1)).before == 199
    assert load(waves.enter("node1", V, 1)).waited


def test_nobody_waits_for_ever_and_a_place_is_nobodys_for_ever(waves: Waves, clock: Clock) -> None:
    fill(waves, 1)
    begin_s = clock.now_s
    while clock.now_s - begin_s <= LONGEST_S:
        waves.enter("early0", V, 1)  # it starts over again and again, and so keeps its place
        wait(waves.enter("late", V, 1))
        clock.now_s += 30.0
    assert load(waves.enter("late", V, 1)).waited
    clock.now_s += HOLD_S
    assert load(waves.enter("another", V, 1)).source == CONTROLLER
    assert waves.still("no ticket", lambda _: ()) is None


def test_a_long_queue_that_moves_is_not_let_in_all_at_once(waves: Waves, clock: Clock) -> None:
    loading = fill(waves, 1)
    for number in range(100):
        wait(waves.enter(f"node{number}", V, 1))
    for number in range(50):
        clock.now_s += LONGEST_S / 20
        waves.loaded(loading.pop().ticket)
        loading.append(load(waves.enter(f"node{number}", V, 1)))
        for other in range(number + 1, 100):
            wait(waves.enter(f"node{other}", V, 1))


def test_a_setting_that_is_changed_holds_for_those_that_wait_already(waves: Waves) -> None:
    fill(waves, 1)
    turns = [wait(waves.enter(f"node{number}", V, 1)) for number in range(10)]
    assert waves.still(turns[9].ticket, lambda _: ()) is not None
    waves.enter("another", V, 16)
    assert waves.still(turns[9].ticket, lambda _: ()) is None


def test_a_relay_that_nobody_reaches_is_left_out_until_some_time_has_passed(waves: Waves, clock: Clock) -> None:
    fill(waves, 0)
    out, good = RELAYS

    def sources() -> Counter[str]:
        """Where six nodes are sent; those that are sent to the first relay fail there."""
        loads = [load(waves.enter(f"node{number}", V, 9, RELAYS)) for number in range(6)]
        for one in loads:
            if one.source == out:
                assert waves.relay_failed(one.ticket)
            waves.loaded(one.ticket)
        return Counter(one.source for one in loads)

    assert sources()[out] == RELAY_LOADS
    assert sources() == {good: RELAY_LOADS, CONTROLLER: 6 - RELAY_LOADS}
    clock.now_s += HOLD_S
    assert sources()[out] == RELAY_LOADS


def test_a_relay_that_fails_now_and_then_is_good(waves: Waves) -> None:
    for _ in range(5):
        broken, whole = (load(waves.enter(node, V, 0, RELAYS[:1])) for node in ("broken", "whole"))
        assert waves.relay_failed(broken.ticket) == "broken"
        assert waves.relay_failed(broken.ticket) is None, "it loads from the controller already"
        waves.loaded(broken.ticket)
        assert whole.source == RELAYS[0]
        waves.loaded(whole.ticket)


def test_who_waits_and_is_not_heard_of_again_is_nobodys_hindrance(waves: Waves, clock: Clock) -> None:
    fill(waves, 1)
    for number in range(10):
        wait(waves.enter(f"gone{number}", V, 1))
    clock.now_s += HOLD_S
    assert not load(waves.enter("late", V, 1)).waited


def test_relays_are_loaded_evenly_before_the_controller(waves: Waves) -> None:
    sources = [load(waves.enter(f"node{number}", V, 1, RELAYS)).source for number in range(2 * RELAY_LOADS + 1)]
    assert Counter(sources) == {RELAYS[0]: RELAY_LOADS, RELAYS[1]: RELAY_LOADS, CONTROLLER: 1}
    assert sources[-1] == CONTROLLER
    wait(waves.enter("late", V, 1, RELAYS))


def test_nodes_become_relays_only_while_enough_wait_and_most_copy_from_relays(waves: Waves) -> None:
    fill(waves, 1)
    assert waves.copy("early0", V, []) is None
    for number in range(100):
        waves.enter(f"node{number}", V, 0)
    assert waves.copy("other", "another-version", []) is None
    copies = [load(waves.copy(f"booted{number}", V, [])).source for number in range(FIRST_COPIES)]
    assert copies == [CONTROLLER] * FIRST_COPIES
    assert waves.copy("one-more", V, []) is None, "the controller has others to serve"
    assert load(waves.copy("one-more", V, RELAYS)).source in RELAYS


def test_a_relay_is_known_while_it_says_so_and_until_it_is_withdrawn(clock: Clock) -> None:
    relays = Relays(clock)
    first, second = (Relay(node=str(one), name=f"node00{one}", version=V, url=RELAYS[one]) for one in (0, 1))
    relays.offer(first)
    relays.offer(second)
    assert relays.of(V, ASKER) == {RELAYS[0]: first, RELAYS[1]: second}
    assert relays.of("another-version", ASKER) == {}
    relays.withdraw("0")
    assert list(relays.of(V, ASKER)) == [RELAYS[1]]
    clock.now_s += GOOD_S
    assert relays.of(V, ASKER) == {}


def test_a_machine_is_sent_to_relays_of_its_own_family_only(clock: Clock) -> None:
    relays = Relays(clock)
    urls = {asker: relay_url(own, 7052, V) for asker, own in ((ASKER, "10.141.0.1"), ("fd00::9", "fd00::1"))}
    for url in urls.values():
        relays.offer(Relay(node=url, name="node001", version=V, url=url))
    for asker, url in urls.items():
        assert list(relays.of(V, asker)) == [url]


def test_a_relays_url_is_right_in_both_families() -> None:
    assert relay_url("10.141.0.1", 7052, "abc") == "http://10.141.0.1:7052/abc/"
    assert relay_url("fd00::1", 7052, "abc") == "http://[fd00::1]:7052/abc/"
