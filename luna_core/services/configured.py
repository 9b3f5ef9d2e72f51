"""The cluster's settings, as a plan carries them, with their declared defaults and types.

A text in place of a `Setting` names one of the core's. All raise BadInput for a value of another type.
"""

from typing import TypeVar

from luna_core.errors import BadInput
from luna_core.settings import CORE_SETTINGS
from luna_core.types import Cluster, Setting, SettingValue

T = TypeVar("T", bound=SettingValue)

_CORE = {setting.name: setting for setting in CORE_SETTINGS}


def text(cluster: Cluster, setting: Setting | str) -> str:
    """The value of a setting that is a text."""
    return _value(cluster, setting, str)


def number(cluster: Cluster, setting: Setting | str) -> int:
    """The value of a setting that is a whole number."""
    return _value(cluster, setting, int)


def words(cluster: Cluster, setting: Setting | str) -> tuple[str, ...]:
    """The value of a setting that is a list of words."""
    return _value(cluster, setting, tuple)


def _value(cluster: Cluster, setting: Setting | str, kind: type[T]) -> T:
    declared = _CORE[setting] if isinstance(setting, str) else setting
    value = cluster.settings.get(declared.name, declared.default)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise BadInput(f"setting {declared.name}: {value!r} was given; accepted is a {kind.__name__}.")
    return value
