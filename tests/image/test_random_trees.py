import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from luna_core.image.compare import differences
from luna_core.image.pack import Packed
from luna_core.image.versions import private_file
from luna_core.node.unpack import Unpacker

NAMES = st.binary(min_size=1, max_size=12).map(lambda name: name.replace(b"/", b"_").replace(b"\0", b"0"))
PATHS = st.lists(NAMES.filter(lambda name: name not in (b".", b"..")), min_size=1, max_size=4)
TIMES = st.integers(-(2**31) * 10**9, 2**33 * 10**9)
CONTENTS = st.one_of(st.binary(max_size=300), st.integers(1, 400_000).map(lambda size: b"%d" % size * (size // 6)))
ENTRIES = st.fixed_dictionaries(
    {
        "path": PATHS,
        "kind": st.sampled_from(["file", "directory", "symlink", "link", "holes", "fifo", "device"]),
        "mode": st.integers(0, 0o7777),
        "owner": st.tuples(st.integers(0, 2**32 - 2), st.integers(0, 2**32 - 2)),
        "time_ns": TIMES,
        "content": CONTENTS,
        "xattrs": st.dictionaries(st.from_regex(r"[a-z=%.]{1,9}", fullmatch=True), st.binary(max_size=40), max_size=2),
        "target": st.binary(min_size=1, max_size=300).map(lambda target: target.replace(b"\0", b"0")),
    }
)


def make(root: bytes, entry: dict[str, object], files: list[bytes]) -> None:
    names: list[bytes] = entry["path"]  # type: ignore[assignment]
    path = b"/".join([root, *names])
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        make_one(path, entry, files)
    except (FileExistsError, NotADirectoryError):
        return
    for name, value in entry["xattrs"].items():  # type: ignore[attr-defined]
        os.setxattr(path, "trusted." + name, value, follow_symlinks=False)
    os.chown(path, *entry["owner"], follow_symlinks=False)  # type: ignore[misc]
    if entry["kind"] != "symlink":
        os.chmod(path, entry["mode"])  # type: ignore[arg-type]
    os.utime(path, ns=(entry["time_ns"],) * 2, follow_symlinks=False)  # type: ignore[arg-type]


def make_one(path: bytes, entry: dict[str, object], files: list[bytes]) -> None:
    content: bytes = entry["content"]  # type: ignore[assignment]
    match entry["kind"]:
        case "directory":
            os.mkdir(path)
        case "symlink":
            os.symlink(entry["target"], path)  # type: ignore[arg-type]
        case "fifo":
            os.mkfifo(path)
        case "device":
            os.mknod(path, 0o020600, os.makedev(len(content) % 4096, len(content)))
        case "link" if files:
            os.link(files[len(content) % len(files)], path)
        case kind:
            with open(path, "xb") as file:
                file.write(content)
                if kind == "holes":
                    file.seek(len(content) * 9)
                    file.write(content)
                    file.truncate(len(content) * 31)
            files.append(path)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=st.lists(ENTRIES, max_size=25), order=st.randoms(use_true_random=False))
def test_any_tree_comes_back(tmp_path: Path, packed: Callable[..., Packed], entries: list, order) -> None:  # type: ignore[no-untyped-def,type-arg]
    base = Path(tempfile.mkdtemp(dir=tmp_path))
    for name in ("tree", "root"):
        (base / name).mkdir()
    files: list[bytes] = []
    for entry in entries:
        make(os.fsencode(base / "tree"), entry, files)
    version = packed(base / "tree", base / "versions", shard_bytes=1 << 14)
    shards = [*version.manifest.shards, *version.manifest.shards]
    order.shuffle(shards)
    with Unpacker(base / "root", version.manifest, workers=2) as unpacker:
        for shard in shards:
            unpacker.offer(shard.name, version.directory / shard.name)
        if version.manifest.private:
            unpacker.offer_private(private_file(version.directory).read_bytes())
        assert unpacker.finish() == ()
    assert differences(base / "tree", base / "root") == []
    assert packed(base / "tree", base / "again", shard_bytes=1 << 14).manifest_sha256 == version.manifest_sha256
    shutil.rmtree(base)
