"""BMCs to test with: the emulator of sushy-tools, and one of our own that does whatever a test wants it to."""

import base64
import datetime
import json
import re
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from luna_core.types import BmcTarget

USER, PASSWORD = "operator", "s3cret-of-the-bmc"
SYSTEM = "/redfish/v1/Systems/1"
SESSIONS = "/redfish/v1/SessionService/Sessions"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"
# The emulator's machines take 1 to 11 s for everything; the shortest of these is long enough to see a difference.
EMULATOR = "import random; random.randint = min; from sushy_tools.emulator.main import main; main()"
Handle = Callable[[BaseHTTPRequestHandler], None]


class FakeBmc:
    """A Redfish service: resources by path; `special` answers by method and path; `seen` is what was asked."""

    def __init__(self, certificate: Path | None) -> None:
        self.resources: dict[str, dict[str, Any]] = {}
        self.special: dict[tuple[str, str], Handle] = {}
        self.seen: list[tuple[str, str, dict[str, str], Any]] = []
        self.certificate = certificate
        self.basic = True
        self.server: Any = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.server.handle_error = lambda request, address: None
        self.server.ended = threading.Event()
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def target(self, **options: str) -> BmcTarget:
        trust = {"ca": str(self.certificate)} if self.certificate else {"scheme": "http"}
        return BmcTarget(
            node="node001",
            address=ip_address("127.0.0.1"),
            username=USER,
            password=PASSWORD,
            port=self.server.server_address[1],
            timeout_s=10.0,
            options={**trust, **options},
        )

    def asked(self, method: str) -> list[tuple[str, Any]]:
        return [(path, body) for verb, path, _, body in self.seen if verb == method]

    def answer(self, method: str, path: str, status: int, body: Any = None, **headers: str) -> None:
        """Have one request answered in this way."""
        self.special[method, path] = lambda handler: reply(handler, status, body, headers)

    def end(self) -> None:
        self.server.ended.set()
        self.server.shutdown()
        self.server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        bmc = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                length = int(self.headers.get("Content-Length", "0"))
                body = json.loads(self.rfile.read(length)) if length else None
                bmc.seen.append((self.command, self.path, dict(self.headers), body))
                if special := bmc.special.get((self.command, self.path)):
                    special(self)
                else:
                    bmc._usual(self, body)

            do_GET = do_POST = do_PATCH = do_DELETE = handle_one

            def log_message(self, *arguments: object) -> None:
                pass

        return Handler

    def _usual(self, handler: BaseHTTPRequestHandler, body: Any) -> None:
        if handler.path == SESSIONS and body == {"UserName": USER, "Password": PASSWORD}:
            reply(handler, 201, {}, {"X-Auth-Token": "token", "Location": f"https://bmc.example{SESSIONS}/7"})
        elif handler.path != "/redfish/v1/" and not self._knows(handler):
            reply(handler, 401, {}, {"WWW-Authenticate": 'Basic realm="bmc"'} if self.basic else {})
        elif handler.command == "GET":
            found = self.resources.get(handler.path)
            reply(handler, 200 if found else 404, found or {})
        else:
            self._change(handler.path, body or {})
            reply(handler, 204)

    def _knows(self, handler: BaseHTTPRequestHandler) -> bool:
        right = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        basic = self.basic and handler.headers.get("Authorization") == right
        return basic or handler.headers.get("X-Auth-Token") == "token"

    def _change(self, path: str, body: dict[str, Any]) -> None:
        if path == RESET and body["ResetType"] in ("On", "ForceOff"):
            self.resources[SYSTEM]["PowerState"] = body["ResetType"].removeprefix("Force")
        elif found := self.resources.get(path):
            for name, value in body.items():
                found[name] = {**found[name], **value} if isinstance(value, dict) else value


def reply(
    handler: BaseHTTPRequestHandler, status: int, body: Any = None, headers: dict[str, str] | None = None
) -> None:
    content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    handler.send_response(status)
    for name, value in (headers or {}).items():
        handler.send_header(name.replace("_", "-"), value)
    if status != 204:
        handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def link(path: str) -> dict[str, str]:
    return {"@odata.id": path}


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificate and key of 127.0.0.1, signed by itself as BMCs' are."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bmc")])
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("node001-bmc.example")])
    signed = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    path = tmp_path_factory.mktemp("tls") / "bmc.pem"
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path.write_bytes(signed.public_bytes(encoding) + key.private_bytes(encoding, form, serialization.NoEncryption()))
    return path


@pytest.fixture
def fake(certificate: Path) -> Iterator[FakeBmc]:
    """A BMC with one system, which is on, in one chassis."""
    bmc = FakeBmc(certificate)
    bmc.resources = {
        "/redfish/v1/": {
            "RedfishVersion": "1.15.0",
            "Systems": link("/redfish/v1/Systems"),
            "Links": {"Sessions": link(SESSIONS)},
        },
        "/redfish/v1/Systems": {"Members": [link(SYSTEM)]},
        SYSTEM: {
            **link(SYSTEM),
            "PowerState": "On",
            "Boot": {"BootSourceOverrideTarget": "None", "BootSourceOverrideEnabled": "Disabled"},
            "Links": {"Chassis": [link("/redfish/v1/Chassis/1")]},
            "Actions": {"#ComputerSystem.Reset": {"target": RESET}},
        },
        "/redfish/v1/Chassis/1": link("/redfish/v1/Chassis/1"),
    }
    yield bmc
    bmc.end()


@pytest.fixture
def plain_fake() -> Iterator[FakeBmc]:
    """A web server without TLS, and without Redfish."""
    bmc = FakeBmc(None)
    yield bmc
    bmc.end()


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory, certificate: Path) -> Iterator[BmcTarget]:
    """The emulator of sushy-tools with its fake driver, by HTTPS."""
    directory = tmp_path_factory.mktemp("sushy")
    (directory / "users").write_text(f"{USER}:{bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()}\n")
    settings = {
        "SUSHY_EMULATOR_LISTEN_IP": "127.0.0.1",
        "SUSHY_EMULATOR_LISTEN_PORT": 0,
        "SUSHY_EMULATOR_FAKE_DRIVER": True,
        "SUSHY_EMULATOR_AUTH_FILE": str(directory / "users"),
        "SUSHY_EMULATOR_STATE_DIR": str(directory),
        "SUSHY_EMULATOR_SSL_CERT": str(certificate),
        "SUSHY_EMULATOR_SSL_KEY": str(certificate),
    }
    (directory / "emulator.conf").write_text("\n".join(f"{name} = {value!r}" for name, value in settings.items()))
    command = [sys.executable, "-c", EMULATOR, "--config", str(directory / "emulator.conf")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stderr is not None
            said = []
            for line in process.stderr:
                said.append(line)
                if found := re.search(r"https://127\.0\.0\.1:(\d+)", line):
                    break
            else:
                pytest.fail("sushy-emulator ended:\n" + "".join(said))
            # What it logs of every request would fill the pipe.
            threading.Thread(target=process.stderr.read, daemon=True).start()
            yield BmcTarget(
                node="node001",
                address=ip_address("127.0.0.1"),
                username=USER,
                password=PASSWORD,
                port=int(found[1]),
                timeout_s=20.0,
                options={"ca": str(certificate)},
            )
        finally:
            process.kill()
