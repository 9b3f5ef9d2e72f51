"""The session that luna's design promises, typed into a real shell's place."""

from collections.abc import Callable
from typing import Any

SESSION = """\
luna cluster init --frontend-address 10.141.255.254
luna network add cluster --network 10.141.0.0/16 --gateway 10.141.255.254 --dhcp 10.141.128.1-10.141.140.255
luna network add ipmi --network 10.148.0.0/16
luna bmcsetup add default --user admin --password @-
luna osimage add compute --path /srv/tree
luna group add compute --osimage compute --bmcsetup default
luna group interface add compute BOOTIF --network cluster
luna group interface add compute BMC --network ipmi
luna switch add sw01 --address 10.148.255.1 --community @-
luna node add node[001-040] --group compute --switch sw01 --ports 1-40
"""


def test_the_session_of_the_design_works_as_written(process: Callable[..., Any]) -> None:
    for line in SESSION.splitlines():
        done = process(*line.split()[1:], input="s3cret\n")
        assert (done.status, done.err) == (0, ""), line

    nodes = process("node", "list", "-o", "json").json
    assert [node["name"] for node in nodes] == [f"node{number:03d}" for number in range(1, 41)]
    assert nodes[6] == {
        "name": "node007",
        "group": "compute",
        "macs": [],
        "addresses": {"BOOTIF": ["10.141.0.7"], "BMC": ["10.148.0.7"]},
        "state": "unknown",
        "image": "compute",
        "tags": [],
        "switch": "sw01",
        "port": "7",
        "rack": None,
        "comment": "",
    }

    explained = process("node", "show", "node001", "--explain").out
    assert any(line.split() == ["osimage", "compute", "group", "compute"] for line in explained.splitlines())

    plugins = process("plugin", "list", "-o", "json", LUNA_NO_PLUGINS="").json
    fields = {"name", "kind", "distribution", "version", "status", "reason"}
    assert plugins
    assert all(fields <= set(plugin) for plugin in plugins)

    assert process("doctor").status == 0
    secrets = process("bmcsetup", "show", "default").out + process("diff", "4").out + process("export").out
    assert "s3cret" not in secrets
