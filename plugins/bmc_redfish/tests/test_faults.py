"""What is wrong with a BMC is said in words, in time, and without the password."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from luna_bmc_redfish.driver import RedfishDriver
from luna_core.errors import LunaError
from luna_core.types import BmcTarget, PowerState

ROOT, SYSTEMS = "/redfish/v1/", "/redfish/v1/Systems"


def error_of(bmc: BmcTarget) -> str:
    with pytest.raises(LunaError) as raised:
        RedfishDriver().state(bmc)
    assert bmc.password not in str(raised.value)
    return str(raised.value)


def extended(name: str, text: str = "", *arguments: str) -> dict[str, Any]:
    info = {"MessageId": f"Base.1.13.{name}", "Message": text, "MessageArgs": arguments}
    return {"error": {"@Message.ExtendedInfo": [info]}}


def test_a_wrong_password_is_tried_once(fake: Any) -> None:
    bmc = replace(fake.target(), password="another")
    where = "The BMC of node001 at 127.0.0.1"
    assert error_of(bmc) == f"{where} does not accept the password of user 'operator', or has no such user."
    assert len(fake.asked("GET")) == 2
    assert fake.asked("POST") == []


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (403, {}, "does not let user 'operator' do this"),
        (401, extended("InsufficientPrivilege"), "does not let user 'operator' do this"),
        (403, extended("PasswordChangeRequired"), "wants the password of user 'operator' changed"),
        (503, {}, "is busy and does nothing now"),
        (503, extended("ServiceTemporarilyUnavailable", "", "3600"), "is busy and does nothing now"),
        (400, extended("SessionLimitExceeded"), "is busy and does nothing now"),
        (500, extended("InternalError", "The disk is full."), "refuses that (HTTP 500): The disk is full."),
        (500, {"error": {"@Message.ExtendedInfo": {"Message": "Just one."}}}, "(HTTP 500): Just one."),
        (500, {"error": {"message": "No details."}}, "(HTTP 500): No details."),
        (418, b"<html>", "refuses that (HTTP 418): it does not say why."),
        (400, extended("Echo", "s3cret-of-the-bmc is bad"), "(HTTP 400): *** is bad."),
        (200, b"[" * 100_000, "gives an answer that is no JSON object"),
        (200, b'["a list"]', "gives an answer that is no JSON object"),
        (200, {"Members": []}, "knows of no system"),
        (200, {"Members": "none"}, "knows of no system"),
    ],
)
def test_what_a_bmc_refuses_or_garbles(fake: Any, status: int, body: Any, words: str) -> None:
    fake.answer("GET", SYSTEMS, status, body)
    assert words in error_of(fake.target())


@pytest.mark.parametrize("body", [{}, b"<html>It works!</html>", b"null", b"\xff"])
def test_who_speaks_no_redfish_is_not_told_the_password(plain_fake: Any, body: Any) -> None:
    plain_fake.answer("GET", ROOT, 200, body)
    assert "has no Redfish service" in error_of(plain_fake.target())
    assert all("Authorization" not in headers for _, _, headers, _ in plain_fake.seen)


def test_a_bmc_that_is_busy_for_a_moment_is_waited_for(fake: Any) -> None:
    def once(handler: Any) -> None:
        del fake.special["GET", SYSTEMS]
        handler.send_response(503)
        handler.send_header("Retry-After", "1")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    fake.special["GET", SYSTEMS] = once
    assert RedfishDriver().state(fake.target()) is PowerState.ON
    assert [path for path, _ in fake.asked("GET")].count(SYSTEMS) == 2


def test_a_bmc_that_wants_more_time_than_there_is_is_busy(fake: Any) -> None:
    fake.answer("GET", SYSTEMS, 503, {}, Retry_After="3600")
    assert "is busy and does nothing now" in error_of(fake.target())


def test_nothing_listens(fake: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert f"does not listen on TCP port {port}" in error_of(replace(fake.target(), port=port))


def test_no_route(fake: Any) -> None:
    assert "can't be reached" in error_of(replace(fake.target(), address=ip_address("255.255.255.255")))


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_a_silent_bmc(silent: socket.socket, plain_fake: Any, scheme: str) -> None:
    bmc = replace(plain_fake.target(scheme=scheme), port=silent.getsockname()[1], timeout_s=0.5)
    assert error_of(bmc).endswith("did not answer within 0.5 s.")


@pytest.mark.parametrize("where", ["headers", "body", "last body"])
def test_a_bmc_that_dribbles_for_ever(fake: Any, where: str) -> None:
    def dribble(handler: Any) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        if where == "last body":
            handler.wfile.write(b"Connection: close\r\n")
        if where != "headers":
            handler.wfile.write(b"Content-Length: 1000000\r\n\r\n")
        while not handler.server.ended.wait(0.05):
            handler.wfile.write(b"x")

    fake.special["GET", ROOT] = dribble
    assert error_of(replace(fake.target(), timeout_s=3.0)).endswith("began to answer, but was not done within 3 s.")


def test_a_bmc_that_is_slow_with_everything_ends_in_time(fake: Any) -> None:
    def slow(handler: Any) -> None:
        handler.server.ended.wait(0.5)
        handler.send_response(307)
        handler.send_header("Location", f"{handler.path}x")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    for more in range(10):
        fake.special["GET", ROOT + "x" * more] = slow
    assert "within 1 s" in error_of(replace(fake.target(), timeout_s=1.0))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "ended the connection without an answer"),
        (b"hello\r\n\r\n", "does not speak HTTP as it should"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "ended the connection in the middle of an answer"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{}", "does not speak HTTP as it should"),
    ],
)
def test_what_is_no_http(fake: Any, answer: bytes, words: str) -> None:
    def nonsense(handler: Any) -> None:
        handler.wfile.write(answer)
        handler.close_connection = True

    fake.special["GET", ROOT] = nonsense
    assert words in error_of(fake.target())


def test_an_answer_without_an_end_is_not_kept(fake: Any) -> None:
    def flood(handler: Any) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not handler.server.ended.is_set():
            handler.wfile.write(b" " * 1_000_000)

    fake.special["GET", ROOT] = flood
    assert "gives more than 16 MiB as one answer" in error_of(replace(fake.target(), timeout_s=60.0))


def test_an_idle_connection_that_the_bmc_ends_is_opened_again(fake: Any) -> None:
    def last(handler: Any) -> None:
        handler.close_connection = True
        del fake.special["GET", ROOT]
        fake._usual(handler, None)

    fake.special["GET", ROOT] = last
    assert RedfishDriver().state(fake.target()) is PowerState.ON
