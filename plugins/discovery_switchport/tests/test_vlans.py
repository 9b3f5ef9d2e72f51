"""Switches that tell their MACs for one VLAN at a time, through a simulator that nobody here wrote."""

import asyncio
from collections.abc import Callable

import pytest

from luna_core.types import Switch
from luna_discovery_switchport.agent import Agent
from luna_discovery_switchport.poll import read_switch

BRIDGE, NAME = "1.3.6.1.2.1.17", "1.3.6.1.2.1.31.1.1.1.1"
BASE = f"{BRIDGE}.1.4.1.2.1|2|10101\n{NAME}.10101|4|Gi1/0/1\n{NAME}.10102|4|Gi1/0/2\n"
STATES = "".join(f"1.3.6.1.4.1.9.9.46.1.3.1.1.2.1.{vlan}|2|1\n" for vlan in (10, 20))
OF_VLAN = {
    vlan: f"{BRIDGE}.1.4.1.2.{port}|2|{index}\n{BRIDGE}.4.3.1.2.82.84.0.0.0.{port}|2|{port}\n"
    for vlan, port, index in ((10, 1, 10101), (20, 2, 10102))
}
USER = (
    *("--v3-user=simu", "--v3-auth-key=auctoritas", "--v3-auth-proto=SHA256"),
    *("--v3-priv-key=privatus1", "--v3-priv-proto=AES"),
)
V3 = {
    **{"snmp_version": "3", "user": "simu", "auth_protocol": "SHA256", "auth_password": "auctoritas"},
    **{"privacy_protocol": "AES", "privacy_password": "privatus1"},
}


@pytest.mark.parametrize("version", ["2c", "3"])
def test_each_vlan_is_asked_for_with_its_community_or_context(
    simulate: Callable[..., int], local_switch: Callable[..., Switch], version: str
) -> None:
    pattern = "cat@{}" if version == "2c" else "vlan-{}"
    recordings = {"cat": BASE + STATES} | {pattern.format(vlan): rows for vlan, rows in OF_VLAN.items()}
    port = simulate(recordings, *(USER if version == "3" else ()))
    switch = local_switch("cat", port, context="cat", **(V3 if version == "3" else {}))

    async def found() -> set[tuple[str, int | None, int | None]]:
        agent = Agent(switch)
        try:
            snapshot = await read_switch(agent)
        finally:
            agent.close()
        names = {one.if_index: one.name for one in snapshot.ports}
        assert names == {10101: "Gi1/0/1", 10102: "Gi1/0/2"}
        return {(one.mac, one.vlan, one.if_index) for one in snapshot.entries}

    assert asyncio.run(found()) == {("52:54:00:00:00:01", 10, 10101), ("52:54:00:00:00:02", 20, 10102)}
