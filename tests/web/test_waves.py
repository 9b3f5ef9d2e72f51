"""Nodes wait for their turn, and load from nodes that relay, over real HTTP."""

import json
import math
import re
from functools import partial
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from luna_core.boot import trace
from luna_core.boot.sessions import boots
from luna_core.boot.why import why
from luna_core.model import Node
from luna_core.model.boot import BootSession
from luna_core.operations.configure import set_setting
from luna_core.operations.interfaces import set_mac
from luna_core.operations.nodes import states
from luna_core.operations.objects import change
from luna_core.operations.work import Work
from luna_core.settings import CORE_SETTINGS
from luna_core.testing.delivery import wait_until

MACS = {"node001": "52:54:00:00:00:01", "node002": "52:54:00:00:00:02", "node003": "52:54:00:00:00:03"}
PORT = 7052


@pytest.fixture
def cluster(server: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Three nodes behind this machine's address, of which one at a time may load; however slow it is."""
    for limit in ("waves.HOLD_S", "waves.SILENT_S", "waves.LONGEST_S", "relays.GOOD_S"):
        monkeypatch.setattr(f"luna_core.boot.{limit}", math.inf)
    for name, mac in MACS.items():
        server.luna.change(partial(_prepare, name=name, mac=mac), "test")
    configure(server, "boot.wave", 1)
    return server


def _prepare(work: Work, name: str, mac: str) -> None:
    change(work, Node, name, {"boot_address": "dhcp"})
    if name != "node001":
        set_mac(work, name, "BOOTIF", mac)


def configure(server: Any, name: str, value: object) -> None:
    server.luna.change(partial(set_setting, declared=CORE_SETTINGS, name=name, given=value), "test")


def discover(server: Any, name: str) -> str:
    server.neighbours["127.0.0.1"] = MACS[name]
    status, script = server.get("/boot/discovery", booted=MACS[name], mac=MACS[name])
    assert status == 200, script
    return str(script)


def token_in(script: str) -> str:
    found = re.search(r"luna\.session=(\S+)", script)
    assert found, script
    return found[1]


def tell_loaded(server: Any, script: str) -> None:
    found = re.search(r"http://\S+(/boot/loaded/\S+) && imgfree loaded", script)
    assert found, script
    assert server.get(found[1])[0] == 200


def ask_again(server: Any, script: str) -> str:
    """What the node is told that waits as its script says."""
    found = re.search(r"chain --replace --autofree http://[^/]+(/boot/turn/\S+) ", script)
    assert found, script
    status, text = server.get(found[1])
    assert status == 200
    return str(text)


def ask(server: Any, path: str, token: str, form: dict[str, str] | None = None, **query: str | int) -> tuple[int, str]:
    request = Request(f"{server.url}{path}?{urlencode(query)}", data=urlencode(form).encode() if form else None)
    request.add_header("Authorization", f"Bearer {token}")
    try:
        with urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def relay(server: Any, token: str, **query: str | int) -> dict[str, Any]:
    status, text = ask(server, "/boot/relay", token, **query)
    assert status == 200, text
    said: dict[str, Any] = json.loads(text)
    return said


def boot(server: Any, name: str) -> BootSession:
    found: BootSession = server.luna.read(lambda work: boots(work, work.get(Node, name), limit=1))[0]
    return found


def state(server: Any, name: str) -> str:
    known: str = server.luna.read(lambda work: states(work)[work.get(Node, name).id])
    return known


def test_a_node_waits_while_others_load_and_why_and_watch_say_so(cluster: Any) -> None:
    first = discover(cluster, "node001")
    second = discover(cluster, "node002")
    third = discover(cluster, "node003")
    assert "echo luna: this is node003; others load kernel and initramfs first, as 'luna why node003' says" in third
    assert "echo luna: waiting for 1 others\nsleep 1\n" in third
    assert "luna.session" not in third
    assert "waiting for 1 others" in ask_again(cluster, third)
    assert "turn to load kernel and initramfs; 1 others were before it." in why(cluster.luna, "node003")
    row = trace.progress_row(boot(cluster, "node003"))
    assert (row["phase"], row["detail"], state(cluster, "node003")) == ("waiting", "after 1 others", "waiting")
    waiting = boot(cluster, "node002")
    discover(cluster, "node002")
    assert boot(cluster, "node002") == waiting, "asking again is no new boot"

    tell_loaded(cluster, first)
    assert f"{cluster.url}/boot/ipxe" in ask_again(cluster, second)
    token = token_in(discover(cluster, "node002"))
    after = boot(cluster, "node002")
    assert (after.id, state(cluster, "node002")) == (waiting.id, "booting")
    assert trace.progress_row(after)["phase"] == "kernel"
    assert "got kernel and initramfs; nothing was heard of it for" in why(cluster.luna, "node002")
    assert ask(cluster, "/boot/install", token, node="node002")[0] == 200
    spans = trace.timeline(boot(cluster, "node002")).spans
    assert [span.phase for span in spans] == ["waiting", "kernel"]


def test_other_services_see_that_nodes_wait_as_long_as_any_does(cluster: Any) -> None:
    mark = cluster.luna.settings.boots_wait_file
    first = discover(cluster, "node001")
    assert not mark.exists(), "nobody waits"
    second = discover(cluster, "node002")
    assert mark.exists()
    mark.unlink()

    def seen_again() -> bool:
        assert "waiting for 0 others" in ask_again(cluster, second)
        return bool(mark.exists())

    wait_until(seen_again, "the mark of a node that waits on")
    mark.unlink()
    tell_loaded(cluster, first)
    ask_again(cluster, second)
    assert not mark.exists(), "it doesn't wait any more"


def test_the_install_script_frees_a_place_too_and_a_node_in_service_mode_needs_none(cluster: Any) -> None:
    token = token_in(discover(cluster, "node001"))
    cluster.luna.change(lambda work: change(work, Node, "node003", {"service": True}), "test")
    assert "luna.service=1" in discover(cluster, "node003")
    assert "waiting" in discover(cluster, "node002")
    assert ask(cluster, "/boot/install", token, node="node001")[0] == 200
    assert "luna.session" in discover(cluster, "node002")


def test_without_waves_nobody_waits(cluster: Any) -> None:
    configure(cluster, "boot.wave", 0)
    for name in MACS:
        script = discover(cluster, name)
        assert "boot || goto failed" in script
        assert "/boot/loaded/" not in script


def test_a_node_in_the_installer_relays_to_one_that_waits_until_it_is_installed(
    cluster: Any, caplog: pytest.LogCaptureFixture
) -> None:
    configure(cluster, "boot.relays", value=True)
    first = discover(cluster, "node001")
    assert " luna.relay=1 " in first
    token, version = token_in(first), boot(cluster, "node001").manifest_sha256
    assert relay(cluster, token) == {"pause_s": 10}, "nobody waits"
    discover(cluster, "node001")
    token = token_in(discover(cluster, "node001"))
    discover(cluster, "node002")
    said = relay(cluster, token, port=0, version="")
    assert (said["version"], said["sources"]) == (version, [f"http://files/{version}/"])
    relay(cluster, token, port=PORT, version=version)

    script = discover(cluster, "node002")
    here, there = (script.index(f"http://{host}/{version}/kernel") for host in (f"127.0.0.1:{PORT}", "files"))
    assert here < there, "the controller is what remains if the relay fails"
    assert "got kernel and initramfs from node001; nothing was heard" in why(cluster.luna, "node002")
    assert trace.progress_row(boot(cluster, "node002"))["detail"] == "from node001"

    (failed,) = re.findall(r"imgfetch --name told http://[^/]+(/boot/relay-failed/\S+) ", script)
    assert cluster.get("/boot/relay-failed/another-ticket")[0] == cluster.get(failed)[0] == 200
    assert "got kernel and initramfs; nothing was heard" in why(cluster.luna, "node002"), "node001 gave it nothing"
    assert caplog.messages == ["node002 got no whole kernel and initramfs from node001, which relays them"]
    assert trace.progress_row(boot(cluster, "node002"))["detail"] == ""
    assert f":{PORT}/" in discover(cluster, "node003"), "it still serves others"

    for status in ("started", "done"):
        form = {"node": "node001", "phase": "finish", "status": status}
        assert ask(cluster, "/boot/status", token, form)[0] == 200
    assert f":{PORT}/" not in discover(cluster, "node003")


@pytest.mark.parametrize("port", ["70000", "-1", "ssh", ""])
def test_a_port_that_is_none_is_refused(cluster: Any, port: str) -> None:
    token = token_in(discover(cluster, "node001"))
    status, sentence = ask(cluster, "/boot/relay", token, port=port)
    assert (status, sentence) == (400, f"port: {port!r} was given; accepted is 0 to 65535.\n")


def test_nobody_relays_without_a_session_nor_what_the_session_does_not_boot_nor_if_it_is_off(cluster: Any) -> None:
    token, version = token_in(discover(cluster, "node001")), boot(cluster, "node001").manifest_sha256
    assert relay(cluster, token, port=PORT, version=version) == {"pause_s": 10}
    discover(cluster, "node002")
    configure(cluster, "boot.relays", value=True)
    assert ask(cluster, "/boot/relay", "another", port=PORT, version=version)[0] == 403
    assert relay(cluster, token, port=PORT, version="another")["version"] == version
    assert f":{PORT}/" not in discover(cluster, "node003")
