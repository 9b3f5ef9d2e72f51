"""Who asks: recognises machines, remembers those that have to wait, and offers them a menu."""

import logging
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from luna_core.boot import scripts, sessions, waiting
from luna_core.boot.free import free_nodes, may_grow
from luna_core.boot.identify import Verdict, recognise
from luna_core.boot.view import Views
from luna_core.interfaces import Transaction
from luna_core.model import Group
from luna_core.operations import Luna
from luna_core.operations.history import last_number
from luna_core.types import Machine, SettingValue
from luna_core.web.commit import GroupCommit

log = logging.getLogger("luna.web")
SHOWN_FREE = 40
Offer = tuple[int, list[tuple[str, str]], list[str]]


class Discovery:
    """Safe to use from many threads. What it holds is only what the store says until its next change."""

    def __init__(self, luna: Luna, views: Views, commits: GroupCommit, neighbour: Callable[[str], str | None]) -> None:
        self._luna = luna
        self._views = views
        self._commits = commits
        self._neighbour = neighbour
        self._offer: Offer = (-1, [], [])

    def recognise(self, machine: Machine) -> Verdict:
        """Which node the machine is; one that has to wait is remembered. Raises Refused, BadInput."""
        neighbour = self._neighbour(machine.address)
        verdict = recognise(self._luna, self._views, machine, neighbour)
        for notice in verdict.notices:
            log.warning("%s", notice.text)
        waits = verdict.waits
        # What somebody says of another machine's cards is nothing to remember.
        if waits is not None and (neighbour is None or neighbour in machine.macs):
            seen = sessions.now()
            self._commits.run(lambda work: waiting.remember(work, machine, waits, verdict.answers, seen))
        return verdict

    def menu(self, machine: Machine, verdict: Verdict, url: str, settings: Mapping[str, SettingValue]) -> str:
        """The menu of a machine that waits, with the names that it may have."""
        said = (("serial", machine.serial), ("asset", machine.asset_tag), ("arch", machine.architecture))
        query = [*(("booted", mac) for mac in machine.macs[:1]), *(("mac", mac) for mac in machine.macs), *said]
        naming = bool(settings["boot.menu_naming"])
        free, groups = self._offered(settings) if naming else ([], [])
        return scripts.menu_script(
            url,
            query=urlencode(query),
            free=free[:SHOWN_FREE],
            groups=groups,
            naming=naming,
            reason=str(verdict.waits),
            command=verdict.waits.command if verdict.waits else "",
        )

    def _offered(self, settings: Mapping[str, SettingValue]) -> tuple[list[tuple[str, str]], list[str]]:
        """Free nodes with their groups, and the groups in which a machine can become the next one."""
        self._offer = self._luna.look(self._newest_offer)
        _, free, groups = self._offer
        having = {group for _, group in free}
        return free, [group for group in groups if group in having or may_grow(group, settings)]

    def _newest_offer(self, transaction: Transaction) -> Offer:
        """A rack of machines that all ask must not read all nodes for each."""
        number = last_number(transaction)
        if self._offer[0] == number:
            return self._offer
        groups = sorted(record.body["name"] for record in transaction.fetch(Group.kind))
        return number, free_nodes(transaction), groups
