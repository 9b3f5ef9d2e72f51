"""The password of a BMC leaves the controller in a live boot session of its node only, and only to set it up."""

import re
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from luna_core.model import BmcSetup, Node
from luna_core.operations import Work
from luna_core.operations.objects import add, change

FIRST = "52:54:00:00:00:01"
PASSWORD = "s3cret"


@pytest.fixture
def token(server: Any) -> str:
    """The token of a boot of node001, whose BMC is to be set up."""

    def operation(work: Work) -> None:
        add(work, BmcSetup, "default", {"password": server.luna.keyring.encrypt(PASSWORD)})
        change(work, Node, "node001", {"boot_address": "dhcp", "bmcsetup": "default"})

    server.luna.change(operation, "a BMC")
    server.neighbours["127.0.0.1"] = FIRST
    status, script = get(f"{server.url}/boot/discovery?{urlencode({'booted': FIRST, 'mac': FIRST})}")
    assert status == 200, script
    return re.search(r"luna\.session=(\S+)", script)[1]  # type: ignore[index]


def get(url: str, token: str = "") -> tuple[int, str]:
    request = Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def test_it_comes_as_the_bytes_that_ipmi_takes(server: Any, token: str) -> None:
    status, text = get(f"{server.url}/boot/bmc", token)
    assert (status, bytes(int(word, 16) for word in text.split())) == (200, PASSWORD.encode().ljust(16, b"\0"))
    longer = "0123456789abcdefg"
    change_setup(server, password=server.luna.keyring.encrypt(longer))
    assert len(get(f"{server.url}/boot/bmc", token)[1].split()) == 20
    change_setup(server, password=server.luna.keyring.encrypt(longer * 2))
    status, text = get(f"{server.url}/boot/bmc", token)
    assert (status, "at most 20 bytes" in text, longer in text) == (400, True, False)


def test_nobody_else_gets_it(server: Any, token: str) -> None:
    for wrong in ("", "wrong", token[:-1]):
        assert get(f"{server.url}/boot/bmc", wrong)[0] == 403
    finished = urlencode({"node": "node001", "phase": "finish", "status": "done"}).encode()
    urlopen(Request(f"{server.url}/boot/status", finished, {"Authorization": f"Bearer {token}"}))
    assert get(f"{server.url}/boot/bmc", token)[0] == 403


def test_a_node_that_sets_nothing_up_gets_none_and_has_no_such_phase(server: Any, token: str) -> None:
    install = f"{server.url}/boot/install?node=node001"
    assert "luna_phase setupbmc" in get(install, token)[1]
    assert PASSWORD not in get(install, token)[1]
    change_setup(server, setup=False)
    assert "luna_phase setupbmc" not in get(install, token)[1]
    assert get(f"{server.url}/boot/bmc", token)[0] == 400


def change_setup(server: Any, **fields: object) -> None:
    server.luna.change(lambda work: change(work, BmcSetup, "default", fields), "BMC")
