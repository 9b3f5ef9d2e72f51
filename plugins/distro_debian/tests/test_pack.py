"""A true Debian: imported, packed, changed, packed again, unpacked as a node does, rolled back."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from hashlib import shake_128
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from luna_core.image.versions import load_version, private_file
from luna_core.node.unpack import Unpacker
from luna_core.run import run
from luna_core.testing import facts
from luna_distro_debian.plugin import luna_postscripts

pytestmark = pytest.mark.timeout(1800)
TRANSPORT = "from luna_core.testing.fake_transport import *\n"
Luna = Callable[..., str]


@pytest.fixture
def luna(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Luna:
    for name in ("LUNA_STORE", "LUNA_CONFIG", "LUNA_DEBUG", "LUNA_KEY_FILE", "LUNA_NO_PLUGINS"):
        monkeypatch.delenv(name, raising=False)
    others = {point.name for point in entry_points(group="luna.plugins")} - {"distro_debian"}
    monkeypatch.setenv("LUNA_DISABLE_PLUGINS", ",".join(others))
    monkeypatch.setenv("LUNA_STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setenv("LUNA_PLUGIN_DIRECTORY", str(tmp_path / "plugins"))
    (tmp_path / "state").mkdir()
    (tmp_path / "plugins").mkdir(mode=0o755)
    (tmp_path / "plugins/offers.py").write_text(TRANSPORT)

    def call(line: str) -> str:
        command = [str(Path(sys.executable).with_name("luna")), *line.split()]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, f"{line}: {done.stderr}"
        return done.stdout

    call("cluster init --frontend-address 10.141.255.254")
    call(f"settings set fake.directory {tmp_path}/offered")
    call("settings set image.initramfs_level 3")
    return call


def pack(luna: Luna) -> Any:
    return json.loads(luna("osimage pack compute -o json"))


def unpack(version: Path, root: Path) -> None:
    manifest = load_version(version)
    root.mkdir()
    with Unpacker(root, manifest, workers=2) as unpacker:
        for shard in manifest.shards:
            unpacker.offer(shard.name, version / shard.name)
        assert manifest.private is not None
        unpacker.offer_private(private_file(version).read_bytes())
        assert unpacker.finish() == ()


def test_a_debian_from_its_tree_to_a_node_s_root(luna: Luna, debian_tree: Path, tmp_path: Path) -> None:
    luna(f"osimage import compute --from {debian_tree}")
    tree = tmp_path / "state/trees/compute"
    (tree / "etc/ssh/ssh_host_rsa_key").write_text("a key that must not be cloned")
    (tree / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    (tree / "var/lib/systemd/random-seed").write_bytes(b"seed")
    (tree / "etc/hostname").write_text("golden\n")
    first = pack(luna)
    assert (first["version"], first["is_new"]) == (1, True)

    again = pack(luna)
    assert (again["manifest_sha256"], again["is_new"]) == (first["manifest_sha256"], False)

    (tree / "usr/bin/site-tool").write_bytes(shake_128(b"tool").digest(100_000))
    seen = json.loads(luna("osimage pack compute --dry-run -o json"))
    assert 0 < seen["new_shards"] < seen["shards"] / 10
    second = pack(luna)
    assert (second["version"], second["manifest_sha256"] != first["manifest_sha256"]) == (2, True)
    images = tmp_path / "state/images"
    old, new = (load_version(images / one["manifest_sha256"]) for one in (first, second))
    shared = {shard.sha256 for shard in old.shards} & {shard.sha256 for shard in new.shards}
    assert len(shared) > 0.9 * len(old.shards)
    assert ("luna-test-site", "1.0") in {(one.name, one.version) for one in new.packages}

    root = tmp_path / "root"
    unpack(images / second["manifest_sha256"], root)
    assert not list((root / "etc/ssh").glob("ssh_host_*"))
    assert (root / "etc/machine-id").read_bytes() == b""
    assert not (root / "var/lib/systemd/random-seed").exists()
    assert not (root / "etc/hostname").exists()
    assert (root / "usr/bin/site-tool").read_bytes() == (tree / "usr/bin/site-tool").read_bytes()
    makes_its_own_host_keys(root)

    luna("osimage version rollback compute 1")
    assert json.loads(luna("osimage show compute -o json"))["latest"] == 1
    assert luna("osimage version verify compute") == "Every file is as it was packed.\n"
    assert not [name for name in os.listdir(images) if name.startswith(".unfinished")]


def makes_its_own_host_keys(root: Path) -> None:
    image = facts.image(root, distro="debian")
    (script,) = luna_postscripts(image, facts.node())
    assert script.stage == "chroot"
    keys: dict[str, bytes] = {}
    for _ in range(2):
        run(["chroot", root, "/bin/sh", "-eu"], stdin=script.text)
        found = {path.name: path.read_bytes() for path in (root / "etc/ssh").glob("ssh_host_*_key")}
        assert set(found) == {f"ssh_host_{kind}_key" for kind in ("ed25519", "ecdsa")}
        assert keys in ({}, found), "keys that are there stay"
        keys = found
