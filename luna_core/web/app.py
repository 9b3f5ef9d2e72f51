"""The WSGI application of lweb: routes, statuses and mounted plugins. docs/reference/http.md lists the requests."""

import importlib
import json
import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import bottle

from luna_core.boot import identify, scripts, sessions
from luna_core.errors import BadInput, LunaError
from luna_core.types import Machine
from luna_core.web.boot import BootService, plain_address
from luna_core.web.report import reported_event

log = logging.getLogger("luna.web")
IPXE = "text/plain; charset=utf-8"
MOST_BODY_BYTES = 64 << 10
LAST_PORT = 65535
FIGURES = (
    *("phase", "percent", "received_bytes", "peer_bytes", "server_bytes", "rate_bytes_s", "peers"),
    *("unpacked_percent", "unpacked_bytes", "unpack_rate_bytes_s"),
)
WsgiApplication = Callable[..., Iterable[bytes]]


def make_app(service: BootService, boot_files: Path) -> bottle.Bottle:
    """The application; `boot_files` is the directory of iPXE binaries."""
    app = bottle.Bottle()
    app.install(_sentences)
    # What plugins' applications need to know who asks (docs/reference/http.md).
    app.add_hook("before_request", lambda: bottle.request.environ.update({"luna.session_node": service.session_node}))
    routes = _Routes(service, boot_files)
    app.route("/", "GET", routes.alive)
    app.route("/boot/ipxe", "GET", routes.entry)
    app.route("/boot/discovery", "GET", routes.discovery)
    app.route("/boot/choose", "GET", routes.choose)
    app.route("/boot/service", "GET", routes.service)
    app.route("/boot/turn/<ticket>", "GET", routes.turn)
    app.route("/boot/loaded/<ticket>", "GET", routes.loaded)
    app.route("/boot/relay-failed/<ticket>", "GET", routes.relay_failed)
    app.route("/boot/install", "GET", routes.install)
    app.route("/boot/relay", "GET", routes.relay)
    app.route("/boot/private", "GET", routes.private)
    app.route("/boot/bmc", "GET", routes.bmc)
    app.route("/boot/disk-key", "GET", routes.disk_key)
    app.route("/boot/status", "POST", routes.status)
    app.route("/boot/progress", "POST", routes.progress)
    app.route("/boot/files/<name:path>", "GET", routes.boot_file)
    for answer in service.hooks.luna_web_apps():
        _mount(app, answer.plugin, answer.value.prefix, answer.value.load)
    return app


class _Routes:
    """What each request does."""

    def __init__(self, service: BootService, boot_files: Path) -> None:
        self._service = service
        self._boot_files = boot_files

    def alive(self) -> str:
        return _text("luna boot server\n")

    def entry(self) -> str:
        return _text(scripts.entry_script(_own_url()))

    def discovery(self) -> str:
        return _text(self._service.discover(_machine(), _own_url()))

    def choose(self) -> str:
        return _text(self._service.choose(_choosing_machine(), _own_url()))

    def service(self) -> str:
        return _text(self._service.rescue(_machine(), _own_url()))

    def turn(self, ticket: str) -> str:
        return _text(self._service.turn(ticket, _client(), _own_url()))

    def loaded(self, ticket: str) -> str:
        self._service.loaded(ticket)
        return _text("#!ipxe\n")

    def relay_failed(self, ticket: str) -> str:
        self._service.relay_failed(ticket)
        return _text("#!ipxe\n")

    def relay(self) -> dict[str, Any]:
        query = bottle.request.query
        version = query.get("version", "")
        return self._service.relay(_token(), _client(), _port(query.get("port", "0")), version)

    def install(self) -> str:
        node = bottle.request.query.get("node", "")
        return _text(self._service.install_script(node, _token(), _client(), _own_url()))

    def private(self) -> Any:
        archive = self._service.private_files(_token(), _client())
        kept_by_nobody = {"Cache-Control": "no-store"}
        return bottle.static_file(archive.name, str(archive.parent), "application/octet-stream", headers=kept_by_nobody)

    def bmc(self) -> str:
        bottle.response.set_header("Cache-Control", "no-store")
        return _text(self._service.bmc_password(_token(), _client()))

    def disk_key(self) -> str:
        bottle.response.set_header("Cache-Control", "no-store")
        return _text(self._service.disk_key(_token(), _client()))

    def status(self) -> None:
        form = bottle.request.forms
        self._service.report(form.get("node", ""), _token(), _client(), reported_event(form, _token()))

    def progress(self) -> None:
        said = _json_body()
        figures = {name: said[name] for name in FIGURES if isinstance(said.get(name), int | float | str)}
        self._service.progress(_token(), _client(), figures)

    def boot_file(self, name: str) -> Any:
        return bottle.static_file(name, root=str(self._boot_files), mimetype="application/octet-stream")


def _mount(app: bottle.Bottle, plugin: str, prefix: str, load: str) -> None:
    """One plugin's application that can't be loaded must not take the boot server down."""
    module, _, attribute = load.partition(":")
    try:
        application: WsgiApplication = getattr(importlib.import_module(module), attribute)
        app.mount(f"/{prefix.strip('/')}/", application)
    except Exception:
        log.exception("plugin %s: its web application %s is left out", plugin, load)


def _sentences(callback: Callable[..., Any]) -> Callable[..., Any]:
    """Turn luna's errors into a status and their sentence; anything else is logged and shown without detail."""

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return callback(*args, **kwargs)
        except sessions.Refused as error:
            return _failed(403, str(error))
        except BadInput as error:
            return _failed(400, str(error))
        except LunaError as error:
            return _failed(503, str(error))
        except bottle.HTTPResponse:
            raise
        except Exception:
            log.exception("%s %s failed", bottle.request.method, bottle.request.path)
            return _failed(500, "The controller failed; its log says how.")

    return wrapped


def _failed(status: int, sentence: str) -> bottle.HTTPResponse:
    log.warning("%s %s from %s: %s", bottle.request.method, bottle.request.path, bottle.request.remote_addr, sentence)
    return bottle.HTTPResponse(sentence + "\n", status=status, headers={"Content-Type": IPXE})


def _text(script: str) -> str:
    bottle.response.content_type = IPXE
    return script


def _own_url() -> str:
    """The controller as the client reached it, which is right in every network that it serves."""
    parts = bottle.request.urlparts
    return f"{parts.scheme}://{parts.netloc}"


def _client() -> str:
    return plain_address(bottle.request.remote_addr or "0.0.0.0")  # noqa: S104 - a client's, never listened on


def _token() -> str:
    scheme, _, token = (bottle.request.get_header("Authorization") or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _machine() -> Machine:
    query = bottle.request.query
    return Machine(
        macs=identify.normal_macs([*query.getall("booted"), *query.getall("mac")]),
        address=_client(),
        serial=_printable("serial"),
        asset_tag=_printable("asset"),
        vendor=_printable("vendor"),
        product=_printable("product"),
        architecture=_printable("arch"),
    )


def _port(given: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", given) or int(given) > LAST_PORT:
        raise BadInput(f"port: {given!r} was given; accepted is 0 to {LAST_PORT}.")
    return int(given)


def _printable(field: str) -> str:
    """What the machine said, without what would act on the terminal of whoever lists it."""
    text = bottle.request.query.getunicode(field, "")
    return "".join(one for one in text if one.isprintable()).strip()


def _choosing_machine() -> Machine:
    query = bottle.request.query
    return replace(_machine(), chosen_node=query.get("node", ""), chosen_group=query.get("group", ""))


def _json_body() -> dict[str, Any]:
    try:
        said = json.loads(bottle.request.body.read(MOST_BODY_BYTES))
    except ValueError as error:
        raise BadInput(f"The body is no JSON: {error}.") from error
    if not isinstance(said, dict):
        raise BadInput("The body is no JSON object.")
    return said
