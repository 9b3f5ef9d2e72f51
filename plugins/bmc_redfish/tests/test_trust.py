"""Who is told the password: nobody but the BMC that the administrator vouches for."""

import hashlib
import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from luna_bmc_redfish.driver import RedfishDriver
from luna_core.errors import BadInput, LunaError
from luna_core.types import BmcTarget, PowerState

SYSTEMS = "/redfish/v1/Systems"


def trusting(bmc: BmcTarget, **options: str) -> BmcTarget:
    return replace(bmc, options=options)


def shown(certificate: Path) -> str:
    pem = certificate.read_text()
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem[: pem.index("-----BEGIN PRIVATE")])).hexdigest()


def error_of(bmc: BmcTarget) -> str:
    with pytest.raises(LunaError) as raised:
        RedfishDriver().state(bmc)
    return str(raised.value)


def test_a_certificate_that_nobody_vouches_for_is_refused_with_its_fingerprint(fake: Any, certificate: Path) -> None:
    said = error_of(trusting(fake.target()))
    assert "has a certificate that isn't trusted, and wasn't told the password: self-signed certificate" in said
    assert f"its SHA-256 is {shown(certificate)}; options.ca or options.fingerprint" in said
    assert fake.seen == []


def test_its_fingerprint_makes_it_trusted(fake: Any, certificate: Path, tmp_path: Path) -> None:
    written = ":".join(shown(certificate).upper()[at : at + 2] for at in range(0, 64, 2))
    assert RedfishDriver().state(trusting(fake.target(), fingerprint=f"{'0' * 64}, {written}")) is PowerState.ON
    (tmp_path / "known").write_text(f"# those of rack 1\nnode000 {'0' * 64}\nnode001 {written}\n")
    assert RedfishDriver().state(trusting(fake.target(), fingerprint=str(tmp_path / "known"))) is PowerState.ON


def test_another_fingerprint_does_not(fake: Any, certificate: Path, tmp_path: Path) -> None:
    assert f"its SHA-256 is {shown(certificate)}." in error_of(trusting(fake.target(), fingerprint="0" * 64))
    (tmp_path / "known").write_text(f"node000 {shown(certificate)}\n")
    with pytest.raises(BadInput, match="a file with a line 'node001 SHA256'"):
        RedfishDriver().state(trusting(fake.target(), fingerprint=str(tmp_path / "known")))
    assert fake.seen == []


def test_a_certificate_must_be_for_the_bmc(fake: Any) -> None:
    ours = fake.target(certificate_name="{node}-bmc.example")
    assert RedfishDriver().state(ours) is PowerState.ON
    assert "Hostname mismatch" in error_of(replace(ours, node="node002"))


def test_insecure_trusts_anybody(fake: Any) -> None:
    assert RedfishDriver().state(trusting(fake.target(), insecure="yes")) is PowerState.ON


def test_a_server_without_tls_is_told_nothing(plain_fake: Any) -> None:
    assert "speaks no TLS on port" in error_of(trusting(plain_fake.target(), insecure="yes"))
    assert plain_fake.seen == []


@pytest.mark.parametrize("status", [302, 307])
def test_a_redirect_to_another_server_is_not_followed(fake: Any, plain_fake: Any, status: int) -> None:
    elsewhere = f"http://127.0.0.1:{plain_fake.target().port}"
    fake.answer("GET", SYSTEMS, status, {}, Location=f"{elsewhere}/redfish/v1/Systems")
    assert f"sends luna to {elsewhere}, which won't be told the password" in error_of(fake.target())
    assert plain_fake.seen == []


@pytest.mark.parametrize("link", ["//192.0.2.1/redfish", "https://127.0.0.1:1/", "http://[::1", "https://127.0.0.1:x/"])
def test_a_link_to_another_server_is_not_followed(fake: Any, link: str) -> None:
    fake.resources[SYSTEMS]["Members"] = [{"@odata.id": link}]
    assert "won't be told the password" in (said := error_of(fake.target())) or "an address that is none" in said


def test_a_redirect_within_the_bmc_is_followed(fake: Any) -> None:
    fake.resources["/redfish/v1/Machines"] = fake.resources[SYSTEMS]
    fake.answer("GET", SYSTEMS, 308, {}, Location="/redfish/v1/Machines")
    assert RedfishDriver().state(fake.target()) is PowerState.ON
    fake.answer("GET", SYSTEMS, 308, {}, Location=SYSTEMS)
    assert "without an end" in error_of(fake.target())


def test_a_bmc_without_basic_login_gets_a_session_that_is_ended_again(fake: Any) -> None:
    fake.basic = False
    assert RedfishDriver().state(fake.target()) is PowerState.ON
    assert [path for path, _ in fake.asked("DELETE")] == ["/redfish/v1/SessionService/Sessions/7"]
    assert "does not accept the password" in error_of(replace(fake.target(), password="another"))
    assert "does not accept the password" in error_of(fake.target(login="basic"))


def test_a_session_can_be_asked_for(fake: Any) -> None:
    assert RedfishDriver().state(fake.target(login="session")) is PowerState.ON
    assert all("Authorization" not in headers for _, _, headers, _ in fake.seen)


@pytest.mark.parametrize("where", ["http://[", "https://192.0.2.1/", ""])
def test_a_session_that_can_not_be_found_again_does_no_harm(fake: Any, where: str) -> None:
    fake.answer("POST", "/redfish/v1/SessionService/Sessions", 201, {}, X_Auth_Token="token", Location=where)
    assert RedfishDriver().state(fake.target(login="session")) is PowerState.ON


def test_a_session_without_a_token_is_an_error(fake: Any) -> None:
    fake.answer("POST", "/redfish/v1/SessionService/Sessions", 201, {})
    assert "opened a session, but gave no token for it" in error_of(fake.target(login="session"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scheme": "ftp"}, "options.scheme: 'ftp' was given; accepted is https or http."),
        ({"login": "none"}, "options.login: 'none' was given; accepted is auto or basic or session."),
        ({"insecure": "perhaps"}, "options.insecure: 'perhaps' was given; accepted is no or yes."),
        ({"ca": "ca.pem"}, "options.ca: 'ca.pem' was given; accepted is the absolute path of a PEM file"),
        ({"ca": "/etc/hostname"}, "options.ca: /etc/hostname can't be read"),
        ({"fingerprint": "12:34"}, "options.fingerprint: '12:34' was given; accepted is SHA-256 fingerprints"),
        ({"fingerprint": "/nowhere"}, "options.fingerprint: '/nowhere' was given; accepted is a file that can be read"),
        ({"insecure": "yes", "fingerprint": "0" * 64}, "accepted is nothing beside fingerprint."),
        ({"insecure": "yes", "system": "2"}, "options.system: '2' was given; accepted is 1."),
    ],
)
def test_a_bad_option_says_what_is_accepted(fake: Any, options: dict[str, str], words: str) -> None:
    said = error_of(trusting(fake.target(), **options))
    assert said.startswith("The bmcsetup of node node001: ")
    assert words in said
