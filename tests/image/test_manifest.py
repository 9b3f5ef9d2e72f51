import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from luna_core.image.pack import Packed
from luna_core.node.errors import UnpackError
from luna_core.node.manifest import Package, parse_manifest, plan

Pack = Callable[..., Packed]


def test_it_reads_back_as_it_was(many: Path, packed: Pack) -> None:
    packages = [Package(name="zstd", version="1.5.4"), Package(name="bash", version="5.2")]
    manifest = packed(many, packages=packages).manifest
    assert parse_manifest(manifest.to_bytes(), manifest.sha256) == manifest
    assert [package.name for package in manifest.packages] == ["bash", "zstd"]
    assert manifest.entries == 1041


def test_another_hash_than_pinned_is_refused(many: Path, packed: Pack) -> None:
    data = packed(many).manifest.to_bytes()
    with pytest.raises(UnpackError, match=r"has SHA-256 [0-9a-f]{64}, not the pinned 0{64}\."):
        parse_manifest(data, "0" * 64)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.update(format=1), "has format 1; this luna reads format 2"),
        (lambda m: m.pop("shards"), "can't be understood: KeyError('shards')"),
        (lambda m: m["kernel"].update(name="../kernel"), "names '../kernel'"),
        (lambda m: m["shards"][0].update(name="/etc/passwd"), "names '/etc/passwd'"),
        (lambda m: m["shards"][0].update(name="kernel"), "gives one name to two files"),
        (lambda m: m["shards"][0].update(kind="secrets"), "'secrets' is not a valid Kind"),
        (lambda m: m["shards"][0].update(more=1), "unexpected keyword argument 'more'"),
    ],
)
def test_what_is_wrong_with_it_is_told(
    many: Path, packed: Pack, change: Callable[[dict[str, object]], object], message: str
) -> None:
    document = json.loads(packed(many).manifest.to_bytes())
    change(document)
    with pytest.raises(UnpackError, match=re.escape(message)):
        parse_manifest(json.dumps(document).encode())


def test_the_plan_leaves_out_what_is_at_hand(many: Path, packed: Pack) -> None:
    manifest = packed(many).manifest
    have = {shard.sha256 for shard in manifest.shards[::2]}
    assert plan(manifest, have) == list(manifest.shards[1::2])


def test_every_field_is_documented(many: Path, packed: Pack) -> None:
    page = (Path(__file__).parents[2] / "docs/reference/manifest.md").read_text()
    document = json.loads(packed(many, packages=[Package(name="a", version="1")]).manifest.to_bytes())
    fields = {*document, *document["shards"][0], *document["kernel"], *document["packages"][0]}
    assert {field for field in fields if f"`{field}`" not in page} == set()
