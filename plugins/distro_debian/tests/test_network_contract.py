"""Debian's four ways to configure a network keep to luna's contract."""

import pytest

from luna_core.testing.network_contract import NetworkContract
from luna_distro_debian.driver import Debian

pytestmark = pytest.mark.timeout(1200)  # the programs that read the files are fetched from Debian's archive first


class TestNetworkd(NetworkContract):
    driver_class = Debian
    reader = "networkd"
    options = "[Link]\nMTUBytes=1400"


class TestNetplan(NetworkContract):
    driver_class = Debian
    reader = "netplan"
    has = ("usr/sbin/netplan", "usr/sbin/NetworkManager")


class TestIfupdown(NetworkContract):
    driver_class = Debian
    reader = "ifupdown"
    has = ("usr/sbin/ifup", "usr/sbin/NetworkManager")
    options = "mtu 1400"


class TestNetworkManager(NetworkContract):
    driver_class = Debian
    reader = "networkmanager"
    has = ("usr/sbin/NetworkManager",)
    options = "[ethernet]\nmtu=1400"
