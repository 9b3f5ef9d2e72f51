"""Torrents and bencoding, against libtorrent's own."""

import libtorrent
import pytest
from hypothesis import given
from hypothesis import strategies as some

from luna_transport_torrent import bencode
from luna_transport_torrent.node.session import HOME, home_priorities
from luna_transport_torrent.publishing import piece_bytes

VALUES = some.recursive(
    some.binary() | some.integers(-(2**63), 2**63 - 1),
    lambda inner: some.lists(inner) | some.dictionaries(some.binary(), inner),
)


@given(VALUES)
def test_bencoding_is_what_libtorrent_makes_of_it(value: bencode.Value) -> None:
    encoded = bencode.encode(value)
    assert encoded == libtorrent.bencode(value)
    assert bencode.decode(encoded) == value


@pytest.mark.parametrize(
    "data",
    [b"", b"i", b"i5", b"ie", b"5:ab", b"l", b"li1e", b"d1:ae", b"di1ei2ee", b"i1ei2e", b"-1:a", b"x", b"l" * 9999],
)
def test_what_is_not_bencoding_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        bencode.decode(data)


@pytest.mark.parametrize(("megabytes", "pieces"), [(1, 16), (50, 400), (300, 300), (1000, 500), (4000, 1000)])
def test_an_image_has_hundreds_of_pieces_unless_it_is_very_small_or_large(megabytes: int, pieces: int) -> None:
    total = megabytes << 20
    assert abs(total / piece_bytes({"shard": total}) - pieces) <= pieces * 0.05


@given(pieces=some.integers(1, 3000), count=some.integers(1, 40))
def test_every_piece_is_at_home_on_one_node(pieces: int, count: int) -> None:
    priorities = [home_priorities([True] * pieces, index, count) for index in range(count)]
    for of_piece in zip(*priorities, strict=True):
        assert of_piece.count(HOME) == 1
    sizes = [one.count(HOME) for one in priorities]
    assert max(sizes) - min(sizes) <= 1
