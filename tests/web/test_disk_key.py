"""The key of a node's disks is made once, and leaves the controller in a live boot session of that node only."""

import re
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from luna_core.model import Node
from luna_core.operations import history
from luna_core.operations.objects import change

FIRST = "52:54:00:00:00:01"
SCRATCH = {"name": "scratch", "size": "rest", "format": "xfs", "mount": "/scratch", "encrypt": "key"}
LAYOUT = {"disks": {"one": {"first": True, "partitions": [SCRATCH]}}}


@pytest.fixture
def token(server: Any) -> str:
    """The token of a boot of node001, of whose disks a part is encrypted."""
    give(server, boot_address="dhcp", disks=LAYOUT)
    server.neighbours["127.0.0.1"] = FIRST
    status, script = get(f"{server.url}/boot/discovery?{urlencode({'booted': FIRST, 'mac': FIRST})}")[:2]
    assert status == 200, script
    return re.search(r"luna\.session=(\S+)", script)[1]  # type: ignore[index]


def give(server: Any, **fields: object) -> None:
    server.luna.change(lambda work: change(work, Node, "node001", fields), "values")


def get(url: str, token: str = "") -> tuple[int, str, str]:
    """Status, text and what may be cached."""
    request = Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode(), answer.headers.get("Cache-Control", "")
    except HTTPError as error:
        return error.code, error.read().decode(), ""


def test_it_is_made_once_kept_encrypted_and_told_to_the_history(server: Any, token: str) -> None:
    status, key, cached = get(f"{server.url}/boot/disk-key", token)
    assert (status, bool(re.fullmatch("[0-9a-f]{64}", key)), cached) == (200, True, "no-store")
    assert get(f"{server.url}/boot/disk-key", token)[1] == key
    stored, entries = server.luna.read(lambda work: (work.get(Node, "node001").disk_key, history.entries(work)))
    assert key not in stored
    assert server.luna.keyring.decrypt(stored) == key
    assert [one.what for one in entries].count("key of the disks of node001") == 1


def test_one_that_was_given_is_used(server: Any, token: str) -> None:
    give(server, disk_key=server.luna.keyring.encrypt("s3cret"))
    assert get(f"{server.url}/boot/disk-key", token)[1] == "s3cret"


def test_nobody_else_gets_it(server: Any, token: str) -> None:
    for wrong in ("", "wrong", token[:-1]):
        assert get(f"{server.url}/boot/disk-key", wrong)[0] == 403
    assert server.luna.read(lambda work: work.get(Node, "node001").disk_key) is None, "and none is made for them"
    finished = urlencode({"node": "node001", "phase": "finish", "status": "done"}).encode()
    urlopen(Request(f"{server.url}/boot/status", finished, {"Authorization": f"Bearer {token}"}))
    assert get(f"{server.url}/boot/disk-key", token)[0] == 403


def test_a_node_that_encrypts_nothing_gets_none_and_asks_for_none(server: Any, token: str) -> None:
    install = f"{server.url}/boot/install?node=node001"
    key = get(f"{server.url}/boot/disk-key", token)[1]
    script = get(install, token)[1]
    assert "/boot/disk-key" in script
    assert key not in script
    plain = {key: value for key, value in SCRATCH.items() if key != "encrypt"}
    give(server, disks={"disks": {"one": {"first": True, "partitions": [plain]}}})
    assert "/boot/disk-key" not in get(install, token)[1]
    status, said, _ = get(f"{server.url}/boot/disk-key", token)
    assert (status, "nothing of its layout is encrypted" in said) == (400, True)
