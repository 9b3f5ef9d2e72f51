from luna_core.testing.general import PluginContract
from luna_core.testing.network_service import NetworkServiceContract
from luna_dns_bind.driver import BindDns


class TestContract(NetworkServiceContract):
    driver_class = BindDns


class TestPlugin(PluginContract):
    module = "luna_dns_bind.plugin"
