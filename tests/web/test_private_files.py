"""Private files leave the controller in a live boot session of the node only."""

import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from luna_core.image.compare import differences
from luna_core.image.pack import Packed, Source, pack
from luna_core.model import ImageVersion, Node, OsImage
from luna_core.node.fetch import fetch
from luna_core.node.job import Endpoint, Job
from luna_core.operations.objects import add, change

FIRST = "52:54:00:00:00:01"


@pytest.fixture
def version(server: Any) -> Packed:
    """A version in force that has a shadow file."""
    state = server.luna.settings.state_directory
    shadow = state / "tree/etc/shadow"
    shadow.write_text("root:$y$j9T$salt$hash:20000:0:99999:7:::\n")
    shadow.chmod(0o640)
    boot = {name: state / name for name in ("kernel", "initramfs")}
    packed = pack(
        Source(image="compute", tree=state / "tree", distro="fake", kernel_release="6.1.0", **boot), state / "images"
    )
    fields = {"osimage": "compute", "number": 2, "manifest_sha256": packed.manifest_sha256, "size_bytes": 1}
    server.luna.change(lambda work: add(work, ImageVersion, "compute-2", fields), "pack")
    server.luna.change(lambda work: change(work, OsImage, "compute", {"latest": 2}), "pack")
    return packed


@pytest.fixture
def token(server: Any, version: Packed) -> str:
    server.luna.change(lambda work: change(work, Node, "node001", {"boot_address": "dhcp"}), "use the client's address")
    server.neighbours["127.0.0.1"] = FIRST
    status, script = get(f"{server.url}/boot/discovery?{urlencode({'booted': FIRST, 'mac': FIRST})}")
    assert status == 200, script
    return re.search(rb"luna\.session=(\S+)", script)[1].decode()  # type: ignore[index]


@pytest.fixture
def files(server: Any) -> Iterator[str]:
    """What a careless transport offers: all of every version's directory."""
    directory = str(server.luna.settings.state_directory / "images")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=directory)) as running:
        threading.Thread(target=running.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()


def get(url: str, token: str = "") -> tuple[int, bytes]:
    request = Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        return error.code, error.read()


def test_nobody_else_gets_them(server: Any, version: Packed, token: str) -> None:
    url = f"{server.url}/boot/private"
    status, archive = get(url, token)
    assert (status, len(archive)) == (200, version.manifest.private.size_bytes)  # type: ignore[union-attr]
    for wrong in ("", "wrong", token[:-1]):
        assert get(url, wrong)[0] == 403
    assert get(f"{server.url}/boot/files/../../images/.private/{version.manifest_sha256}")[0] in (403, 404)
    finished = urlencode({"node": "node001", "phase": "finish", "status": "done"}).encode()
    urlopen(Request(f"{server.url}/boot/status", finished, {"Authorization": f"Bearer {token}"}))
    assert get(url, token)[0] == 403


def test_a_node_gets_them_with_its_image(server: Any, version: Packed, token: str, files: str, tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "token").write_text(token)
    job = Job(
        node="node001",
        report_url=f"{server.url}/boot/progress",
        private_url=f"{server.url}/boot/private",
        token_file=tmp_path / "token",
        manifest_sha256=version.manifest_sha256,
        root=tmp_path / "root",
        work_directory=tmp_path / "work",
        endpoints=(Endpoint(transport="http", url=f"{files}{version.manifest_sha256}/"),),
    )
    fetch(job)
    assert differences(server.luna.settings.state_directory / "tree", tmp_path / "root") == []
    assert not list((tmp_path / "work").rglob("*private*"))


def test_a_version_that_comes_in_force_after_the_boot_began_is_the_one_that_is_given(
    server: Any, version: Packed, token: str
) -> None:
    server.luna.change(lambda work: change(work, Node, "node001", {"image_version": 1}), "an older version")
    assert get(f"{server.url}/boot/private", token)[0] == 200
    status, script = get(f"{server.url}/boot/install?node=node001", token)
    assert (status, version.manifest_sha256.encode() in script) == (200, False)
    assert get(f"{server.url}/boot/private", token)[0] == 404, "version 1 has no private files"
