from luna_core.testing.network_service import NetworkServiceContract
from luna_dns_dnsmasq.driver import DnsmasqDns


class TestContract(NetworkServiceContract):
    driver_class = DnsmasqDns
