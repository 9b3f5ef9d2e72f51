"""The text of what systemd reads: units, the user (sysusers.d(5)), the directories and their owners (tmpfiles.d(5)).

systemd.exec(5) has the reasons of each restriction; what the daemons of DHCP, DNS and TFTP need is left to them.
"""

from collections.abc import Iterable
from pathlib import Path

from luna_core.errors import BadInput
from luna_core.services.words import plain

_NOTE = "# Written by 'luna services install', and again by the next one: changes go into drop-ins (systemctl edit).\n"

# Bind to ports below 1024, raw sockets and ARP for DHCP, chroot for TFTP; to give up root, and to look after
# processes and files of other users.
_CAPABILITIES = (
    "CAP_NET_BIND_SERVICE CAP_NET_RAW CAP_NET_ADMIN CAP_NET_BROADCAST CAP_SYS_CHROOT CAP_SETUID CAP_SETGID CAP_SETPCAP "
    "CAP_KILL CAP_CHOWN CAP_FOWNER CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_SYS_RESOURCE"
)
# What frames that are too large for a path need (tcp(7)) is a tunable of the kernel, from which the services are kept;
# a value that an administrator chose stays.
_PROBING = "/proc/sys/net/ipv4/tcp_mtu_probing"
_BEFORE = f"-+/bin/sh -c 'if grep -qx 0 {_PROBING}; then echo 1 > {_PROBING}; fi'"
_SERVICE = """
[Unit]
Description=luna, which boots the cluster{of_part}
Wants=network-online.target
After=network-online.target mongod.service
{relation}

[Service]
Type=notify
{environment}ExecStartPre={before}
ExecStart={program} serve{only}
ExecReload=/bin/kill -HUP $MAINPID
WorkingDirectory=/
KillMode=mixed
TimeoutStopSec=30
Restart=on-failure
RestartSec=5
LimitNOFILE=65536
UMask=0022
CapabilityBoundingSet={capabilities}
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths={state}
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=default
LockPersonality=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_PACKET
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service chroot
SystemCallErrorNumber=EPERM
{install}"""
# Conflicts= alone starts one while the other still stops (systemd.unit(5)), and is refused by its lock.
_PART = "PartOf=luna.target\nConflicts=luna.service\nAfter=luna.service"
_INSTALL = "\n[Install]\nWantedBy=multi-user.target\n"
_TARGET = """
[Unit]
Description=luna, which boots the cluster, one service for each part
Conflicts=luna.service
Wants={services}
"""
_USER = 'u {user} - "luna boot server" {state}\n'
_DIRECTORIES = "d {configuration} 0755 root root -\nd {state} 0755 root root -\n"
# Z gives files that root put there to the user as well, and takes them from everybody else.
_PRIVATE = "d {directory} 0700 {user} {user} -\nZ {directory} ~0700 {user} {user} -\n"
# It may hold the password of a MongoDB.
_CONFIGURATION = "z {file} 0640 root {user} -\n"


def service(program: Path, state: Path, configuration: Path | None, *, each: bool) -> str:
    """luna.service, or with `each` luna@.service; `configuration` is a luna.toml in another place than luna's own."""
    environment = f"Environment=LUNA_CONFIG={_path(configuration)}\n" if configuration else ""
    return _NOTE + _SERVICE.format(
        program=_path(program),
        state=_path(state),
        environment=environment,
        before=_BEFORE,
        capabilities=_CAPABILITIES,
        of_part=": %i" if each else "",
        only=" --only %i" if each else "",
        relation=_PART if each else "Conflicts=luna.target",
        install="" if each else _INSTALL,
    )


def target(parts: Iterable[str]) -> str:
    """luna.target, which starts a luna@.service for each part."""
    services = " ".join(f"luna@{plain(part, 'service')}.service" for part in parts)
    return _NOTE + _TARGET.format(services=services) + _INSTALL


def user(name: str, state: Path) -> str:
    """For sysusers.d."""
    return _NOTE + _USER.format(user=name, state=_path(state))


def directories(name: str, state: Path, private: Iterable[Path], configuration: Path) -> str:
    """For tmpfiles.d: everything is root's but the `private` directories, which are the user's alone."""
    lines = [_DIRECTORIES.format(configuration=_path(configuration.parent), state=_path(state))]
    lines += [_PRIVATE.format(directory=_path(one), user=name) for one in private]
    return _NOTE + "".join(lines) + _CONFIGURATION.format(file=_path(configuration), user=name)


def _path(path: Path) -> str:
    text = plain(str(path), "path")
    if "%" in text or not path.is_absolute():
        raise BadInput(f"path: {text!r} was given; accepted is an absolute path without '%'.")
    return text
