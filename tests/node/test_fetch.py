"""The client on a node: whatever goes wrong on the way, the tree is right at the end or the reason is said."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from luna_core.image.compare import differences
from luna_core.image.pack import Packed
from luna_core.node import lane
from luna_core.node.errors import DownloadError
from luna_core.node.fetch import fetch
from luna_core.node.fetcher import Fetcher
from luna_core.node.http_fetcher import Fetcher as HttpFetcher
from luna_core.node.job import Endpoint, Job
from luna_core.node.report import interval_s
from luna_core.run import run

MakeJob = Callable[..., Job]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A directory with room for a few shards only."""
    path = tmp_path / "small"
    path.mkdir()
    run(["mount", "-t", "tmpfs", "-o", "size=256k", "luna-test", path])
    yield path
    run(["umount", path])


def test_an_image_arrives_and_progress_is_reported(server: Any, make_job: MakeJob, version: Packed, tree: Path) -> None:
    said: list[str] = []
    job = make_job(server.endpoint())
    fetch(job, said.append)
    assert not differences(tree, job.root)
    last = server.reports[-1]
    assert last["authorization"] == "Bearer the-token"
    assert (last["phase"], last["percent"], last["peer_bytes"]) == ("unpack", 100.0, 0)
    assert (last["unpacked_percent"], last["unpacked_bytes"]) == (100.0, version.manifest.unpacked_bytes)
    assert last["received_bytes"] == last["server_bytes"] == version.manifest.size_bytes
    assert said[-1] == f"done: 0 bytes from peers, {version.manifest.size_bytes} from the controller"
    assert len(server.shards_asked()) == len(version.manifest.shards)


def test_what_was_fetched_is_there_for_the_next_attempt_if_a_later_phase_fails(
    server: Any, make_job: MakeJob, tree: Path
) -> None:
    job = make_job(server.endpoint())
    fetch(job)
    server.asked.clear()
    fetch(job)
    assert not differences(tree, job.root)
    assert server.shards_asked() == []


def test_the_boot_server_is_told_once_when_unpacking_begins_and_the_download_ends(
    server: Any, make_job: MakeJob, tmp_path: Path
) -> None:
    command = ("sh", "-c", f'echo "$@" >> {tmp_path}/told', "tell")
    fetch(make_job(server.endpoint(), report_command=command))
    assert (tmp_path / "told").read_text().splitlines() == ["unpack started", "download done"]


def test_a_shard_that_is_damaged_everywhere_is_named_and_the_download_does_not_end(
    server: Any, make_job: MakeJob, version: Packed, tree: Path, tmp_path: Path
) -> None:
    command = ("sh", "-c", f'echo "$@" >> {tmp_path}/told', "tell")
    victim = version.manifest.shards[3]
    server.altered[victim.name] = bytes(victim.size_bytes)
    job = make_job(server.endpoint(), report_command=command)
    with pytest.raises(DownloadError, match=f"^1 shards can't be fetched: Shard {victim.name} has SHA-256"):
        fetch(job)
    assert (tmp_path / "told").read_text().splitlines() == ["unpack started"]
    server.altered.clear()
    fetch(job)
    assert not differences(tree, job.root)


def test_altered_bytes_are_refused_and_fetched_elsewhere(
    serve: Callable[[], Any], server: Any, make_job: MakeJob, version: Packed, tree: Path
) -> None:
    said: list[str] = []
    liar = serve()
    victim = version.manifest.shards[3]
    liar.altered[victim.name] = bytes(victim.size_bytes)
    job = make_job(liar.endpoint(), server.endpoint())
    fetch(job, said.append)
    assert not differences(tree, job.root)
    assert victim.name in server.shards_asked()
    assert any("failed" in line and victim.sha256 in line for line in said)


def test_a_manifest_that_is_not_the_pinned_one_is_refused(
    serve: Callable[[], Any], server: Any, make_job: MakeJob, version: Packed, tree: Path
) -> None:
    liar = serve()
    liar.altered["manifest.json"] = (version.directory / "manifest.json").read_bytes().replace(b"6.1", b"6.2")
    job = make_job(liar.endpoint(), server.endpoint())
    fetch(job)
    assert not differences(tree, job.root)
    with pytest.raises(DownloadError, match="not the pinned"):
        fetch(make_job(liar.endpoint()))


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 200_000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nshort",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 206 Partial Content\r\nContent-Length: 1\r\n\r\nx",
        b"nonsense\r\n\r\n",
        b"",
    ],
)
def test_an_odd_answer_is_an_error_of_that_endpoint(
    serve: Callable[[], Any], server: Any, make_job: MakeJob, tree: Path, answer: bytes
) -> None:
    odd = serve()
    odd.raw = answer
    job = make_job(odd.endpoint(), server.endpoint())
    fetch(job)
    assert not differences(tree, job.root)


def test_a_server_that_breaks_off_is_asked_again_for_the_rest(
    server: Any, make_job: MakeJob, version: Packed, tree: Path
) -> None:
    seen: set[str] = set()

    def breaks_at_first(name: str) -> bool:
        known = name in seen
        seen.add(name)
        return not known

    server.broken = breaks_at_first
    job = make_job(server.endpoint())
    fetch(job)
    assert not differences(tree, job.root)


def test_without_any_way_left_the_reason_is_said(server: Any, make_job: MakeJob, version: Packed) -> None:
    server.broken = lambda name: name.startswith("shards/")
    with pytest.raises(DownloadError, match=rf"{len(version.manifest.shards)} shards can't be fetched: .*shards/"):
        fetch(make_job(server.endpoint()))
    with pytest.raises(DownloadError, match="no endpoints"):
        fetch(make_job())


def test_a_restart_fetches_only_what_is_missing(server: Any, make_job: MakeJob, version: Packed, tree: Path) -> None:
    half = {shard.name for shard in version.manifest.shards[::2]}
    job = make_job(server.endpoint())
    server.broken = lambda name: name in half and any(job.directory.rglob("*.tar.zst"))
    with pytest.raises(DownloadError):
        fetch(job)
    kept = {str(path.relative_to(job.directory)) for path in job.directory.rglob("*.tar.zst")}
    assert kept
    damaged = sorted(kept)[0]
    (job.directory / damaged).write_bytes(bytes((job.directory / damaged).stat().st_size))
    server.asked.clear()
    server.broken = lambda name: False
    said: list[str] = []
    fetch(job, said.append)
    assert not differences(tree, job.root)
    everything = {shard.name for shard in version.manifest.shards}
    assert set(server.shards_asked()) == (everything - kept) | {damaged}
    sound = len(kept) - 1
    assert (f"{sound} shards are here from an earlier start" in said) is (sound > 0)


def test_a_full_work_directory_only_keeps_less(server: Any, make_job: MakeJob, small_disk: Path, tree: Path) -> None:
    job = make_job(server.endpoint(), work_directory=small_disk / "work")
    fetch(job)
    assert not differences(tree, job.root)


def test_a_full_root_is_an_error_that_no_other_endpoint_can_help(
    server: Any, serve: Callable[[], Any], make_job: MakeJob, small_disk: Path
) -> None:
    other = serve()
    (small_disk / "root").mkdir()
    with pytest.raises(OSError, match="No space left"):
        fetch(make_job(server.endpoint(), other.endpoint(), root=small_disk / "root"))
    assert other.asked == []


def test_reports_that_fail_hold_up_nothing(server: Any, make_job: MakeJob, tree: Path) -> None:
    said: list[str] = []
    job = make_job(server.endpoint(), report_url="http://127.0.0.1:9/boot/status")
    fetch(job, said.append)
    assert not differences(tree, job.root)
    assert len([line for line in said if line.startswith("reports fail: http://127.0.0.1:9/boot/status")]) == 1


class IdleFetcher(Fetcher):
    closed = False

    def run(self) -> None:
        self.stopped.wait(60)

    def close(self) -> None:
        type(self).closed = True
        # A loaded machine may take its time with the one that comes next.
        setattr(lane, "START_S", 60.0)  # noqa: B010 - it is Final for others


class LyingFetcher(IdleFetcher):
    def run(self) -> None:
        self.delivery.deliver(self.delivery.missing()[0], b"something else")


@pytest.mark.parametrize(
    ("fetcher", "start_s", "reason"),
    [(IdleFetcher, 0.3, "Nothing came for 0.3 s"), (LyingFetcher, 60.0, "It ended with")],
)
def test_a_fetcher_that_brings_nothing_is_replaced(
    server: Any,
    make_job: MakeJob,
    add_fetcher: Callable[[str, type[Fetcher]], None],
    monkeypatch: pytest.MonkeyPatch,
    tree: Path,
    fetcher: type[IdleFetcher],
    start_s: float,
    reason: str,
) -> None:
    monkeypatch.setattr(lane, "START_S", start_s)
    monkeypatch.setattr(fetcher, "closed", False)
    add_fetcher("idle", fetcher)
    said: list[str] = []
    idle = Endpoint(transport="idle", url="idle://", parameters={"base": server.url})
    job = make_job(idle, server.endpoint())
    fetch(job, said.append)
    assert not differences(tree, job.root)
    assert any(line.startswith("idle failed: ") and reason in line for line in said)
    assert fetcher.closed


class SlowStarter(HttpFetcher):
    def run(self) -> None:
        self.stopped.wait(1.0)
        # A loaded machine may take its time from here on.
        setattr(lane, "STALL_S", 60.0)  # noqa: B010 - it is Final for others
        super().run()


def test_a_fetcher_that_is_slow_to_start_is_not_replaced(
    server: Any,
    make_job: MakeJob,
    add_fetcher: Callable[[str, type[Fetcher]], None],
    monkeypatch: pytest.MonkeyPatch,
    tree: Path,
) -> None:
    monkeypatch.setattr(lane, "STALL_S", 0.1)
    add_fetcher("slow", SlowStarter)
    said: list[str] = []
    job = make_job(Endpoint(transport="slow", url=server.url, parameters={"base": server.url}), server.endpoint())
    fetch(job, said.append)
    assert not differences(tree, job.root)
    assert [line for line in said if "failed" in line] == []


def test_an_unknown_transport_is_passed_over(server: Any, make_job: MakeJob, tree: Path) -> None:
    said: list[str] = []
    job = make_job(Endpoint(transport="pigeon", url="pigeon://"), server.endpoint())
    fetch(job, said.append)
    assert not differences(tree, job.root)
    assert any("pigeon failed: There is no fetcher for transport 'pigeon' here" in line for line in said)


def command(job: Path) -> "subprocess.CompletedProcess[str]":
    line = [sys.executable, "-m", "luna_core.node", "fetch", str(job)]
    return subprocess.run(line, capture_output=True, text=True, check=False)


def test_the_command_tells_by_its_exit_status(server: Any, make_job: MakeJob, tree: Path, tmp_path: Path) -> None:
    good = make_job(server.endpoint(50), Endpoint(transport="pigeon", url="pigeon://", rank=10))
    path = tmp_path / "job"
    path.write_text(json.dumps(asdict(good), default=str))
    done = command(path)
    assert done.returncode == 0, done.stdout
    assert not differences(tree, good.root)
    lines = done.stdout.splitlines()
    assert all(line.startswith("luna: ") for line in lines)
    # The lower rank was tried first, though it came last in the file.
    assert next(index for index, line in enumerate(lines) if "pigeon failed" in line) < len(lines) - 1


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"endpoints": [{"url": 1, "colour": "red"}]}'])
def test_a_bad_job_is_said_in_the_last_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "job").write_text(text)
    done = command(tmp_path / "job")
    assert done.returncode == 1
    assert f"failed: The job file {tmp_path / 'job'} can't be understood" in done.stdout.splitlines()[-1]
    wrong = [sys.executable, "-m", "luna_core.node", "fetch"]
    assert subprocess.run(wrong, capture_output=True, check=False).returncode == 2


@pytest.mark.parametrize(("nodes", "pause_s"), [(1, 2.0), (128, 2.0), (512, 8.0), (16384, 30.0)])
def test_the_more_nodes_there_are_the_less_often_each_reports(nodes: int, pause_s: float) -> None:
    """A boot server with 512 nodes gets 64 reports a second, and no node is silent for as long as a frozen one."""
    assert interval_s(nodes) == pause_s
