"""The tracker's protocol, byte by byte."""

from dataclasses import replace
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote_from_bytes

import pytest

from luna_core.testing import facts
from luna_core.types import Node
from luna_transport_torrent import bencode
from luna_transport_torrent.tracker import SESSION_NODE, Tracker

HASH = b"+&%\x00\xff" * 4
OTHER_HASH = b"o" * 20
NODE = replace(
    facts.node(),
    cluster=replace(facts.cluster(), frontend_addresses=(ip_address("10.0.0.254"), ip_address("fd00::fe"))),
)
SEEDERS = {("10.0.0.254", 6881), ("fd00::fe", 6881)}


class Client:
    """Asks a tracker as node number `number` of rack number `rack`."""

    def __init__(self, tracker: Tracker, number: int = 1, rack: int = 1, address: str = "") -> None:
        self.tracker = tracker
        self.node = replace(NODE, name=f"node{number}", switch=f"sw{rack}")
        self.settings: dict[str, Any] = {}
        self.address = address or f"10.0.{number >> 8}.{number & 255}"
        self.peer_id = f"-XX0000-{number:012}".encode()

    def ask(self, query: str, path: str = "/KEY/announce") -> dict[bytes, Any]:
        def session_node(key: str, address: str) -> Node | None:
            node = replace(self.node, cluster=replace(self.node.cluster, settings=self.settings))
            return node if key == "KEY" and address == self.address.removeprefix("::ffff:") else None

        environ = {"PATH_INFO": path, "QUERY_STRING": query, "REMOTE_ADDR": self.address, SESSION_NODE: session_node}
        said: list[Any] = []
        body = b"".join(self.tracker(environ, lambda *given: said.extend(given)))
        assert said[0] == "200 OK"
        assert ("Content-Length", str(len(body))) in said[1]
        answer = bencode.decode(body)
        assert isinstance(answer, dict)
        return answer

    def announce(self, extra: str = "", info_hash: bytes = HASH, left: int = 100) -> dict[bytes, Any]:
        hashes = f"info_hash={quote_from_bytes(info_hash)}&peer_id={quote_from_bytes(self.peer_id)}"
        return self.ask(f"{hashes}&port=6881&uploaded=0&downloaded=0&left={left}&compact=1{extra}")

    def refusal(self, *args: Any, **more: Any) -> str:
        answer = self.announce(*args, **more)
        assert list(answer) == [b"failure reason"]
        return str(answer[b"failure reason"].decode())


def peers(answer: dict[bytes, Any]) -> set[tuple[str, int]]:
    found = set()
    for key, size in ((b"peers", 4), (b"peers6", 16)):
        packed = answer[key]
        for place in range(0, len(packed), size + 2):
            address = ip_address(packed[place : place + size])
            found.add((str(address), int.from_bytes(packed[place + size : place + size + 2], "big")))
    return found


@pytest.fixture
def tracker() -> Tracker:
    return Tracker(lambda: frozenset({HASH}))


def test_a_node_that_has_all_it_wants_counts_as_complete(tracker: Tracker) -> None:
    """A version has shards for each kind of root, so that no node ever has all of it."""
    answer = Client(tracker, 1).announce("&event=paused", left=100)
    assert (answer[b"complete"], answer[b"incomplete"]) == (1, 0)
    assert peers(answer) == set(), "it needs nobody"
    assert ("10.0.0.1", 6881) in peers(Client(tracker, 2).announce())


def test_a_node_learns_of_the_seeder_and_of_others_but_never_of_itself(tracker: Tracker) -> None:
    first, second = Client(tracker, 1), Client(tracker, 2, address="fd00::2")
    assert peers(first.announce()) == SEEDERS
    assert peers(first.announce()) == SEEDERS
    assert peers(second.announce()) == SEEDERS | {("10.0.0.1", 6881)}
    answer = first.announce()
    assert peers(answer) == SEEDERS | {("fd00::2", 6881)}
    assert (answer[b"interval"], answer[b"complete"], answer[b"incomplete"]) == (5, 0, 2)


def test_a_node_that_is_done_is_told_only_of_those_that_are_not(tracker: Tracker) -> None:
    done, also_done, fetching = Client(tracker, 1), Client(tracker, 2), Client(tracker, 3)
    also_done.announce(left=0)
    fetching.announce()
    assert peers(done.announce("&event=completed", left=0)) == {("10.0.0.3", 6881)}
    assert peers(fetching.announce()) == SEEDERS | {("10.0.0.1", 6881), ("10.0.0.2", 6881)}


def test_a_node_that_stops_is_forgotten_at_once_and_a_silent_one_later() -> None:
    now_s = 0.0
    tracker = Tracker(lambda: frozenset({HASH}), lambda: now_s)
    asker = Client(tracker, 1)
    for number in (2, 3):
        Client(tracker, number).announce()
    assert Client(tracker, 2).announce("&event=stopped")[b"peers"] == b""
    assert peers(asker.announce()) == SEEDERS | {("10.0.0.3", 6881)}
    now_s = 30.0
    assert peers(asker.announce()) == SEEDERS


def test_the_old_form_of_peers(tracker: Tracker) -> None:
    Client(tracker, 2).announce()
    hashes = f"info_hash={quote_from_bytes(HASH)}&peer_id={quote_from_bytes(b'x' * 20)}"
    answer = Client(tracker, 1).ask(f"{hashes}&port=1&left=1&compact=0")
    assert {b"peer id": b"-XX0000-000000000002", b"ip": b"10.0.0.2", b"port": 6881} in answer[b"peers"]


def test_an_ipv4_node_on_an_ipv6_socket_is_an_ipv4_peer(tracker: Tracker) -> None:
    Client(tracker, 1, address="::ffff:10.9.9.9").announce()
    assert ("10.9.9.9", 6881) in peers(Client(tracker, 2).announce())


def test_only_sessions_are_answered(tracker: Tracker) -> None:
    client = Client(tracker)
    for path in ("/WRONG/announce", "/announce", "/", "", "//announce", "/KEY%00/announce"):
        assert b"key of a boot session" in client.ask("", path)[b"failure reason"]
    client.address = "10.0.0.1"
    assert b"announce and scrape" in client.ask("", "/KEY/other")[b"failure reason"]
    environ = {"PATH_INFO": "/KEY/announce", "REMOTE_ADDR": "10.0.0.1"}
    assert b"failure reason" in b"".join(tracker(environ, lambda *_: None))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "info_hash"),
        ("info_hash=short", "info_hash"),
        (f"info_hash={'a' * 20}&info_hash={'a' * 20}", "info_hash"),
        (f"info_hash={'a' * 20}", "published"),
        ("{h}", "peer_id"),
        ("{h}&peer_id=x", "peer_id"),
        ("{h}{p}", "port"),
        ("{h}{p}&port=0", "port"),
        ("{h}{p}&port=65536", "port"),
        ("{h}{p}&port=-1", "port"),
        ("{h}{p}&port=" + "9" * 5000, "port"),
        ("{h}{p}&port=%D9%A1", "port"),
        ("{h}{p}&port=1&left=x", "left"),
        ("{h}{p}&port=1&left=-5", "left"),
        ("{h}{p}&port=1&numwant=x", "numwant"),
        ("{h}{p}&port=1&event=dancing", "event"),
    ],
)
def test_what_is_wrong_is_said(tracker: Tracker, query: str, reason: str) -> None:
    query = query.replace("{h}", f"info_hash={quote_from_bytes(HASH)}").replace("{p}", f"&peer_id={'p' * 20}")
    assert reason in Client(tracker).ask(query)[b"failure reason"].decode()


def test_a_withdrawn_version_is_forgotten() -> None:
    known = {HASH, OTHER_HASH}
    tracker = Tracker(lambda: frozenset(known))
    client = Client(tracker)
    client.announce()
    known.remove(HASH)
    assert "published" in client.refusal()
    client.announce(info_hash=OTHER_HASH)
    known.add(HASH)
    assert client.announce()[b"incomplete"] == 1


def test_scrape_counts(tracker: Tracker) -> None:
    Client(tracker, 1).announce("&event=completed", left=0)
    for number in (2, 3):
        Client(tracker, number).announce()
    query = f"info_hash={quote_from_bytes(HASH)}&info_hash={quote_from_bytes(OTHER_HASH)}"
    answer = Client(tracker).ask(query, "/KEY/scrape")
    assert answer == {b"files": {HASH: {b"complete": 1, b"incomplete": 2, b"downloaded": 1}}}


def test_numwant_is_heeded_up_to_fifty(tracker: Tracker) -> None:
    for number in range(1, 101):
        Client(tracker, number).announce()
    asker = Client(tracker, 200)
    assert asker.announce("&numwant=0")[b"peers"] == b""
    assert len(peers(asker.announce("&numwant=7")) - SEEDERS) == 7
    assert len(peers(asker.announce("&numwant=5000")) - SEEDERS) == 50


def near(addresses: set[tuple[str, int]], rack: int) -> set[tuple[str, int]]:
    return {one for one in addresses - SEEDERS if int(one[0].split(".")[3]) % 10 == rack}


def in_rack(addresses: set[tuple[str, int]], rack: int) -> int:
    return len(near(addresses, rack))


def test_only_an_eighth_of_a_rack_fetches_from_elsewhere_and_a_few_have_one_far_peer(tracker: Tracker) -> None:
    racks = {number: Client(tracker, number, rack=number % 10) for number in range(1, 201)}
    for client in racks.values():
        client.announce()
    told = {number: peers(client.announce()) for number, client in racks.items() if number % 10 == 7}
    leaders = {(f"10.0.0.{number}", 6881) for number in range(1, 21)}
    far = {number: one - SEEDERS - near(one, 7) for number, one in told.items()}
    assert [number for number in told if told[number] & SEEDERS] == [7, 17]
    # Those of the others, which have the seeder too: that is how the racks hang together.
    assert far[7] == far[17] == leaders - near(leaders, 7)
    assert [len(far[number]) for number in (27, 37, 47)] == [1, 1, 1], "the first may be slow"
    assert not any(far[number] for number in range(57, 201, 10)), "nobody far away"
    assert all(in_rack(one, 7) == 19 for one in told.values())
    assert not any(racks[number].announce("&numwant=0")[b"peers"] for number in told)


def test_another_takes_the_place_of_a_rack_s_first_that_left(tracker: Tracker) -> None:
    racks = {number: Client(tracker, number, rack=number % 2) for number in range(1, 21)}
    for client in racks.values():
        client.announce()
    assert not peers(racks[3].announce()) & SEEDERS
    racks[1].announce("&event=stopped")
    assert peers(racks[3].announce()) >= SEEDERS | {("10.0.0.2", 6881)}


def test_another_takes_the_place_of_a_rack_s_first_that_is_slow_unless_the_rack_is() -> None:
    now_s = 0.0
    tracker = Tracker(lambda: frozenset({HASH}), lambda: now_s)
    clients = {number: Client(tracker, number, rack=number % 2) for number in range(1, 13)}
    slow = {1, *range(2, 13, 2)}  # the first of one rack, and the other rack as a whole

    def announce_all() -> dict[int, set[tuple[str, int]]]:
        left = {number: 10_000 - int(now_s) * (10 if number in slow else 100) for number in clients}
        return {number: peers(client.announce(left=left[number])) for number, client in clients.items()}

    announce_all()
    now_s = 5.0
    announce_all()
    told = announce_all()
    assert [number for number in told if told[number] & SEEDERS] == [1, 2]
    now_s = 10.0
    announce_all()
    told = announce_all()
    assert [number for number in told if told[number] & SEEDERS] == [2, 3]
    assert told[1] == {(f"10.0.0.{number}", 6881) for number in range(3, 13, 2)}, "its neighbours only"
    assert ("10.0.0.3", 6881) in told[2]


def test_places_don_t_matter_where_that_is_set(tracker: Tracker) -> None:
    for number in range(1, 21):
        client = Client(tracker, number, rack=number % 2)
        client.settings = {"torrent.near_share": 0.0}
        answer = client.announce()
    assert peers(answer) == SEEDERS | {(f"10.0.0.{number}", 6881) for number in range(1, 20)}


def test_in_a_large_swarm_the_controller_serves_few_and_is_asked_less_often(tracker: Tracker) -> None:
    for number in range(1, 1001):
        Client(tracker, number, rack=number % 10).announce("&numwant=0")
    answers = [Client(tracker, number).announce("&numwant=1") for number in range(1, 1001, 5)]
    with_seeder = sum(bool(SEEDERS & peers(answer)) for answer in answers)
    assert 3 <= with_seeder <= 30
    assert answers[0][b"interval"] == 10
