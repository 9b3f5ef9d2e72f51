"""What machines ask while they boot: who they are, what to load, what to do, and where they report it."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Any

from luna_core import types
from luna_core.boot import disk_key, local_boot, scripts, sessions, waiting
from luna_core.boot.architecture import misfit
from luna_core.boot.bmc import bmc_password
from luna_core.boot.facts import BootFacts, ask_plugins, boot_facts, files_url
from luna_core.boot.identify import BOOT_INTERFACE, Verdict
from luna_core.boot.mark import WaitingMark
from luna_core.boot.relays import ASK_S, IDLE_S, RENEW_S, Relay, Relays, relay_url
from luna_core.boot.rescue import rescue_facts, rescue_script
from luna_core.boot.system import own_system
from luna_core.boot.view import View, Views
from luna_core.boot.waves import CONTROLLER, Load, Wait, Waves
from luna_core.errors import BadInput
from luna_core.image.versions import private_file
from luna_core.model import Node, NodeState
from luna_core.model.boot import BootEvent, BootSession
from luna_core.operations import Luna, Work
from luna_core.operations.inherit import Lineages
from luna_core.types import SettingValue
from luna_core.web.commit import GroupCommit
from luna_core.web.discovery import Discovery
from luna_core.web.neighbours import neighbour_mac

log = logging.getLogger("luna.web")
IMAGES = "images"
MOST_ASKERS = 20_000
ASKER_S = 30.0


class BootService:
    """Answers machines. Safe to use from many threads; what a restart loses of it, nodes tell anew or don't need."""

    def __init__(self, luna: Luna, neighbour: Callable[[str], str | None] = neighbour_mac) -> None:
        self.luna = luna
        self.commits = GroupCommit(luna)
        # Loaded before there are threads that could load them twice.
        self.hooks = luna.hooks
        self._views = Views(luna)
        self._discovery = Discovery(luna, self._views, self.commits, neighbour)
        self._waves = Waves()
        self._waiting = WaitingMark(luna.settings.boots_wait_file)
        self._relays = Relays()
        self._askers: dict[tuple[str, str], tuple[types.Node, float]] = {}
        self.versions = luna.settings.state_directory / IMAGES

    def discover(self, machine: types.Machine, url: str) -> str:
        """The iPXE script for a machine: its boot if it is a node, else the menu."""
        verdict = self._discovery.recognise(machine)
        if verdict.node is None:
            return self._discovery.menu(machine, verdict, url, self._settings())
        return self._boot(verdict.node, verdict, machine, url)

    def choose(self, machine: types.Machine, url: str) -> str:
        """Give a machine the name that was chosen at its console, and boot it; raises BadInput if it can't have it."""
        if not self._settings()["boot.menu_naming"]:
            raise BadInput("Naming a machine at its console is switched off (setting boot.menu_naming).")
        verdict = self._discovery.recognise(machine)
        if verdict.node is None:
            raise BadInput(str(verdict.waits))
        return self._boot(verdict.node, verdict, machine, url)

    def rescue(self, machine: types.Machine, url: str) -> str:
        """The iPXE script that boots a machine into a rescue system without a name; raises LunaError."""
        machine = replace(machine, settings=self._settings())
        return rescue_script(self.hooks, self.luna.read(lambda work: rescue_facts(work, machine, self.versions)), url)

    def install_script(self, node: str, token: str, address: str, url: str) -> str:
        """The install script of a live session's node; raises Refused."""

        def operation(work: Work, view: View) -> tuple[BootSession, BootFacts]:
            session = sessions.authenticate(work, token, node, address)
            return session, self._facts(work, view, session.node, session.manifest_sha256)

        session, facts = self._views.read(operation)
        offers = ask_plugins(self.hooks, facts)
        script = scripts.install_script(url, facts, offers, *own_system(facts, self.luna.settings))
        event = BootEvent(time=sessions.now(), phase="script", status="done")

        def keep(work: Work) -> None:
            # It may be one that came in force since the boot began.
            current = work.by_id(BootSession, session.id).changed(**_version(facts))
            sessions.record_event(work, current, event)

        self.commits.run(keep)
        self._waves.leave(session.node)
        return script

    def turn(self, ticket: str, address: str, url: str) -> str:
        """The iPXE script for a node that waits: to wait on, or to ask anew. Hundreds ask, so no store is read."""
        wait = self._waves.still(ticket, lambda version: self._relays.of(version, address))
        if wait is None:
            return scripts.again_script(url)
        self._waiting.touch()
        return scripts.wait_script(url, wait)

    def loaded(self, ticket: str) -> None:
        """A node has kernel and initramfs: its place in the wave is free."""
        self._waves.loaded(ticket)

    def relay_failed(self, ticket: str) -> None:
        """A node got no whole kernel and initramfs from its relay, and asks the controller for them."""
        loads = self._waves.relay_failed(ticket)
        if loads is None:
            return

        def keep(work: Work) -> tuple[str, str]:
            node = work.by_id(Node, loads)
            (boot,) = sessions.boots(work, node, limit=1)
            sessions.record_relay_failed(work, node)
            return node.name, boot.loads_from

        log.warning("%s got no whole kernel and initramfs from %s, which relays them", *self.commits.run(keep))

    def relay(self, token: str, address: str, port: int, version: str) -> dict[str, Any]:
        """What a live session's node is to relay, and where it gets that; raises Refused.

        It says which `version` it serves at `port` now, if any, and is to ask again after the `pause_s` of the answer.
        """
        session, relays = self._views.read(
            lambda work, view: (sessions.authenticate(work, token, None, address), view.settings["boot.relays"])
        )
        wanted = session.manifest_sha256
        if not relays:
            return {"pause_s": IDLE_S}
        if port and version == wanted:
            own = relay_url(address, port, version)
            self._relays.offer(Relay(node=session.node, name=session.name, version=version, url=own))
            self._waves.leave(session.node)
            return {"pause_s": RENEW_S}
        load = self._waves.copy(session.node, wanted, list(self._relays.of(wanted, address)))
        if load is None:
            return {"pause_s": ASK_S if self._waves.waiting(wanted) else IDLE_S}
        facts = self._views.read(lambda work, view: self._facts(work, view, session.node))
        controller = files_url(ask_plugins(self.hooks, facts))
        return {"pause_s": 0, "version": wanted, "sources": [*filter(None, [load.source]), controller]}

    def private_files(self, token: str, address: str) -> Path:
        """The archive of the private files of the version that a live session's node installs; raises Refused."""
        return private_file(self.versions / self._session(token, None, address).manifest_sha256)

    def bmc_password(self, token: str, address: str) -> str:
        """The password that a live session's node gives its BMC; raises Refused, BadInput if it has none to set up."""

        def operation(work: Work) -> str:
            node = work.by_id(Node, sessions.authenticate(work, token, None, address).node)
            return bmc_password(work, node, Lineages(work).of(node.group))

        return self.luna.read(operation)

    def disk_key(self, token: str, address: str) -> str:
        """The key of a live session's node, made if it has none; raises Refused, BadInput if nothing is encrypted."""

        def operation(work: Work) -> tuple[str, str]:
            node = work.by_id(Node, sessions.authenticate(work, token, None, address).node)
            return node.name, disk_key.needed_key(work, node)

        name, key = self.luna.read(operation)
        return key or self.luna.change(lambda work: disk_key.make_key(work, name), f"key of the disks of {name}")

    def report(self, node: str, token: str, address: str, event: BootEvent) -> None:
        """Keep what a node reports of a phase; raises Refused."""
        before, after = self._kept(node, token, address, event)
        if before.outcome != after.outcome:
            if after.outcome == "installed":
                self._relays.withdraw(after.node)
            self._tell(after.node, before.outcome, after.outcome)

    def _kept(self, node: str, token: str, address: str, event: BootEvent) -> tuple[BootSession, BootSession]:
        """The session before and after what was reported, which is in the store then."""

        def keep(work: Work) -> tuple[BootSession, BootSession]:
            before = sessions.authenticate(work, token, node, address)
            return before, self._event(work, before, event)

        last = (event.phase, event.status) == (sessions.LAST_PHASE, "done")
        if last and not self.up_port() and self._is_to_boot_locally(session := self._session(token, node, address)):
            kept: list[tuple[BootSession, BootSession]] = []
            # In one step, for the session ends with it: what fails is reported again, what is kept is not.
            try:
                self._boot_locally(session, lambda work: kept.append(keep(work)))
                return kept[-1]
            except BadInput as error:
                # It would be refused for ever, and nodes drop reports that are; the installation is none the worse.
                log.warning("%s can't be told to boot locally: %s", session.name, error)
        return self.commits.run(keep)

    def progress(self, token: str, address: str, figures: dict[str, float | str]) -> None:
        """Keep the newest figures of a transfer; raises Refused."""

        def keep(work: Work) -> None:
            session = sessions.authenticate(work, token, None, address)
            sessions.record_progress(work, session.id, figures)

        self.commits.run(keep)

    def _session(self, token: str, node: str | None, address: str) -> BootSession:
        return self.luna.read(lambda work: sessions.authenticate(work, token, node, address))

    def _boot(self, node: Node, verdict: Verdict, machine: types.Machine, url: str) -> str:
        facts = verdict.facts or self._views.read(lambda work, view: self._facts(work, view, node.id))
        if verdict.named_by:
            self.hooks.luna_node_identified(facts.node, verdict.named_by.value)
        offers = ask_plugins(self.hooks, facts)
        local = scripts.boots_locally(facts)
        scripts.refuse_unbootable(url, facts, offers)
        address = self._boot_address(facts, machine)
        self._relays.withdraw(node.id)
        if not local and (reason := misfit(facts, machine)):
            return self._refuse(facts, verdict, machine, reason, url)
        turn = self._turn(facts, machine.address)
        if isinstance(turn, Wait):
            return self._wait(facts, verdict, machine, turn, url)
        relay = self._relays.of(facts.version.manifest_sha256, machine.address).get(turn.source)

        def open_one(work: Work) -> sessions.Opened:
            waiting.forget(work, machine.macs)
            values = {} if local else {**_version(facts), "loads_from": relay.name if relay else ""}
            work.refuse_gone(node)
            opened = sessions.open_session(work, node, address, values, waited=turn.waited)
            if local:
                sessions.record_local(work, opened.session)
            if verdict.notices:
                work.put(work.by_id(BootSession, opened.session.id).changed(notices=verdict.notices))
            return opened

        opened = self.commits.run(open_one)
        self._tell(node.id, facts.node.state, "installed" if local else "booting")
        return scripts.boot_script(url, facts, offers, opened.token, ticket=turn.ticket, relay=relay)

    def _turn(self, facts: BootFacts, address: str) -> Load | Wait:
        """Whether a node may load kernel and initramfs; nobody waits for a rescue system."""
        places = int(str(facts.node.cluster.settings["boot.wave"]))
        if places <= 0 or scripts.boots_locally(facts) or facts.profile["service"]:
            return Load(source=CONTROLLER, ticket="")
        version = facts.version.manifest_sha256
        return self._waves.enter(facts.node.id, version, places, list(self._relays.of(version, address)))

    def _wait(self, facts: BootFacts, verdict: Verdict, machine: types.Machine, wait: Wait, url: str) -> str:
        """Keep that a node waits, once, and have it ask again."""
        self._waiting.touch()
        if wait.first:
            self._keep(facts, verdict, machine, partial(sessions.record_waiting, before=wait.before))
            self._tell(facts.node.id, facts.node.state, sessions.WAITING_PHASE)
        return scripts.wait_script(url, wait, facts.node.name)

    def _refuse(self, facts: BootFacts, verdict: Verdict, machine: types.Machine, reason: str, url: str) -> str:
        """Keep why a node can't boot, once, and have it ask again."""
        if self._keep(facts, verdict, machine, partial(sessions.record_refused, reason=reason)):
            self._tell(facts.node.id, facts.node.state, "failed")
        return scripts.refused_script(url, reason)

    def _keep(
        self, facts: BootFacts, verdict: Verdict, machine: types.Machine, record: Callable[..., BootSession | None]
    ) -> bool:
        """Keep a boot that doesn't load yet; False if it is known already."""
        address = self._boot_address(facts, machine)

        def keep(work: Work) -> bool:
            waiting.forget(work, machine.macs)
            session = record(work, work.by_id(Node, facts.node.id), address, _version(facts))
            if session:
                work.put(session.changed(notices=verdict.notices))
            return session is not None

        return self.commits.run(keep)

    def _boot_address(self, facts: BootFacts, machine: types.Machine) -> str:
        """Where the node's next requests come from: its own address, or what DHCP gave iPXE and gives it again."""
        interface = facts.node.interface(BOOT_INTERFACE)
        family = ip_address(machine.address).version
        own = [str(one.address.ip) for one in interface.addresses if one.address.version == family] if interface else []
        return own[0] if own and facts.profile["boot_address"] != "dhcp" else machine.address

    def _facts(self, work: Work, view: View, node_id: str, booted: str = "") -> BootFacts:
        node = work.by_id(Node, node_id)
        return boot_facts(work, view.settings, node, self.versions, view=view, booted=booted)

    def _settings(self) -> Mapping[str, SettingValue]:
        return self._views.settings()

    def session_node(self, key: str, address: str) -> types.Node | None:
        """The node that a plugin's web application is asked by: by a key that its client derived from its token."""
        known = self._askers.get((key, address))
        if known and known[1] > time.monotonic():
            return known[0]

        def operation(work: Work, view: View) -> types.Node | None:
            session = sessions.of_tracker_key(work, key, address)
            return view.resolver(work).node(work.by_id(Node, session.node)) if session else None

        node = self._views.read(operation)
        if node is None:
            return None
        if len(self._askers) > MOST_ASKERS:
            self._askers.clear()
        self._askers[key, address] = (node, time.monotonic() + ASKER_S)
        return node

    def installed(self) -> list[BootSession]:
        """The newest boots of nodes that are installed but were not seen up yet."""

        def operation(work: Work) -> list[BootSession]:
            waiting = [one.id for one in work.all(NodeState) if one.state == "installed"]
            newest = [sessions.boots(work, node, limit=1) for node in work.many(Node, waiting)]
            return [one for found in newest for one in found if one.outcome == "installed"]

        return self.luna.read(operation)

    def is_up(self, session: BootSession) -> None:
        """Keep that a node's own system answers, which is when an installation has proved good."""

        def keep(work: Work) -> None:
            sessions.record_up(work, work.by_id(BootSession, session.id))

        if self._is_to_boot_locally(session):
            self._boot_locally(session, keep)
        else:
            self.commits.run(keep)
        self._tell(session.node, "installed", "up")

    def _is_to_boot_locally(self, session: BootSession) -> bool:
        return self.luna.read(lambda work: local_boot.is_asked_for(work, session))

    def _boot_locally(self, session: BootSession, keep: Callable[[Work], None]) -> None:
        """Have a node boot from its own disk from now on, and what else is to be kept, with an entry in the history."""

        def operation(work: Work) -> None:
            keep(work)
            local_boot.set_local_boot(work, session)

        self.luna.change(operation, f"local boot of {session.name} after its installation")

    def up_port(self) -> int:
        """The TCP port by which a node is known to be up; 0 if nobody is to look."""
        return int(str(self._settings()["boot.up_port"]))

    def _tell(self, node_id: str, old: str, new: str) -> None:
        if not self.hooks.listens("luna_node_state_changed"):
            return
        facts = self._views.read(lambda work, view: view.resolver(work).node(work.by_id(Node, node_id)))
        self.hooks.luna_node_state_changed(facts, old, new)

    @staticmethod
    def _event(work: Work, session: BootSession, event: BootEvent) -> BootSession:
        return sessions.record_event(work, work.by_id(BootSession, session.id), event)


def _version(facts: BootFacts) -> dict[str, str | int]:
    return {
        "image": facts.image.name,
        "version": facts.version.number,
        "manifest_sha256": facts.version.manifest_sha256,
    }


def plain_address(remote: str) -> str:
    """A client's address as luna stores it: an IPv4 client of a dual-stack socket (RFC 4291, 2.5.5.2) is IPv4."""
    address = ip_address(remote.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)
