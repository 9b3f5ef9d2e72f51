"""A plugin that breaks a rule of the contract is refused as a whole, with a reason that says what to change."""

from inspect import signature

import pytest

from luna_core.contract import hook_arguments
from luna_core.hooks import Hooks

GOOD = """
@hookimpl
def luna_settings():
    return [t.Setting(name="good.one", default=1, help="One.")]
"""


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("@hookimpl\ndef luna_setings(): return []", "luna_setings is no hook of luna; is luna_settings meant?"),
        ("@hookimpl\ndef luna_frobnicate_xyz(): return []", "luna_frobnicate_xyz is no hook of luna"),
        (
            "@hookimpl\ndef luna_kernel_arguments(image, host): return []",
            "luna_kernel_arguments takes 'host'; accepted are image, node",
        ),
        (
            "@hookimpl\ndef luna_services(cluster, **more): pass",
            "luna_services takes 'more'; accepted are c",
        ),
        ("@hookimpl\ndef luna_checks(cluster): return []", "luna_checks takes 'cluster'; accepted are no arguments"),
        ("@hookimpl(wrapper=True)\ndef luna_checks(): yield", "luna_checks uses wrapper, which luna refuses"),
        ("@hookimpl(hookwrapper=True)\ndef luna_checks(): yield", "luna_checks uses hookwrapper, which luna refuses"),
        ("@hookimpl(tryfirst=True)\ndef luna_checks(): return []", "luna_checks uses tryfirst, which luna refuses"),
        ("@hookimpl(trylast=True)\ndef luna_checks(): return []", "luna_checks uses trylast, which luna refuses"),
        ("@hookimpl(optionalhook=True)\ndef luna_checks(): return []", "luna_checks uses optionalhook, which"),
        ("@hookimpl(specname='luna_checks')\ndef luna_settings(): return []", "luna_settings uses specname, which"),
        ("def luna_checks(): return []", "luna_checks lacks @hookimpl"),
        ("VALUE = 1", "it has no function with @hookimpl"),
    ],
)
def test_what_is_refused_leaves_nothing_registered(site, source: str, reason: str) -> None:
    # The hook that is in order must not be left behind by the one that isn't.
    in_order = "" if "no function" in reason else "@hookimpl\ndef luna_web_apps(): return []\n"
    site.install("luna-bad", in_order + source)
    site.install("luna-good", GOOD)
    hooks: Hooks = site.hooks()
    assert [answer.plugin for answer in hooks.luna_settings()] == ["luna-good"]
    assert hooks.implemented_by("luna-bad") == []
    status, said = site.status(hooks)["luna-bad"]
    assert status == "failed"
    assert said.startswith(reason)


def test_a_hook_without_its_mark_is_named_where_nothing_else_has_one(site) -> None:
    site.install("luna-bad", "def luna_checks(): return []")
    assert site.status(site.hooks())["luna-bad"] == ("failed", "luna_checks lacks @hookimpl")


def test_two_names_for_one_module_are_one_too_many(site) -> None:
    module = site.install("luna-good", GOOD)
    site.install("luna-same", GOOD, target=module)
    hooks = site.hooks()
    assert len(hooks.luna_settings()) == 1
    assert "luna_good is that of plugin 'luna-good'" in site.status(hooks)["luna-same"][1]


def test_a_hook_may_take_fewer_arguments_than_there_are(site) -> None:
    site.install("luna-good", "@hookimpl\ndef luna_kernel_arguments(): return [t.KernelArgument(key='quiet')]")
    assert len(site.hooks().luna_kernel_arguments(None, None)) == 1


def test_every_hook_has_a_method_of_the_same_arguments() -> None:
    for name, arguments in hook_arguments().items():
        assert tuple(signature(getattr(Hooks, name)).parameters) == ("self", *arguments)
