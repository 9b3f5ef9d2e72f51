"""What machines get from the boot server, over real HTTP."""

import re
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from luna_core.boot.sessions import boots
from luna_core.boot.why import why
from luna_core.model import Group, Node
from luna_core.model.boot import BootSession, HostKeys, UnknownMachine
from luna_core.operations import history
from luna_core.operations.interfaces import set_mac
from luna_core.operations.nodes import states
from luna_core.operations.objects import change

FIRST = "52:54:00:00:00:01"
STRANGE = "52:54:00:00:00:99"


def get(url: str, token: str = "", **query: str | list[str]) -> tuple[int, str]:
    return _ask(Request(f"{url}?{urlencode(query, doseq=True)}"), token)


def post(url: str, token: str, form: dict[str, str]) -> tuple[int, str]:
    return _ask(Request(url, data=urlencode(form).encode(), method="POST"), token)


def _ask(request: Request, token: str) -> tuple[int, str]:
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def discover(server: Any, mac: str) -> tuple[int, str]:
    return get(f"{server.url}/boot/discovery", booted=mac, mac=[mac])


def session(server: Any, name: str = "node001") -> BootSession:
    found: BootSession = server.luna.read(lambda work: boots(work, work.get(Node, name), limit=1))[0]
    return found


def give_arguments(server: Any, kind: type[Node | Group], name: str, arguments: str | None) -> None:
    server.luna.change(lambda work: change(work, kind, name, {"kernel_arguments": arguments}), "arguments")


@pytest.fixture
def token(server: Any) -> str:
    """The token of a boot of node001, whose address is that of this machine."""
    server.luna.change(lambda work: change(work, Node, "node001", {"boot_address": "dhcp"}), "use the client's address")
    server.neighbours["127.0.0.1"] = FIRST
    status, script = discover(server, FIRST)
    assert status == 200, script
    found = re.search(r"luna\.session=(\S+)", script)
    assert found
    return found.group(1)


def test_ipxe_is_told_to_ask_the_server_that_it_reached(server: Any) -> None:
    status, script = get(f"{server.url}/boot/ipxe")
    assert status == 200
    assert script.startswith("#!ipxe\n")
    assert f"{server.url}/boot/discovery?" in script


def test_each_change_of_a_node_and_of_its_group_counts_for_the_next_answer(server: Any, token: str) -> None:
    group = server.luna.read(lambda work: work.all(Group))[0].name
    changes: list[tuple[type[Node | Group], str, str | None, str]] = [
        (Node, "node001", "own=1", "own=1"),
        (Node, "node001", "own=2", "own=2"),
        (Group, group, "shared=1", "own=2"),
        (Node, "node001", None, "shared=1"),
        (Group, group, "shared=2", "shared=2"),
    ]
    for kind, name, given, wanted in changes:
        give_arguments(server, kind, name, given)
        assert re.findall(r" ((?:own|shared)=\d)", discover(server, FIRST)[1]) == [wanted]


def test_a_known_machine_gets_kernel_initramfs_and_its_own_arguments(server: Any) -> None:
    server.neighbours["127.0.0.1"] = FIRST
    status, script = discover(server, FIRST)
    assert status == 200
    manifest = session(server).manifest_sha256
    assert f"kernel --name kernel http://files/{manifest}/kernel initrd=initramfs" in script
    assert f"initrd --name initramfs http://files/{manifest}/initramfs" in script
    for argument in (f"luna.url={server.url}", "luna.node=node001", f"luna.mac={FIRST}", "luna.ip=127.0.0.1/16"):
        assert f" {argument} " in f"{script} ".replace("||", " ")
    assert "root=" not in script


def test_service_mode_and_local_boot_are_told_to_the_node(server: Any) -> None:
    server.neighbours["127.0.0.1"] = FIRST
    server.luna.change(lambda work: change(work, Node, "node001", {"local_boot": True}), "local")
    assert "sanboot" in discover(server, FIRST)[1]
    assert "began to boot from its own disk" in why(server.luna, "node001")
    assert [one.name for one in server.service.installed()] == ["node001"], "to be seen when it comes up"
    server.luna.change(lambda work: change(work, Node, "node001", {"service": True}), "service")
    script = discover(server, FIRST)[1]
    assert "luna.service=1" in script
    assert "sanboot" not in script


def test_an_unknown_machine_gets_the_menu_and_is_remembered(server: Any) -> None:
    status, script = discover(server, STRANGE)
    assert status == 200
    assert "menu" in script
    assert "node002" in script
    assert "node001" not in script, "a node that has a MAC is nobody else's to take"
    machine = server.luna.read(lambda work: work.all(UnknownMachine))[0]
    assert machine.macs == (STRANGE,)


def test_a_machine_seen_where_a_node_belongs_becomes_that_node(server: Any) -> None:
    sys.modules["site_transport"].sightings[STRANGE] = "node002"
    server.neighbours["127.0.0.1"] = STRANGE
    discover(server, STRANGE)
    status, script = discover(server, STRANGE)
    assert status == 200
    assert "luna.node=node002" in script
    assert server.luna.read(lambda work: work.get(Node, "node002").macs()) == [STRANGE]


def test_an_identity_is_never_taken_from_a_node_that_has_a_mac(server: Any) -> None:
    sys.modules["site_transport"].sightings[STRANGE] = "node001"
    _, script = discover(server, STRANGE)
    assert "node001 has another MAC" in script
    assert server.luna.read(lambda work: work.get(Node, "node001").macs()) == [FIRST]
    status, sentence = get(f"{server.url}/boot/choose", mac=STRANGE, node="node001")
    assert (status, "another MAC" in sentence) == (400, True)


def test_a_free_node_can_be_chosen_at_the_console_and_only_a_free_one(server: Any) -> None:
    server.neighbours["127.0.0.1"] = STRANGE
    assert get(f"{server.url}/boot/choose", mac=STRANGE, node="node003")[0] == 200
    assert server.luna.read(lambda work: work.get(Node, "node003").macs()) == [STRANGE]
    status, sentence = get(f"{server.url}/boot/choose", mac="52:54:00:00:00:77", node="node003")
    assert status == 400, sentence


def test_two_nodes_claiming_one_machine_are_named(server: Any) -> None:
    server.luna.change(lambda work: set_mac(work, "node002", "BOOTIF", STRANGE), "second card")
    _, script = get(f"{server.url}/boot/discovery", booted=FIRST, mac=[FIRST, STRANGE])
    assert "node001 and node002" in script


def test_a_session_is_not_opened_for_somebody_elses_address(server: Any) -> None:
    server.neighbours["127.0.0.1"] = STRANGE
    status, sentence = discover(server, FIRST)
    assert (status, "luna.session" in sentence) == (403, False)


def test_without_a_token_there_is_no_install_script(server: Any, token: str) -> None:
    for wrong in ("", "wrong", token[:-1]):
        status, sentence = get(f"{server.url}/boot/install", wrong, node="node001")
        assert status == 403
        assert "#!/bin/sh" not in sentence


def test_a_token_opens_nothing_of_another_node(server: Any, token: str) -> None:
    assert get(f"{server.url}/boot/install", token, node="node002")[0] == 403
    assert post(f"{server.url}/boot/status", token, {"node": "node002", "phase": "finish", "status": "done"})[0] == 403


def test_the_install_script_is_posix_shell_that_shellcheck_accepts(server: Any, token: str, tmp_path: Path) -> None:
    hostile = "echo 'it''s \"quoted\" $HOME'\nLUNA_EOF\n"
    server.luna.change(lambda work: change(work, Node, "node001", {"postscript": hostile, "prescript": hostile}), "x")
    status, script = get(f"{server.url}/boot/install", token, node="node001")
    assert status == 200
    (tmp_path / "install.sh").write_text(script)
    checked = subprocess.run(["shellcheck", "-s", "sh", tmp_path / "install.sh"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    assert token not in script
    assert session(server).manifest_sha256 in script


def test_a_version_that_fits_the_kernel_that_runs_is_installed(server: Any, token: str, pack_again: Any) -> None:
    """Modules of a kernel that is not the booted one would not load."""
    booted = session(server).manifest_sha256
    assert booted != pack_again("6.2.0")
    assert booted in get(f"{server.url}/boot/install", token, node="node001")[1]
    assert session(server).manifest_sha256 == booted


def test_a_version_that_came_in_force_meanwhile_is_installed(server: Any, token: str, pack_again: Any) -> None:
    newest = pack_again("6.1.0")
    assert newest in get(f"{server.url}/boot/install", token, node="node001")[1]
    assert session(server).manifest_sha256 == newest


def test_reports_become_the_trace_and_the_outcome(server: Any, token: str) -> None:
    for status in ("started", "done"):
        form = {"node": "node001", "phase": "finish", "status": status, "uptime_s": "1.5"}
        assert post(f"{server.url}/boot/status", token, form)[0] == 200
    assert [(event.phase, event.status) for event in session(server).events] == [
        ("finish", "started"),
        ("finish", "done"),
    ]
    assert session(server).outcome == "installed"
    assert ("node001", "booting", "installed") in sys.modules["site_transport"].told


def test_the_host_keys_of_the_installed_system_are_kept_and_no_other_text(server: Any, token: str) -> None:
    keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHc0", "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNo="]
    log = f"{keys[0]} root@node001\nother ssh-rsa AAAA\n{keys[1]}\n"
    form = {"node": "node001", "phase": "finish", "status": "done", "log": log}
    assert post(f"{server.url}/boot/status", token, form)[0] == 200
    (kept,) = server.luna.read(lambda work: work.all(HostKeys))
    assert (kept.id, list(kept.keys)) == (session(server).node, keys)
    assert session(server).events[-1].log == ""
    server.luna.change(lambda work: work.remove(work.get(Node, "node001")), "node delete")
    assert server.luna.read(lambda work: work.all(HostKeys)) == []


def test_a_failure_keeps_the_logs_tail_and_a_later_success_mends_it(server: Any, token: str) -> None:
    form = {"node": "node001", "phase": "partscript", "status": "failed", "exit_status": "3", "log": "no disk\n"}
    assert post(f"{server.url}/boot/status", token, form)[0] == 200
    failed = session(server)
    assert (failed.outcome, failed.events[-1].exit_status, failed.events[-1].log) == ("failed", 3, "no disk\n")
    assert get(f"{server.url}/boot/install", token, node="node001")[0] == 200, "the node tries again"
    post(f"{server.url}/boot/status", token, {"node": "node001", "phase": "partscript", "status": "started"})
    assert session(server).outcome == "booting"


def test_the_token_dies_with_the_boot(server: Any, token: str) -> None:
    post(f"{server.url}/boot/status", token, {"node": "node001", "phase": "finish", "status": "done"})
    assert get(f"{server.url}/boot/install", token, node="node001")[0] == 403
    assert post(f"{server.url}/boot/status", token, {"node": "node001", "phase": "x", "status": "done"})[0] == 403


def test_a_new_boot_kills_the_token_of_the_one_before(server: Any, token: str) -> None:
    assert discover(server, FIRST)[0] == 200
    assert get(f"{server.url}/boot/install", token, node="node001")[0] == 403
    outcomes = server.luna.read(lambda work: [one.outcome for one in boots(work, work.get(Node, "node001"))])
    assert outcomes == ["booting", "abandoned"]


def test_a_restarted_server_knows_the_sessions(server: Any, token: str) -> None:
    from luna_core.web.boot import BootService

    other = BootService(server.luna)
    script = other.install_script("node001", token, "127.0.0.1", server.url)
    other.commits.close()
    assert script.startswith("#!/bin/sh")


def test_odd_requests_get_a_sentence_and_never_a_traceback(server: Any, token: str) -> None:
    bad_status = post(f"{server.url}/boot/status", token, {"node": "node001", "phase": "x", "status": "dancing"})
    no_mac = get(f"{server.url}/boot/discovery", booted="nonsense", mac=["ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00"])
    escape = get(f"{server.url}/boot/files/../luna.key")
    assert (bad_status[0], no_mac[0]) == (400, 200)
    assert escape[0] in (403, 404)
    assert "Traceback" not in bad_status[1] + no_mac[1] + escape[1]


def test_boot_files_are_served_and_plugins_are_mounted(server: Any) -> None:
    assert get(f"{server.url}/boot/files/snponly.efi") == (200, "iPXE")
    status, text = get(f"{server.url}/hello/")
    assert (status, "Hello world" in text) == (200, True)


def test_states_and_progress_are_kept(server: Any, token: str) -> None:
    body = b'{"node": "node001", "phase": "download", "percent": 40, "peers": 3, "secret": "x"}'
    request = Request(f"{server.url}/boot/progress", data=body, method="POST")
    assert _ask(request, token)[0] == 200
    figures = session(server).progress
    assert {key: figures[key] for key in figures if key != "time"} == {"phase": "download", "percent": 40, "peers": 3}
    state = server.luna.read(lambda work: states(work)[work.get(Node, "node001").id])
    assert state == "booting"


def test_an_installed_node_is_up_when_its_port_answers(server: Any, token: str) -> None:
    from luna_core.operations.configure import set_setting
    from luna_core.web.probe import Probe

    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        declared = server.luna.declared_settings()
        server.luna.change(lambda work: set_setting(work, declared, "boot.up_port", port), "port")
        post(f"{server.url}/boot/status", token, {"node": "node001", "phase": "finish", "status": "done"})
        probe = Probe(server.service)
        listening.accept()[0].close()
        probe.close()
    assert session(server).outcome == "up"
    assert ("node001", "installed", "up") in sys.modules["site_transport"].told


def test_plugins_applications_learn_who_asks_by_a_derived_key(server: Any, token: str) -> None:
    from luna_core.node.job import derived_key

    key = derived_key(token, "tracker")
    assert server.service.session_node(key, "127.0.0.1").name == "node001"
    assert server.service.session_node(key, "127.0.0.9") is None
    assert server.service.session_node(token, "127.0.0.1") is None


def test_the_rescue_system_is_not_taken_for_the_nodes_own(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from luna_core.web import probe

    with socket.create_server(("127.0.0.1", 0)) as listening:
        monkeypatch.setattr(probe, "SSH", listening.getsockname()[1])
        banners = {b"SSH-2.0-OpenSSH_9.2 luna-rescue\r\n": False, b"": False, b"SSH-2.0-OpenSSH_9.2\r\n": True}
        for banner, up in banners.items():
            with ThreadPoolExecutor(1) as pool:
                answer = pool.submit(probe.answers, "127.0.0.1", listening.getsockname()[1])
                connection = listening.accept()[0]
                connection.sendall(banner)
                connection.close()
                assert answer.result() is up, banner
    assert probe.answers("127.0.0.1", 1) is False


def test_a_deleted_nodes_boots_go_with_it(server: Any, token: str) -> None:
    from luna_core.model import NodeState
    from luna_core.operations.objects import delete

    server.luna.change(lambda work: delete(work, Node, "node001"), "node delete")
    assert server.luna.read(lambda work: (work.all(NodeState), work.all(BootSession))) == ([], [])
    assert get(f"{server.url}/boot/install", token, node="node001")[0] == 403
    assert server.luna.read(lambda work: history.entries(work, limit=1))[0].objects == 1
