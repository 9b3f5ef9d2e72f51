from luna_core.testing.network_service import NetworkServiceContract
from luna_dhcp_isc.driver import IscDhcp


class TestContract(NetworkServiceContract):
    driver_class = IscDhcp
