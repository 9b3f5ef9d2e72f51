"""What a node asks for once, as the shell sees it: the answer and an exit status."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from luna_core.node import clock, request
from luna_core.node.http import Connection, HttpError


def answered(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.fixture
def session(tmp_path: Path) -> str:
    (tmp_path / "session").write_text("s3cret\n")
    return str(tmp_path / "session")


def test_the_answer_is_printed_as_it_is(
    boot_server: Callable[..., Any], session: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    body = bytes(range(256)) * 1000
    server = boot_server(lambda asked: answered("200 OK", body))
    assert request.main([server.url, session, "/boot/install?node=node001"]) == 0
    assert capfdbinary.readouterr() == (body, b"")
    asked = server.asked.get(timeout=180)
    assert (asked.method, asked.path, asked.token) == ("GET", "/boot/install?node=node001", "Bearer s3cret")


@pytest.mark.parametrize(
    ("answer", "exit_status", "reason"),
    [
        (answered("401 Unauthorized", b"who?"), 3, b"HTTP 401, who?\n"),
        (answered("403 Forbidden", b"over\nand out\n"), 3, b"HTTP 403, over\n"),
        (answered("404 Not Found", b"no \xff image\n"), 4, "HTTP 404, no \ufffd image\n".encode()),
        (answered("302 Found", b"", "Location: /elsewhere"), 4, b"HTTP 302, \n"),
        (answered("200 OK", b"#!/bin/sh\n")[:-1], 1, b"IncompleteRead(9 bytes read, 1 more expected)"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", 1, b"BadStatusLine"),
    ],
    ids=["who", "over", "no image", "elsewhere", "cut short", "no HTTP"],
)
def test_the_exit_status_tells_what_came_instead(
    boot_server: Callable[..., Any],
    session: str,
    capfdbinary: pytest.CaptureFixture[bytes],
    answer: bytes,
    exit_status: int,
    reason: bytes,
) -> None:
    server = boot_server(lambda asked: answer)
    assert request.main([server.url, session, "/x"]) == exit_status
    said = capfdbinary.readouterr()
    assert (said.out, reason in said.err) == (b"", True)
    assert server.asked.qsize() == 1


def test_nobody_there(session: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert request.main(["http://127.0.0.1:9", session, "/x"]) == 1
    assert "http://127.0.0.1:9/x: ConnectionRefusedError" in capfd.readouterr().err


@pytest.mark.parametrize(("url", "port"), [("http://[fd00::1]/", 80), ("http://[fd00::1]:7050/", 7050)])
def test_an_ipv6_address_with_and_without_a_port(monkeypatch: pytest.MonkeyPatch, url: str, port: int) -> None:
    asked: list[object] = []

    def connect(address: object, *_: object) -> None:
        asked.append(address)
        raise OSError

    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(HttpError):
        Connection(url).ask("GET", "")
    assert asked == [("fd00::1", port)]


def test_the_clock_is_the_date_of_an_answer_and_costs_no_token(
    boot_server: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    date = "Date: Sun, 06 Nov 1994 08:49:37 GMT"  # RFC 9110, section 5.6.7
    server = boot_server(lambda asked: b"HTTP/1.1 404 Not Found\r\n" + f"{date}\r\nContent-Length: 9\r\n\r\n".encode())
    assert clock.main([server.url]) == 0
    assert capfd.readouterr().out == "784111777\n"
    asked = server.asked.get(timeout=180)
    assert (asked.method, asked.path, asked.token) == ("HEAD", "/", "")


@pytest.mark.parametrize("header", ["X: y", "Date: yesterday"])
def test_an_answer_without_a_time_sets_no_clock(
    boot_server: Callable[..., Any], header: str, capfd: pytest.CaptureFixture[str]
) -> None:
    server = boot_server(lambda asked: answered("200 OK", b"", header))
    assert clock.main([server.url]) == 1
    assert capfd.readouterr().out == ""
