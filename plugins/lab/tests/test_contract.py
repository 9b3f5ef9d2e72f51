from luna_core.testing.general import PluginContract


class TestPlugin(PluginContract):
    module = "luna_lab.plugin"
