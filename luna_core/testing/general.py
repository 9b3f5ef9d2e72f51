"""The rules for any plugin, as tests."""

from collections.abc import Callable, Iterator
from typing import ClassVar

import pytest

from luna_core.hooks import Hooks
from luna_core.testing.checks import GENERAL_CHECKS
from luna_core.testing.subject import Subject
from luna_core.types import SettingValue


class PluginContract:
    """Subclass it as `class TestContract(PluginContract)` and set `module` to what the entry point names."""

    module: ClassVar[str]

    @pytest.fixture
    def subject(self) -> Subject:
        """The plugin by itself."""
        return Subject.of_module(self.module)

    @pytest.fixture
    def hooks(self, subject: Subject) -> Hooks:
        """The hooks of this plugin alone; its exceptions are raised as they are, LunaErrors among them."""
        return subject.hooks

    @pytest.fixture
    def settings(self, subject: Subject) -> dict[str, SettingValue]:
        """Settings of the cluster for the facts that hooks are called with; override it to add to them."""
        return subject.settings

    @pytest.mark.parametrize("check", GENERAL_CHECKS, ids=lambda check: check.__name__)
    def test_it_keeps_the_rules_for_any_plugin(
        self, check: Callable[[Subject], Iterator[str]], subject: Subject
    ) -> None:
        """See `luna_core.testing.checks`."""
        assert not list(check(subject))
