"""Settings of the cluster: declared by the core and by plugins, stored when they differ from their default."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from luna_core.errors import BadInput, NotFound
from luna_core.model import SettingValue
from luna_core.operations.work import Work
from luna_core.settings import CORE_SETTINGS, parse_setting, resolve
from luna_core.types import Setting
from luna_core.types import SettingValue as Value

if TYPE_CHECKING:
    from luna_core.hooks import Hooks


def all_settings(hooks: "Hooks") -> list[Setting]:
    """Luna's own settings and the plugins'."""
    return [*CORE_SETTINGS, *(answer.value for answer in hooks.luna_settings())]


def declared_setting(declared: Iterable[Setting], name: str) -> Setting:
    """The setting of that name; raises NotFound."""
    known = {setting.name: setting for setting in declared}
    if name not in known:
        raise NotFound("setting", name, known, lists="luna settings list")
    return known[name]


def settings(work: Work, declared: Iterable[Setting]) -> dict[str, Value]:
    """Every declared setting with its value."""
    return resolve(declared, {one.name: one.value for one in work.all(SettingValue)})


def set_setting(work: Work, declared: Iterable[Setting], name: str, given: object) -> Value:
    """Give a setting a value; raises BadInput for an unknown name and a value of another type."""
    value = parse_setting(declared_setting(declared, name), given)
    stored = work.find(SettingValue, name)
    plain = list(value) if isinstance(value, tuple) else value
    work.put(stored.changed(value=plain) if stored else SettingValue.new(name=name, value=plain))
    return value


def unset_setting(work: Work, name: str) -> None:
    """Go back to a setting's default; raises BadInput if it has no stored value."""
    stored = work.find(SettingValue, name)
    if stored is None:
        given = ", ".join(one.name for one in work.all(SettingValue)) or "none"
        raise BadInput(f"setting {name}: it has its default already; those with a value of their own: {given}.")
    work.remove(stored)
