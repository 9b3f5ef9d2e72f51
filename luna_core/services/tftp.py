"""TFTP for the DHCP servers that don't bring their own."""

from luna_core.services import configured
from luna_core.services.words import plain
from luna_core.types import Cluster, Service


def tftp_service(cluster: Cluster) -> Service:
    """in.tftpd of tftpd-hpa (tftpd(8)), read-only on the directory of the setting `tftp.directory`."""
    directory = plain(configured.text(cluster, "tftp.directory"), "setting tftp.directory")
    return Service(name="tftp", command=("in.tftpd", "--foreground", "--secure", directory))
