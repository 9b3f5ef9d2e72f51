"""What luna expects of a transport, as tests."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from luna_core.hooks import Hooks
from luna_core.testing import facts
from luna_core.testing.general import PluginContract
from luna_core.types import ImageVersion, Node, SettingValue

TRANSPORT_HOOKS = {"luna_transport_publish", "luna_transport_endpoints", "luna_transport_withdraw"}


class TransportContract(PluginContract):
    """Override `settings` so that the transport publishes below `tmp_path`, and whatever else it needs to run."""

    @pytest.fixture
    def version(self, tmp_path: Path, settings: dict[str, SettingValue]) -> ImageVersion:
        """A small image version that really exists."""
        return facts.version(tmp_path / "versions", settings=settings)

    @pytest.fixture
    def node(self, settings: dict[str, SettingValue]) -> Node:
        """The node that is to fetch it."""
        return facts.node(settings=settings)

    def test_it_has_all_three_hooks(self, hooks: Hooks) -> None:
        """What can be published can be fetched and withdrawn."""
        (plugin,) = hooks.plugins.records
        assert set(hooks.implemented_by(plugin.name)) >= TRANSPORT_HOOKS

    def test_what_is_published_can_be_fetched_until_it_is_withdrawn(
        self, hooks: Hooks, version: ImageVersion, node: Node
    ) -> None:
        """No endpoints, then some, then none."""
        assert not hooks.luna_transport_endpoints(version, node)
        hooks.luna_transport_publish(version)
        assert hooks.luna_transport_endpoints(version, node)
        hooks.luna_transport_withdraw(version)
        assert not hooks.luna_transport_endpoints(version, node)

    def test_endpoints_are_urls(self, hooks: Hooks, version: ImageVersion, node: Node) -> None:
        """Each has a scheme, and the version's own hash does not change from call to call."""
        hooks.luna_transport_publish(version)
        endpoints = hooks.luna_transport_endpoints(version, node)
        assert all(urlsplit(answer.value.url).scheme for answer in endpoints)
        assert endpoints == hooks.luna_transport_endpoints(version, node)

    def test_publishing_again_changes_nothing(self, hooks: Hooks, version: ImageVersion, node: Node) -> None:
        """Luna publishes every version again when it starts."""
        hooks.luna_transport_publish(version)
        endpoints = hooks.luna_transport_endpoints(version, node)
        hooks.luna_transport_publish(version)
        assert hooks.luna_transport_endpoints(version, node) == endpoints

    def test_withdrawing_what_is_not_published_is_harmless(self, hooks: Hooks, version: ImageVersion) -> None:
        """A deletion that was interrupted is repeated."""
        hooks.luna_transport_withdraw(version)
        hooks.luna_transport_withdraw(version)

    def test_the_version_itself_stays_as_it_is(self, hooks: Hooks, version: ImageVersion) -> None:
        """Versions are immutable, and their files belong to luna."""
        before = contents(version.directory)
        hooks.luna_transport_publish(version)
        hooks.luna_transport_withdraw(version)
        assert contents(version.directory) == before


def contents(directory: Path) -> dict[str, bytes]:
    """Every file below a directory, by its relative path."""
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}
