from luna_core.testing.network_service import NetworkServiceContract
from luna_dhcp_dnsmasq.driver import DnsmasqDhcp


class TestContract(NetworkServiceContract):
    driver_class = DnsmasqDhcp
