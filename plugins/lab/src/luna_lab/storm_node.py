"""One node of a storm: what its firmware, its initramfs and its install script say to the controller."""

import json
import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import urlencode, urlsplit

from luna_core.node.fetch import fetch
from luna_core.node.http import Connection, HttpError
from luna_core.node.job import Job, read_job
from luna_core.node.relay import relay
from luna_lab.lab import CONTROLLER
from luna_lab.storm_dhcp import configure, lease
from luna_lab.storm_ipxe import Firmware, ScriptFailed

# In the order in which a node has them.
STEPS = ("address", "entry script", "boot script", "kernel", "initramfs", "install script", "image", "finished")
_TRIES_S = (1.0, 2.0, 5.0, 10.0, 15.0, 30.0)
_TIMEOUT_S = 120.0
_JOB = re.compile(r"cat > /run/luna/job\.json <<'(\w+)'\n(.*?)\n\1\n", re.DOTALL)
_DONE = re.compile(r"done: (\d+) bytes from peers, (\d+) from the controller")
Tell = Callable[..., None]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Who a node is; `directory` is its own."""

    number: int
    mac: str
    directory: Path


class StormNode:
    """Its network is that of the thread which calls `run`. `tell` is given each step that it has, and each trouble."""

    def __init__(self, plan: Plan, tell: Tell) -> None:
        self._plan = plan
        self._tell = tell
        self._headers: Mapping[str, str] = {}
        self._ended = Event()

    def run(self) -> None:
        """Boot and install; what can be tried again is tried again. Raises what can't be helped."""
        given = lease(self._plan.mac)
        configure(given)
        self._tell(step="address")
        arguments = self._boot(given.url)
        url, node = arguments["luna.url"], arguments["luna.node"]
        self._headers = {"Authorization": f"Bearer {arguments['luna.session']}"}
        session = self._plan.directory / "session"
        session.write_text(arguments["luna.session"])
        if arguments.get("luna.relay") == "1":
            Thread(target=self._relay, args=(url, arguments["luna.session"]), daemon=True).start()
        script = self._ask(f"{url}/boot/install?node={node}").decode()
        self._tell(step="install script")
        self._install(url, node, script)

    def _boot(self, url: str) -> dict[str, str]:
        """Follow the scripts from the entry script on; the kernel's arguments by name."""
        facts = {"netX/mac": self._plan.mac, "net0/mac": self._plan.mac, "platform": "pcbios", "buildarch": "x86_64"}
        for pause_s in _TRIES_S:
            try:
                words = Firmware(facts, self._load).run(url)
                return dict(word.partition("=")[::2] for word in words)
            except (ScriptFailed, OSError) as error:
                self._tell(trouble=f"boot: {error}")
                time.sleep(pause_s)
        raise ScriptFailed("no script led to a kernel")

    def _load(self, kind: str, url: str) -> bytes:
        """What iPXE fetches. Raises OSError where there is nothing."""
        path = url.partition("/boot/")[2]
        parts = urlsplit(url)
        connection = Connection(f"{parts.scheme}://{parts.netloc}/", timeout_s=_TIMEOUT_S)
        try:
            body = connection.get(url.removeprefix(f"{parts.scheme}://{parts.netloc}/"))
        except HttpError as error:
            self._tell(trouble=f"{kind}: {error}")
            raise OSError(str(error)) from error
        finally:
            connection.close()
        if kind in ("kernel", "initramfs"):
            self._tell(step=kind, relayed_bytes=0 if parts.hostname == str(CONTROLLER.ip) else len(body))
        elif path.startswith("ipxe"):
            self._tell(step="entry script")
        elif path.startswith("discovery") and b"luna.session=" in body:
            self._tell(step="boot script")
        return body

    def _relay(self, url: str, token: str) -> None:
        try:
            relay(url, token, self._ended, print)
        except Exception as error:  # a thread's last words would be lost
            self._tell(trouble=f"relay: {error!r}")

    def _install(self, url: str, node: str, script: str) -> None:
        for phase in ("prescript", "partscript"):
            self._report(url, node, phase, "started")
            self._report(url, node, phase, "done")
        self._report(url, node, "download", "started")
        job = self._job(script)
        fetch(job, self._say)
        self._tell(step="image")
        shutil.rmtree(job.root)
        self._report(url, node, "download", "done")
        for phase in ("setnet", "finish"):
            self._report(url, node, phase, "started")
            if phase == "finish":
                # What seeds there ends with it.
                shutil.rmtree(job.work_directory)
            self._report(url, node, phase, "done")
        self._ended.set()
        self._tell(step="finished")

    def _job(self, script: str) -> Job:
        """What the install script gives its client, with places of the node's own."""
        found = _JOB.search(script)
        if found is None:
            raise ScriptFailed("the install script has no job")
        directory = self._plan.directory
        places = {"root": "root", "work_directory": "work", "token_file": "session"}
        own: dict[str, Any] = {name: str(directory / place) for name, place in places.items()}
        (directory / "root").mkdir(exist_ok=True)
        # Its command is a program of the initramfs, and tells what is told here.
        path = directory / "job.json"
        path.write_text(json.dumps({**json.loads(found[2]), **own, "report_command": []}))
        return read_job(path)

    def _say(self, text: str) -> None:
        if found := _DONE.match(text):
            self._tell(peer_bytes=int(found[1]), server_bytes=int(found[2]))
        elif "failed" in text or "no manifest" in text:
            self._tell(trouble=text)

    def _report(self, url: str, node: str, phase: str, status: str) -> None:
        """As luna_report in the initramfs: it fails nobody."""
        form = urlencode({"node": node, "phase": phase, "status": status, "exit_status": ""}).encode()
        self._ask(f"{url}/boot/status", form)

    def _ask(self, url: str, form: bytes | None = None) -> bytes:
        """A request in the node's session, tried again as curl and the agent do. Raises HttpError at last."""
        for pause_s in _TRIES_S:
            try:
                return _request(url, self._headers, form)
            except HttpError as error:
                self._tell(trouble=str(error))
                time.sleep(pause_s)
        return _request(url, self._headers, form)


def _request(url: str, headers: Mapping[str, str], form: bytes | None) -> bytes:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=_TIMEOUT_S)
    kind = {"Content-Type": "application/x-www-form-urlencoded"} if form is not None else {}
    try:
        connection.request("GET" if form is None else "POST", url.partition(parts.netloc)[2], form, {**headers, **kind})
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, HTTPException) as error:
        raise HttpError(f"{parts.path}: {error!r}.") from error
    finally:
        connection.close()
    if not 200 <= answer.status < 300:
        raise HttpError(f"{parts.path}: status {answer.status}, {body[:200]!r}.")
    return body
