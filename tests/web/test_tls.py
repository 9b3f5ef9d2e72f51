"""Sessions by HTTPS, as curl and luna's own programs on the node see it."""

import os
import re
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cheroot import wsgi

from luna_core import tls
from luna_core.boot.runtime import build_runtime
from luna_core.boot.why import why
from luna_core.errors import LunaError
from luna_core.model import Node
from luna_core.node import clock, http, request
from luna_core.node.http import AUTHORITY, Connection, HttpError
from luna_core.operations.checkup import checkup
from luna_core.operations.configure import set_setting
from luna_core.operations.objects import change
from luna_core.run import run
from luna_core.settings import CORE_SETTINGS
from luna_core.testing.delivery import wait_until
from luna_core.tls import Certificates, certificates, certify, described, doubt
from luna_core.web.app import make_app
from luna_core.web.server import listener, with_tls, without_sessions

MAC = "52:54:00:00:00:01"


@pytest.fixture
def authority(luna: Any) -> Certificates:
    where = certificates(luna.settings)
    certify(where, [ip_address("127.0.0.1")], ["controller.cluster"], days=10)
    return where


@pytest.fixture
def ports(server: Any, authority: Certificates, tmp_path: Path) -> Iterator[dict[str, int]]:
    """Those of lweb's two listeners for the cluster of `server`, in which HTTPS is switched on."""
    app = make_app(server.service, tmp_path / "tftp")
    plain = listener("127.0.0.1", 0, without_sessions(app))
    secure = with_tls(listener("127.0.0.1", 0, app), server.luna.settings)
    running = {"http": plain, "https": secure}
    threads = [threading.Thread(target=_serve(one)) for one in running.values()]
    for thread in threads:
        thread.start()
    ports = {scheme: one.bind_addr[1] for scheme, one in running.items()}
    server.luna.change(lambda work: set_setting(work, CORE_SETTINGS, "https.port", ports["https"]), "")
    yield ports
    for one in running.values():
        one.stop()
    for thread in threads:
        thread.join()


def _serve(one: wsgi.Server) -> Any:
    one.prepare()
    return one.serve


def curl(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    command = ["curl", "--silent", "--show-error", "--max-time", "30", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def token(server: Any, ports: dict[str, int]) -> str:
    """The token of a boot of node001, which begins by HTTP, for iPXE knows no authority but its own."""
    server.luna.change(lambda work: change(work, Node, "node001", {"boot_address": "dhcp"}), "use the client's address")
    server.neighbours["127.0.0.1"] = MAC
    script = curl(f"http://127.0.0.1:{ports['http']}/boot/discovery?booted={MAC}&mac={MAC}").stdout
    assert f"luna.url=https://127.0.0.1:{ports['https']} " in script
    assert f"chain --replace --autofree http://127.0.0.1:{ports['http']}/boot/ipxe" in script
    found = re.search(r"luna\.session=(\S+)", script)
    assert found, script
    return found.group(1)


def test_the_install_script_comes_by_https_alone(token: str, ports: dict[str, int], authority: Certificates) -> None:
    question = ["--header", f"Authorization: Bearer {token}"]
    path = "/boot/install?node=node001"
    sure = curl("--cacert", authority.authority, *question, f"https://127.0.0.1:{ports['https']}{path}")
    assert sure.stdout.startswith("#!/bin/sh")
    assert f'"report_url": "https://127.0.0.1:{ports["https"]}/boot/progress"' in sure.stdout
    plain = curl(*question, f"http://127.0.0.1:{ports['http']}{path}")
    assert plain.stdout == "Sessions are served by HTTPS only, on the port of the setting https.port.\n"


def test_who_connects_and_says_nothing_holds_up_nobody(
    ports: dict[str, int], authority: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "AUTHORITY", str(authority.authority))
    with ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(socket.create_connection(("127.0.0.1", ports["https"])))
        # Each of them may be silent for ten seconds, one after the other.
        answer = Connection(f"https://127.0.0.1:{ports['https']}/", timeout_s=60).ask("GET", "")
    assert answer.status == 200


def test_the_log_says_who_did_not_believe_it(ports: dict[str, int], capfd: pytest.CaptureFixture[str]) -> None:
    assert curl(f"https://127.0.0.1:{ports['https']}/").returncode == 60
    said: list[str] = []

    def told() -> bool:
        said.append(capfd.readouterr().err)
        return bool(re.search("127.0.0.1.*alert unknown ca", "".join(said)))

    wait_until(told, "the refusal in the log")


def test_who_is_gone_before_it_is_served_is_no_failure_of_the_server(
    authority: Certificates, server: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    secure = with_tls(listener("127.0.0.1", 0, make_app(server.service, Path("/nonexistent"))), server.luna.settings)
    secure.prepare()
    with socket.create_connection(secure.bind_addr) as gone:
        gone.sendall(b"anything")
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    thread = threading.Thread(target=secure.serve)
    thread.start()
    assert curl("--cacert", authority.authority, f"https://127.0.0.1:{secure.bind_addr[1]}/").returncode == 0
    secure.stop()
    thread.join()
    assert "Error in HTTPServer.serve" not in capfd.readouterr().err


def test_another_server_is_not_believed(
    token: str, ports: dict[str, int], authority: Certificates, tmp_path: Path
) -> None:
    other = replace(authority, authority=tmp_path / "other/ca.pem", authority_key=tmp_path / "other/ca.key")
    certify(replace(other, server=tmp_path / "pem", server_key=tmp_path / "key"), [], ["x"], days=1)
    for trusted in ([], ["--cacert", other.authority]):
        refused = curl(*trusted, f"https://127.0.0.1:{ports['https']}/")
        assert refused.returncode == 60, refused.stderr  # curl(1): the certificate can't be authenticated
    renamed = curl("--cacert", authority.authority, f"https://localhost:{ports['https']}/")
    assert renamed.returncode == 60, renamed.stderr


def test_the_client_on_the_node_believes_the_authority_alone(
    token: str, ports: dict[str, int], authority: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "AUTHORITY", str(authority.authority))
    connection = Connection(f"https://127.0.0.1:{ports['https']}/boot/")
    connection.post("progress", {"phase": "download", "percent": 1}, {"Authorization": f"Bearer {token}"})
    assert connection.get("ipxe").startswith(b"#!ipxe")
    connection.close()
    certify(replace(authority, authority=tmp_path / "o.pem", authority_key=tmp_path / "o.key"), [], ["x"], days=1)
    monkeypatch.setattr(http, "AUTHORITY", str(tmp_path / "o.pem"))
    with pytest.raises(HttpError, match="CERTIFICATE_VERIFY_FAILED"):
        Connection(f"https://127.0.0.1:{ports['https']}/boot/").get("ipxe")
    monkeypatch.setattr(http, "AUTHORITY", str(tmp_path / "none"))
    with pytest.raises(HttpError, match="this image was packed before 'luna tls init'"):
        Connection(f"https://127.0.0.1:{ports['https']}/boot/").get("ipxe")


def test_a_request_believes_the_authority_alone_and_the_clock_anybody(
    token: str,
    ports: dict[str, int],
    authority: Certificates,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    url = f"https://127.0.0.1:{ports['https']}"
    (tmp_path / "session").write_text(token)
    install = [url, str(tmp_path / "session"), "/boot/install?node=node001"]
    monkeypatch.setattr(http, "AUTHORITY", str(authority.authority))
    assert request.main(install) == 0
    assert capfd.readouterr().out.startswith("#!/bin/sh")
    certify(replace(authority, authority=tmp_path / "o.pem", authority_key=tmp_path / "o.key"), [], ["x"], days=1)
    monkeypatch.setattr(http, "AUTHORITY", str(tmp_path / "o.pem"))
    assert request.main(install) == 1
    refused = capfd.readouterr()
    assert (refused.out, "CERTIFICATE_VERIFY_FAILED" in refused.err) == ("", True)
    # Most of all where the clock is wrong no certificate is good.
    assert clock.main([url]) == 0
    assert abs(time.time() - int(capfd.readouterr().out)) < 86400


def test_the_runtime_in_the_initramfs_has_what_https_needs(
    ports: dict[str, int], authority: Certificates, tmp_path: Path
) -> None:
    root = build_runtime(tmp_path / "runtimes", tls=True)
    shutil.copyfile(authority.authority, root / AUTHORITY.lstrip("/"))
    # Started without the wrapper, for which an empty root has no shell.
    wrapper = (root / "usr/bin/luna-python").read_text().splitlines()[1].split()
    code = f"""from luna_core.node.http import Connection
print(Connection("https://127.0.0.1:{ports["https"]}/boot/").get("ipxe")[:6])"""
    assert run(["chroot", root, *wrapper[1:-1], "-c", code]) == "b'#!ipxe'\n"


def test_keys_are_for_their_owners_alone(authority: Certificates) -> None:
    for key in (authority.authority_key, authority.server_key):
        assert key.stat().st_mode & 0o777 == 0o600
    assert authority.authority.stat().st_mode & 0o777 == 0o644


def test_a_new_certificate_is_of_the_same_authority(authority: Certificates) -> None:
    before = authority.authority.read_bytes(), authority.server.read_bytes()
    certify(authority, [ip_address("fd00::1")], ["other.cluster"], days=10)
    assert authority.authority.read_bytes() == before[0]
    assert authority.server.read_bytes() != before[1]
    assert described(authority)["names"] == ["fd00::1", "other.cluster"]


def test_a_certificate_that_cannot_be_read_is_not_taken_for_none(authority: Certificates) -> None:
    authority.server.parent.chmod(0)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        told, reader = doubt(authority), os.geteuid()
    finally:
        if root:
            os.seteuid(0)
        authority.server.parent.chmod(0o700)
    unreadable = f"{authority.server} can't be read by the user with ID {reader}: Permission denied."
    assert told == f"The boot server's certificate {unreadable}"
    authority.server.unlink()
    assert "'luna tls init' makes one." in doubt(authority)


def test_https_without_a_certificate(luna: Any) -> None:
    with pytest.raises(LunaError, match=r"setting https.port: .*lweb.pem can't be used: .*'luna tls init' makes it"):
        with_tls(listener("127.0.0.1", 0, lambda environ, start: []), luna.settings)


@pytest.mark.parametrize(
    ("ahead", "found"),
    [
        (timedelta(0), "warning"),
        (timedelta(days=-365), "failed"),
        (timedelta(days=11), "failed"),
    ],
)
def test_a_certificate_that_no_node_takes_is_told(
    luna: Any, authority: Certificates, monkeypatch: pytest.MonkeyPatch, ahead: timedelta, found: str
) -> None:
    """It is good for ten days, which is soon over, or for none: by the clock of the controller, as nodes are."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Clock":
            return super().now(tz) + ahead

    monkeypatch.setattr(tls, "datetime", Clock)
    assert "HTTPS" not in [one.check for one in checkup(luna)]
    luna.change(lambda work: set_setting(work, CORE_SETTINGS, "https.port", 7443), "")
    (said,) = [one for one in checkup(luna) if one.check == "HTTPS"]
    assert said.status == found
    assert ("'luna tls init' makes another one" in why(luna, "node001")) == (found == "failed")
    certify(authority, [ip_address("127.0.0.1")], [], days=100)
    assert "HTTPS" not in [one.check for one in checkup(luna)]
