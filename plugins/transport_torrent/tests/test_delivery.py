"""Nodes in network namespaces fetch a real version: everything but the machines is as on a cluster."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from luna_core.image.compare import differences
from luna_core.image.versions import load_version
from luna_core.testing.delivery import Delivery, wait_until
from luna_transport_torrent.publishing import make_torrent

Deliver = Callable[..., Delivery]


def all_are_done(delivery: Delivery, clients: Iterable[subprocess.Popen[bytes]], tree: Path) -> None:
    for machine, client in enumerate(clients, start=1):
        assert client.wait() == 0, delivery.console(machine)
        assert not differences(tree, delivery.home(machine) / "root")


def last_reports(delivery: Delivery, nodes: int) -> list[dict[str, Any]]:
    return [delivery.reports(machine)[-1] for machine in range(1, nodes + 1)]


def is_under_way(delivery: Delivery, machine: int) -> bool:
    return any(20 < report["percent"] < 90 for report in delivery.reports(machine))


def test_four_nodes_fetch_most_of_it_from_each_other(deliver: Deliver, tree: Path) -> None:
    delivery = deliver(4, controller_mbit=40)
    version = delivery.pack(tree)
    clients = [delivery.fetch(machine, version) for machine in range(1, 5)]
    all_are_done(delivery, clients, tree)
    reports = last_reports(delivery, 4)
    assert all(report["percent"] == 100 for report in reports)
    assert sum(one["peer_bytes"] for one in reports) > sum(one["server_bytes"] for one in reports)
    assert all(
        one["received_bytes"] == one["peer_bytes"] + one["server_bytes"] >= version.size_bytes for one in reports
    )
    # What the nodes say of the controller is what its network card says, headers and the plain files included.
    assert delivery.switch.sent_bytes(0) < 2.5 * version.size_bytes
    assert sum(one["server_bytes"] for one in reports) <= delivery.switch.sent_bytes(0)


def test_nodes_fetch_what_their_kind_of_root_needs_and_nothing_else(deliver: Deliver, tree: Path) -> None:
    delivery = deliver(4)
    version = delivery.pack(tree, squashfs=True)
    manifest = load_version(version.directory)
    overlays = {1, 2}
    clients = [delivery.fetch(machine, version, overlay=machine in overlays) for machine in range(1, 5)]
    for machine, client in enumerate(clients, start=1):
        assert client.wait() == 0, delivery.console(machine)
        shards = manifest.squashfs if machine in overlays else manifest.tree
        kept = delivery.home(machine) / "work" / version.manifest_sha256
        assert {f"shards/{path.name}" for path in (kept / "shards").iterdir()} == {shard.name for shard in shards}
        report = delivery.reports(machine)[-1]
        assert report["percent"] == report["unpacked_percent"] == 100
        assert report["received_bytes"] < 1.2 * sum(shard.size_bytes for shard in shards)
        if machine in overlays:
            whole = b"".join((version.directory / shard.name).read_bytes() for shard in shards)
            assert (delivery.home(machine) / "layers/squashfs").read_bytes() == whole
        else:
            assert not differences(tree, delivery.home(machine) / "root")


def test_all_of_two_racks_finish_though_some_know_nobody_but_their_neighbours(deliver: Deliver, tree: Path) -> None:
    delivery = deliver(6, racks=2, uplink_mbit=80)
    version = delivery.pack(tree)
    assert [delivery.node(machine).switch for machine in range(1, 7)] == ["sw01", "sw02"] * 3
    all_are_done(delivery, [delivery.fetch(machine, version) for machine in range(1, 7)], tree)


def test_nodes_finish_without_the_seeder_that_died_on_the_way(deliver: Deliver, tree: Path) -> None:
    delivery = deliver(4, controller_mbit=8)
    version = delivery.pack(tree)
    clients = [delivery.fetch(machine, version) for machine in range(1, 5)]
    wait_until(lambda: is_under_way(delivery, 1), "a download that is under way")
    delivery.kill("seeder")
    all_are_done(delivery, clients, tree)


def test_a_node_that_is_done_seeds_until_it_is_told_to_stop(deliver: Deliver, tree: Path) -> None:
    delivery = deliver(2)
    version = delivery.pack(tree)
    first = delivery.fetch(1, version)
    assert first.wait() == 0, delivery.console(1)
    delivery.kill("seeder")
    delivery.kill("files")
    delivery.start("files", ["python3", "-m", "http.server", "7051", "--directory", str(delivery.directory / "public")])
    delivery.wait_for_port(7051)
    assert delivery.fetch(2, version).wait() == 0, delivery.console(2)
    assert delivery.reports(2)[-1]["server_bytes"] == 0
    assert not differences(tree, delivery.home(2) / "root")
    seeder = int((delivery.home(1) / "work/seeder.pid").read_text())
    assert Path(f"/proc/{seeder}").exists()
    delivery.stop_seeding(1)


def test_the_file_server_takes_the_place_of_a_seeder_that_is_not_there(deliver: Deliver, tree: Path) -> None:
    # So slow that a node which starts some seconds after the other still finds pieces that are its own to load.
    delivery = deliver(2, controller_mbit=8)
    version = delivery.pack(tree)
    delivery.kill("seeder")
    clients = [delivery.fetch(machine, version) for machine in (1, 2)]
    all_are_done(delivery, clients, tree)
    assert "failed" not in delivery.console(1) + delivery.console(2)
    # Together they load little more than one copy, as from a seeder.
    from_server = sum(report["server_bytes"] for report in last_reports(delivery, 2))
    assert version.size_bytes <= from_server < 1.6 * version.size_bytes


def test_without_a_torrent_a_node_falls_back_to_http(deliver: Deliver, tree: Path) -> None:
    delivery = deliver(1)
    version = delivery.pack(tree)
    endpoints = delivery.endpoints(1, version)
    (delivery.directory / f"public/torrents/{version.manifest_sha256}.torrent").unlink()
    client = delivery.fetch(1, version, endpoints)
    all_are_done(delivery, [client], tree)
    assert "torrent failed: " in delivery.console(1)
    assert delivery.reports(1)[-1]["peer_bytes"] == 0


def test_no_byte_of_a_wrong_torrent_is_unpacked(deliver: Deliver, tree: Path, tmp_path: Path) -> None:
    delivery = deliver(1)
    version = delivery.pack(tree)
    identity = version.manifest_sha256
    forged = tmp_path / identity
    (forged / "shards").mkdir(parents=True)
    for shard in (version.directory / "shards").iterdir():
        (forged / "shards" / shard.name).write_bytes(bytes(shard.stat().st_size))
    log = delivery.directory / "seeder.log"
    wait_until(lambda: f"offering {identity}" in log.read_text(), "the seeder to see the right torrent")
    published = delivery.directory / f"public/torrents/{identity}.torrent"
    published.unlink()
    link = delivery.directory / "seeds" / identity
    link.unlink()
    link.symlink_to(forged)
    wait_until(lambda: "withdrawn" in log.read_text(), "the seeder to let go of the right torrent")
    published.write_bytes(make_torrent(tmp_path, identity))
    client = delivery.fetch(1, version)
    all_are_done(delivery, [client], tree)
    # All the wrong bytes came, and the right ones from the file server beside them or after them.
    assert delivery.reports(1)[-1]["received_bytes"] > 1.8 * version.size_bytes


def test_a_killed_client_goes_on_where_it_was(deliver: Deliver, tree: Path) -> None:
    delivery = deliver(1, controller_mbit=16)
    version = delivery.pack(tree)
    client = delivery.fetch(1, version)
    wait_until(lambda: is_under_way(delivery, 1), "a download that is under way")
    seeder = int((delivery.home(1) / "work/seeder.pid").read_text())
    client.send_signal(signal.SIGKILL)
    client.wait()
    wait_until(lambda: not is_running(seeder), "the killed client's peer to end")
    all_are_done(delivery, [delivery.fetch(1, version)], tree)
    last = delivery.reports(1)[-1]
    assert last["peer_bytes"] + last["server_bytes"] < 0.9 * version.size_bytes


def test_versions_come_and_go_without_a_restart(deliver: Deliver, tree: Path) -> None:
    delivery = deliver(1)
    old = delivery.pack(tree)
    processes = {name: process.pid for name, process in delivery.processes.items()}
    assert delivery.fetch(1, old).wait() == 0, delivery.console(1)
    delivery.stop_seeding(1)
    (tree / "usr/lib/new").write_bytes(os.urandom(2_000_000))
    new = delivery.pack(tree, previous=old.directory)
    delivery.hooks.luna_transport_withdraw(old)
    assert not delivery.endpoints(1, old)
    (delivery.home(1) / "root").rename(delivery.home(1) / "old-root")
    client = delivery.fetch(1, new, delivery.endpoints(1, new)[:1])
    all_are_done(delivery, [client], tree)
    assert {name: process.pid for name, process in delivery.processes.items() if process.poll() is None} == processes
    log = delivery.directory / "seeder.log"
    wait_until(lambda: f"{old.manifest_sha256} was withdrawn" in log.read_text(), "the seeder to let go")


def test_shards_of_an_older_version_are_not_fetched_and_are_shared(deliver: Deliver, tree: Path) -> None:
    delivery = deliver(2)
    old = delivery.pack(tree)
    assert delivery.fetch(1, old).wait() == 0, delivery.console(1)
    delivery.stop_seeding(1)
    (tree / "usr/lib/0/file0").write_bytes(os.urandom(100_000))
    (tree / "usr/lib/1/file1").unlink()
    new = delivery.pack(tree, previous=old.directory)
    (delivery.home(1) / "root").rename(delivery.home(1) / "old-root")
    all_are_done(delivery, [delivery.fetch(1, new)], tree)
    report = delivery.reports(1)[-1]
    assert report["percent"] == 100
    assert report["peer_bytes"] + report["server_bytes"] < new.size_bytes / 2
    delivery.kill("seeder")
    published = delivery.directory / "public/images" / new.manifest_sha256
    published.unlink()
    published.mkdir()
    (published / "manifest.json").write_bytes((new.directory / "manifest.json").read_bytes())
    # Nobody else has any shard now.
    assert delivery.fetch(2, new).wait() == 0, delivery.console(2)
    assert not differences(tree, delivery.home(2) / "root")
    assert delivery.reports(2)[-1]["server_bytes"] == 0


def is_running(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
