from luna_core.testing.network_service import NetworkServiceContract
from luna_dhcp_kea.driver import KeaDhcp


class TestContract(NetworkServiceContract):
    driver_class = KeaDhcp
