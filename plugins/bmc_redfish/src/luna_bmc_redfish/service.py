"""A BMC's Redfish service: logging in, and the resources behind its links (DMTF DSP0266)."""

import base64
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

from luna_bmc_redfish.options import options_of
from luna_bmc_redfish.requests import Requests, document
from luna_bmc_redfish.resources import Resource, link_of, record, records, text
from luna_bmc_redfish.sentences import Refused, problem, refusal
from luna_bmc_redfish.wire import Response
from luna_core.errors import LunaError
from luna_core.types import BmcTarget

ROOT = "/redfish/v1/"
_PRECONDITION = (412, 428)


class Service:
    """One BMC for the time of one operation: logged in within `with`. Everything here raises LunaError."""

    def __init__(self, bmc: BmcTarget) -> None:
        self.bmc = bmc
        self.options = options_of(bmc)
        self.root: Resource = {}
        self._requests = Requests(bmc, self.options)
        self._login: dict[str, str] = {}
        self._session = ""
        self._may_open_session = self.options.login == "auto"

    def __enter__(self) -> Self:
        try:
            self._log_in()
        except BaseException:
            self._requests.close()
            raise
        return self

    def __exit__(self, *details: object) -> None:
        if self._session:
            # A session that can't be ended ends by itself, and what was asked for is done or has failed already.
            with suppress(LunaError):
                self._ask("DELETE", self._session)
        self._requests.close()

    def get(self, link: str) -> Resource:
        """The resource at `link`. Raises Refused if the BMC has none there."""
        response = self._accepted(self._ask("GET", link))
        if found := document(response):
            return found
        raise problem(self.bmc, "gives an answer that is no JSON object, as everything in Redfish is")

    def post(self, link: str, body: Resource) -> None:
        """Carry out the action at `link`; the BMC may still be busy with it afterwards."""
        self._accepted(self._ask("POST", link, body))

    def patch(self, link: str, body: Resource) -> None:
        """Change the resource at `link`."""
        response = self._ask("PATCH", link, body)
        if response.status in _PRECONDITION:
            # Some insist on being told which state is to change. RFC 9110 lets weak tags match nothing, so BMCs that
            # have only such tags want them as they are, or made strong.
            tag = self._ask("GET", link).headers.get("ETag", "")
            for form in dict.fromkeys((tag, tag.removeprefix("W/"))):
                if form and response.status in _PRECONDITION:
                    response = self._ask("PATCH", link, body, {"If-Match": form})
        self._accepted(response)

    def members(self, link: str) -> Iterator[Resource]:
        """Everything in a collection, page by page; what it has only links to is fetched."""
        seen: set[str] = set()
        page = self._expanded(link)
        while True:
            for member in records(page, "Members"):
                yield self.get(link_of(member)) if set(member) == {"@odata.id"} else member
            following = text(page, "Members@odata.nextLink")
            if not following or following in seen:
                return
            seen.add(following)
            page = self.get(following)

    def left_s(self) -> float:
        """How many seconds are left for the operation. Raises LunaError if none are."""
        return self._requests.left_s()

    def _expanded(self, link: str) -> Resource:
        if record(self.root, "ProtocolFeaturesSupported", "ExpandQuery").get("NoLinks") is True:
            with suppress(Refused):
                return self.get(f"{link}?$expand=.")
        return self.get(link)

    def _log_in(self) -> None:
        self.root = document(self._ask("GET", ROOT))
        # Only who speaks Redfish is told the password.
        if not text(self.root, "RedfishVersion"):
            raise problem(self.bmc, f"has no Redfish service: at {ROOT} of port {self.options.port} is something else")
        if self.options.login == "session":
            self._open_session()
            return
        # A basic login needs no request of its own, and leaves nothing behind on a BMC that has few sessions to give.
        words = f"{self.bmc.username}:{self.bmc.password}".encode()
        self._login = {"Authorization": f"Basic {base64.b64encode(words).decode()}"}

    def _open_session(self) -> None:
        self._login = {}
        link = link_of(self.root, "Links", "Sessions") or f"{ROOT}SessionService/Sessions"
        names = {"UserName": self.bmc.username, "Password": self.bmc.password}
        response = self._accepted(self._requests.ask("POST", link, {}, names))
        token = response.headers.get("X-Auth-Token")
        if not token:
            raise problem(self.bmc, "opened a session, but gave no token for it")
        self._login = {"X-Auth-Token": token}
        # BMCs may call themselves by a name here that nothing else knows them by.
        with suppress(ValueError):
            self._session = urlsplit(response.headers.get("Location", "")).path

    def _ask(
        self, method: str, link: str, body: Resource | None = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        response = self._requests.ask(method, link, {**self._login, **(headers or {})}, body)
        offered = response.headers.get("WWW-Authenticate", "").lower()
        if response.status == 401 and self._login and self._may_open_session and "basic" not in offered:
            self._may_open_session = False
            self._open_session()
            response = self._requests.ask(method, link, {**self._login, **(headers or {})}, body)
        return response

    def _accepted(self, response: Response) -> Response:
        if response.status >= 300:
            raise refusal(self.bmc, response.status, document(response))
        return response
