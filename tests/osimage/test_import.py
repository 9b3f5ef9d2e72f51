import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from luna_core.image.compare import differences

Site = Any
Files = dict[str, str | None]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A small system with everything that must be kept."""
    tree = tmp_path / "source"
    for name in ("etc", "usr/bin", "dev"):
        (tree / name).mkdir(parents=True)
    (tree / "etc/os-release").write_text("ID=fake\n")
    program = tree / "usr/bin/ping"
    program.write_text("#!/bin/sh\n")
    os.chown(program, 1000, 3_000_000_000)
    program.chmod(0o4755)
    os.setxattr(program, "security.capability", bytes.fromhex("0100000200200000000000000000000000000000"))
    os.setxattr(program, "user.note", b"\0\xff")
    os.link(program, tree / "usr/bin/ping6")
    os.mknod(tree / "dev/null", 0o020666, os.makedev(1, 3))
    with (tree / "sparse").open("wb") as file:
        file.seek(100 << 20)
        file.write(b"end")
    (tree / "absolute").symlink_to("/etc/os-release")
    os.utime(tree / "etc", ns=(10**9, 10**9))
    return tree


@pytest.mark.parametrize("kind", ["directory", "tar", "tar.gz", "tar.xz", "tar.zst"])
def test_a_tree_is_imported_as_it_is(site: Site, source: Path, tmp_path: Path, kind: str) -> None:
    given = source
    if kind != "directory":
        given = tmp_path / f"tree.{kind}"
        options = ("--xattrs", "--xattrs-include=*", "--acls", "--numeric-owner", "--sparse", "--format=posix")
        subprocess.run(["tar", "-c", "-a", "-f", given, "-C", source, *options, "."], check=True)
    done = site.done(f"osimage import compute --from {given}")
    assert str(site.tree) in done.out
    assert differences(source, site.tree) == []
    assert (site.tree / "sparse").stat().st_blocks < 100
    assert site.done("osimage show compute -o json").json["path"] == str(site.tree)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere", "which does not exist"),
        ("file.txt", "which is none of these"),
        ("empty", "accepted is what has /usr and /etc at its top. At its top are: nothing"),
        ("nested", "At its top are: rootfs"),
        ("cut.tar", "tar exited with status"),
    ],
)
def test_what_is_no_system_is_refused_and_leaves_nothing(site: Site, tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "file.txt").write_text("hello")
    (tmp_path / "empty").mkdir()
    (tmp_path / "nested/rootfs/etc").mkdir(parents=True)
    (tmp_path / "cut.tar").write_bytes(os.urandom(5000))
    refused = site(f"osimage import compute --from {tmp_path}/{name}")
    assert (refused.status != 0, said in refused.err) == (True, True), refused.err
    assert site.done("osimage list -o json").json == []
    trees = site.state / "trees"
    assert not trees.exists() or list(trees.iterdir()) == []


class Image:
    """Writes an OCI image layout."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.manifests: list[dict[str, Any]] = []
        (directory / "blobs/sha256").mkdir(parents=True)
        (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

    def blob(self, data: bytes, media_type: str, **more: Any) -> dict[str, Any]:
        digest = hashlib.sha256(data).hexdigest()
        (self.directory / "blobs/sha256" / digest).write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data), **more}

    def layer(self, files: Files, *members: tarfile.TarInfo, compress: Callable[[bytes], bytes] = bytes) -> Any:
        """A layer with these files; None makes a directory."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for name, text in files.items():
                info = tarfile.TarInfo(name)
                info.type, info.mode = (tarfile.DIRTYPE, 0o755) if text is None else (tarfile.REGTYPE, 0o644)
                info.size = len(text or "")
                archive.addfile(info, io.BytesIO((text or "").encode()))
            for info in members:
                archive.addfile(info)
        return self.blob(compress(buffer.getvalue()), "application/vnd.oci.image.layer.v1.tar")

    def image(self, *layers: Any, reference: str = "", architecture: str = "") -> None:
        text = json.dumps({"schemaVersion": 2, "layers": layers}).encode()
        more: dict[str, Any] = {"platform": {"architecture": architecture}} if architecture else {}
        if reference:
            more["annotations"] = {"org.opencontainers.image.ref.name": reference}
        self.manifests.append(self.blob(text, "application/vnd.oci.image.manifest.v1+json", **more))
        self.write(self.manifests)

    def write(self, manifests: list[dict[str, Any]]) -> None:
        (self.directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": manifests}))


@pytest.fixture
def oci(tmp_path: Path) -> Image:
    return Image(tmp_path / "layout")


BASE: Files = {
    "etc": None,
    "usr": None,
    "usr/old": "old",
    "etc/d": None,
    "etc/d/one": "1",
    "etc/d/two": "2",
    "opt": None,
}


def contents(tree: Path) -> dict[str, str]:
    return {str(path.relative_to(tree)): path.read_text() for path in sorted(tree.rglob("*")) if path.is_file()}


def test_upper_layers_add_replace_and_take_away(site: Site, oci: Image) -> None:
    oci.image(
        oci.layer({**BASE, "usr/was-a-directory": None, "usr/was-a-directory/x": "x"}, compress=gzip.compress),
        oci.layer(
            {"usr/.wh.old": "", "etc/d/.wh..wh..opq": "", "etc/d/three": "3", "usr/was-a-directory": "a file"},
            compress=zstandard.ZstdCompressor().compress,
        ),
        oci.layer({"etc/new": "new"}),
    )
    site.done(f"osimage import compute --from {oci.directory}")
    assert contents(site.tree) == {"etc/d/three": "3", "usr/was-a-directory": "a file", "etc/new": "new"}


def test_one_image_of_several_is_chosen(site: Site, oci: Image) -> None:
    oci.image(oci.layer({**BASE, "etc/which": "first"}), reference="1.0")
    oci.image(oci.layer({**BASE, "etc/which": "second"}), reference="2.0")
    refused = site(f"osimage import compute --from {oci.directory}")
    assert refused.status == 2
    assert f"accepted are {oci.directory}:1.0, {oci.directory}:2.0" in refused.err
    site.done(f"osimage import compute --from {oci.directory}:2.0")
    assert (site.tree / "etc/which").read_text() == "second"


def test_the_image_for_this_machine_is_chosen(site: Site, oci: Image) -> None:
    own = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    for architecture in ("s390x", own):
        oci.image(oci.layer({**BASE, "etc/for": architecture}), architecture=architecture)
    inner = json.dumps({"schemaVersion": 2, "manifests": oci.manifests}).encode()
    oci.write([oci.blob(inner, "application/vnd.oci.image.index.v1+json")])
    site.done(f"osimage import compute --from {oci.directory}")
    assert (site.tree / "etc/for").read_text() == own


def test_damaged_and_missing_blobs_are_named(site: Site, oci: Image) -> None:
    layer = oci.layer(BASE)
    oci.image(layer)
    blob = oci.directory / "blobs/sha256" / layer["digest"].removeprefix("sha256:")
    blob.write_bytes(blob.read_bytes()[:-1] + b"x")
    assert f"{blob} is damaged" in site(f"osimage import compute --from {oci.directory}").err
    blob.unlink()
    assert f"blob {layer['digest']} is missing" in site(f"osimage import compute --from {oci.directory}").err
    assert not site.tree.exists()


def test_a_layer_can_t_reach_out_of_the_tree(site: Site, oci: Image, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("precious")
    link = tarfile.TarInfo("etc/out")
    link.type, link.linkname = tarfile.SYMTYPE, str(outside)
    hard = tarfile.TarInfo("etc/hard")
    hard.type, hard.linkname = tarfile.LNKTYPE, "etc/out/precious"
    base = oci.layer(BASE, link)
    for upper in (
        oci.layer({"etc/out/precious": "gone"}),
        oci.layer({"etc/out/.wh.precious": ""}),
        oci.layer({"../../outside/precious": "gone"}),
        oci.layer({}, hard),
    ):
        oci.manifests = []
        oci.image(base, upper)
        refused = site(f"osimage import compute --from {oci.directory}")
        assert (refused.status, "would lead out of the tree" in refused.err) == (1, True), refused.err
        assert contents(outside) == {"precious": "precious"}
        assert not site.tree.exists()
