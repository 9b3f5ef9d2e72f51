"""Logging in by ssh: only to a machine that has a pinned host key, and without ever asking or learning one."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from luna_core.errors import CommandFailed, LunaError
from luna_core.operations.transfer.targets import Target
from luna_core.run import run

ROOT = "root"
_MOST_S = 120.0
# The first value of an option counts (ssh_config(5)), so that the administrator's own files, which may name keys and
# jump hosts, change none of these. A shared connection would be one whose host key nobody checked here.
_OPTIONS = """\
Host *
    User {user}
    BatchMode yes
    StrictHostKeyChecking yes
    UserKnownHostsFile "{known_hosts}"
    GlobalKnownHostsFile /dev/null
    IgnoreUnknown KnownHostsCommand
    KnownHostsCommand none
    VerifyHostKeyDNS no
    UpdateHostKeys no
    CheckHostIP no
    ControlPath none
    ClearAllForwardings yes
    ForwardAgent no
    ForwardX11 no
    PermitLocalCommand no
    RemoteCommand none
    RequestTTY no
    ConnectTimeout 20
    ServerAliveInterval 15
    ServerAliveCountMax 4
    LogLevel ERROR
{identity}
Host *
    Include ~/.ssh/config
    Include /etc/ssh/ssh_config
"""
_HOST = 'Host {alias}\n    HostName "{address}"\n    HostKeyAlias {alias}\n'


@dataclass(frozen=True, kw_only=True)
class Account:
    """Who logs in, and with which private key if not the administrator's own; but for root by way of sudo(8)."""

    user: str = ROOT
    identity: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Logins:
    """A way to the machines that the ssh configuration names, each under its `alias`."""

    configuration: Path
    account: Account

    @property
    def privileged(self) -> str:
        """What goes before a command that needs root there."""
        return "" if self.account.user == ROOT else "sudo --non-interactive "

    def run(self, target: Target, script: str) -> str:
        """Run a shell script as root there and return what it prints; raises LunaError that names the machine."""
        command: list[str | Path] = ["ssh", "-F", self.configuration, alias(target), f"{self.privileged}sh"]
        try:
            return run(command, stdin=script, timeout_s=_MOST_S)
        except CommandFailed as error:
            raise LunaError(self._sentence(target, str(error))) from error

    def _sentence(self, target: Target, said: str) -> str:
        where = target.name if target.name == target.address else f"{target.name} at {target.address}"
        if "Host key verification failed" in said or "no matching host key type" in said:
            return (
                f"{where} has another ssh host key than {target.name} is known by, so nothing was sent there. Either "
                "it is another machine, or its keys were made anew since it was installed: then boot it once more, or "
                "give its keys with --known-hosts."
            )
        if "Permission denied" in said:
            return (
                f"{where} lets {self.account.user} in by none of your ssh keys; --identity names another. Those of "
                "the setting image.authorized_keys are let in."
            )
        return f"{where} can't be worked on: {printable(said.splitlines()[-1])}"


def printable(said: str) -> str:
    """What a machine said, without what a terminal would take for commands or another line."""
    return "".join(one if one.isprintable() else "?" for one in said)


def alias(target: Target) -> str:
    """What ssh calls a machine: a name that rsync takes for none of its own notations, as an IPv6 address would be."""
    return "".join(one if one.isalnum() or one in ".-" else "-" for one in target.name).lstrip("-")


@contextmanager
def logins(targets: Sequence[Target], account: Account) -> Iterator[Logins]:
    """Everything that ssh needs, in files that only this process's user can read and that go with the block."""
    with tempfile.TemporaryDirectory(prefix="luna-ssh-") as directory:
        known_hosts = Path(directory, "known_hosts")
        known_hosts.write_text("".join(f"{alias(one)} {key}\n" for one in targets for key in one.host_keys))
        configuration = Path(directory, "config")
        hosts = "".join(_HOST.format(alias=alias(one), address=one.address) for one in targets)
        identity = f'    IdentityFile "{os.path.abspath(account.identity)}"' if account.identity else ""
        options = _OPTIONS.format(user=account.user, known_hosts=known_hosts, identity=identity)
        configuration.write_text(hosts + options)
        yield Logins(configuration=configuration, account=account)
