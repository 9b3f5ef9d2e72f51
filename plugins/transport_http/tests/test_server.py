"""Both file servers answer a client that nobody here wrote (curl) alike."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from luna_core.hooks import Hooks
from luna_core.run import run
from luna_core.testing import facts
from luna_core.testing.deliveries import open_directory
from luna_core.testing.delivery import wait_until
from luna_core.testing.switch import CONTROLLER, Switch
from luna_core.types import ImageVersion

URL = "http://127.0.0.1:7953"
# A machine of its own, on which nobody else has the port.
INSIDE = Switch(0).inside(CONTROLLER)
CONTENT = bytes(range(256)) * 4000


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """luna's state."""
    with open_directory() as path:
        (path / "secret").write_text("secret")
        monkeypatch.setenv("LUNA_STATE_DIRECTORY", str(path))
        yield path


@pytest.fixture(params=["nginx", "builtin"])
def server(
    request: pytest.FixtureRequest, state: Path, luna_plugins: Callable[..., Hooks]
) -> Iterator[subprocess.Popen[bytes]]:
    """A file server, started as `luna serve` does."""
    cluster = facts.cluster({"http.files_port": 7953, "http.file_server": request.param})
    (service,) = luna_plugins("luna_transport_http.plugin").luna_services(cluster)
    with Switch(0), subprocess.Popen([*INSIDE, *service.value.command], stderr=subprocess.PIPE) as process:
        wait_until(lambda: process.poll() is not None or status(URL) != "000", "the file server to answer")
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        yield process
        process.terminate()
        assert process.wait(100) == 0


@pytest.fixture
def url(server: subprocess.Popen[bytes]) -> str:
    """The address of a file server that runs."""
    return URL


@pytest.fixture
def version(state: Path) -> ImageVersion:
    """A version with a file `shards/a` of a megabyte."""
    version = facts.version(state / "elsewhere")
    (version.directory / "shards/a").write_bytes(CONTENT)
    return version


@pytest.fixture
def image(version: ImageVersion, luna_plugins: Callable[..., Hooks]) -> str:
    """The path of the version's directory, published."""
    luna_plugins("luna_transport_http.plugin").luna_transport_publish(version)
    return f"/images/{version.manifest_sha256}"


def curl(*arguments: str) -> str:
    return run([*INSIDE, "curl", "--silent", "--path-as-is", "--max-time", "100", *arguments])


def status(url: str, *arguments: str) -> str:
    command = [*INSIDE, "curl", "--silent", "--path-as-is", "--output", os.devnull, "--write-out", "%{http_code}"]
    return subprocess.run([*command, *arguments, url], capture_output=True, text=True, check=False).stdout


def test_a_file_arrives_whole_and_in_parts(url: str, image: str, tmp_path: Path) -> None:
    curl("--output", str(tmp_path / "whole"), f"{url}{image}/shards/a")
    assert (tmp_path / "whole").read_bytes() == CONTENT
    curl("--range", "1000-1999", "--output", str(tmp_path / "part"), f"{url}{image}/shards/a")
    assert (tmp_path / "part").read_bytes() == CONTENT[1000:2000]
    assert status(f"{url}{image}/shards/a", "--range", "5-9") == "206"
    assert status(f"{url}{image}/shards/a", "--range", "9999999-") == "416"


def test_firmware_is_told_the_length_before_it_asks_for_the_file(url: str, image: str) -> None:
    answer = curl("--head", f"{url}{image}/shards/a").lower()
    assert answer.startswith("http/1.1 200")
    assert f"content-length: {len(CONTENT)}\n" in answer
    assert "accept-ranges: bytes\n" in answer


def test_two_files_come_over_one_connection(url: str, image: str) -> None:
    said = curl(
        "--output",
        os.devnull,
        "--output",
        os.devnull,
        "--write-out",
        "%{num_connects}",
        *[f"{url}{image}/shards/a"] * 2,
    )
    assert said == "10"


def test_it_listens_on_ipv6_too(url: str, image: str) -> None:
    assert status(f"{url.replace('127.0.0.1', '[::1]')}{image}/shards/a") == "200"


def test_nothing_else_can_be_seen(url: str, image: str, version: ImageVersion) -> None:
    (version.directory / ".hidden").write_text("secret")
    beside = ["/", "/images", "/images/", "/../secret", "//etc/passwd"]
    below = ["", "/", "/shards/", "/nothing", "/.hidden", "/../../../secret", "/%2e%2e/%2e%2e/%2e%2e/secret"]
    paths = [*beside, *(image + path for path in below), f"{image}/shards/..%2f..%2f..%2fsecret"]
    assert not {path: answer for path in paths if (answer := status(url + path)) not in ("400", "403", "404")}


def test_a_link_that_someone_else_made_leads_nowhere(url: str, image: str, version: ImageVersion) -> None:
    link = version.directory / "link"
    link.symlink_to("/etc/passwd")
    assert status(f"{url}{image}/link") == "200"
    os.lchown(link, 65534, 65534)
    assert status(f"{url}{image}/other-link") == "404"
    link.rename(link.with_name("other-link"))
    assert status(f"{url}{image}/other-link") in ("403", "404")


def test_nothing_can_be_written(url: str, image: str) -> None:
    for method in ("PUT", "POST", "DELETE"):
        assert status(f"{url}{image}/shards/a", "--request", method, "--data", "x") in ("403", "405")
    assert status(f"{url}{image}/shards/a") == "200"


def test_what_is_withdrawn_is_gone_at_once(
    url: str, image: str, state: Path, version: ImageVersion, luna_plugins: Callable[..., Hooks]
) -> None:
    assert status(f"{url}{image}/manifest.json") == "200"
    luna_plugins("luna_transport_http.plugin").luna_transport_withdraw(version)
    assert status(f"{url}{image}/shards/never-asked-before") == "404"
    assert not (state / "public/images").is_symlink()
    assert list((state / "public/images").iterdir()) == []


def test_the_server_has_no_rights(server: subprocess.Popen[bytes]) -> None:
    assert "Uid:\t65534\t65534" in Path(f"/proc/{server.pid}/status").read_text()
