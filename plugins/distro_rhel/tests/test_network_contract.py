"""RHEL's keyfiles keep to luna's contract; nobody but RHEL 8 reads ifcfg files (test_network.py)."""

from luna_core.testing.network_contract import NetworkContract
from luna_distro_rhel.driver import Rhel


class TestNetworkManager(NetworkContract):
    driver_class = Rhel
    reader = "networkmanager"
    has = ("usr/sbin/NetworkManager",)
    options = "[ethernet]\nmtu=1400"
