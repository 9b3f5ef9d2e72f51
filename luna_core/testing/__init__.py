"""The conformance kit: what a plugin must keep to, as classes of tests to subclass; fakes; facts to call hooks with.

| to test                | subclass                                        |
|------------------------|-------------------------------------------------|
| any plugin             | `luna_core.testing.general.PluginContract`      |
| a transport            | `luna_core.testing.transport.TransportContract` |
| a discovery            | `luna_core.testing.discovery.DiscoveryContract` |
| a `Distro`             | `luna_core.testing.distro.DistroContract`       |
| its network files      | `luna_core.testing.network_contract.NetworkContract` |
| a `PowerDriver`        | `luna_core.testing.power.PowerDriverContract`   |
| a `NetworkService`     | `luna_core.testing.network_service.NetworkServiceContract` |
| a `Store`              | `luna_core.testing.store.StoreContract`         |
"""
