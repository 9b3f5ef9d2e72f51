"""What an answer is, and what a plugin that fails does to the others, hook by hook, as the contract's table says."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from luna_core.errors import LunaError, PluginError
from luna_core.hooks import Hooks
from luna_core.testing import facts
from luna_core.testing.fakes.node_names import FakeNodeNames
from luna_core.types import ImageVersion, PowerState, Sighting

Call = Callable[[Hooks], object]
IMAGE, NODE, CLUSTER = facts.image(Path("/srv/tree")), facts.node(), facts.cluster()
VERSION = ImageVersion(image=IMAGE, number=3, manifest_sha256="0" * 64, directory=Path("/srv/version"), size_bytes=1)

LEAVE_OUT: dict[str, tuple[str, Call]] = {
    "luna_commands": ("t.Command(name='x', load='a:b', help='X.')", lambda h: h.luna_commands()),
    "luna_settings": ("t.Setting(name='a.b', default=1, help='X.')", lambda h: h.luna_settings()),
    "luna_web_apps": ("t.WebApp(prefix='x', load='a:b')", lambda h: h.luna_web_apps()),
    "luna_transport_endpoints": (
        "t.Endpoint(transport='x', url='x://y')",
        lambda h: h.luna_transport_endpoints(VERSION, NODE),
    ),
    "luna_discover": ("t.Sighting(mac='52:54:00:00:00:01', place='here')", lambda h: h.luna_discover(["x"])),
    "luna_services": ("t.Service(name='x', command=('true',))", lambda h: h.luna_services(CLUSTER)),
}
STOP: dict[str, tuple[str, Call]] = {
    "luna_image_packages": ("'vim'", lambda h: h.luna_image_packages(IMAGE)),
    "luna_initrd_files": ("t.DracutModule(directory=Path('/x'))", lambda h: h.luna_initrd_files(IMAGE)),
    "luna_kernel_arguments": ("t.KernelArgument(key='quiet')", lambda h: h.luna_kernel_arguments(IMAGE, NODE)),
    "luna_postscripts": (
        "t.Postscript(name='x', stage='postscript', text='true')",
        lambda h: h.luna_postscripts(IMAGE, NODE),
    ),
}
STOP_ACTIONS: dict[str, Call] = {
    "luna_image_configure": lambda h: h.luna_image_configure(IMAGE, Path("/srv/tree")),
    "luna_transport_withdraw": lambda h: h.luna_transport_withdraw(VERSION),
}
REPORT: dict[str, Call] = {
    "luna_image_packed": lambda h: h.luna_image_packed(IMAGE, VERSION),
    "luna_transport_publish": lambda h: h.luna_transport_publish(VERSION),
    "luna_node_identified": lambda h: h.luna_node_identified(NODE, Sighting(mac="x", place="y")),
    "luna_node_state_changed": lambda h: h.luna_node_state_changed(NODE, "unknown", "up"),
    "luna_power_changed": lambda h: h.luna_power_changed(NODE, PowerState.ON),
}


def hook(name: str, body: str) -> str:
    return f"@hookimpl\ndef {name}():\n    {body}\n"


@pytest.mark.parametrize("name", LEAVE_OUT)
@pytest.mark.parametrize("failure", ["raise OSError('disk on fire')", "raise SystemExit(1)", "return 5"])
def test_a_failing_plugin_is_left_out_and_named(
    installed: Callable[..., Hooks], caplog: pytest.LogCaptureFixture, name: str, failure: str
) -> None:
    good, call = LEAVE_OUT[name]
    hooks = installed(bad=hook(name, failure), good=hook(name, f"return [{good}]"))
    assert [answer.plugin for answer in call(hooks)] == ["good"]
    assert [(one.plugin, one.hook) for one in hooks.failures] == [("bad", name)]
    (logged,) = (record for record in caplog.records if record.levelno == logging.WARNING)
    assert logged.name == "luna.plugins"
    assert logged.exc_info


@pytest.mark.parametrize("name", STOP)
@pytest.mark.parametrize("failure", ["raise OSError('disk on fire')", "return 5"])
def test_a_failing_plugin_stops_what_needs_its_answer(installed: Callable[..., Hooks], name: str, failure: str) -> None:
    good, call = STOP[name]
    hooks = installed(bad=hook(name, failure), good=hook(name, f"return [{good}]"))
    with pytest.raises(PluginError, match=f"'bad' failed in {name}"):
        call(hooks)


@pytest.mark.parametrize("name", STOP)
def test_an_answer_carries_the_plugin_s_name(installed: Callable[..., Hooks], name: str) -> None:
    good, call = STOP[name]
    assert [answer.plugin for answer in call(installed(good=hook(name, f"return [{good}]")))] == ["good"]


@pytest.mark.parametrize("name", STOP_ACTIONS)
def test_an_action_that_fails_stops_what_comes_after_it(
    installed: Callable[..., Hooks], tmp_path: Path, name: str
) -> None:
    trace = f"Path({str(tmp_path / 'called')!r}).touch()"
    hooks = installed(bad=hook(name, "raise OSError('disk on fire')"), good=hook(name, trace))
    with pytest.raises(PluginError, match="OSError: disk on fire"):
        STOP_ACTIONS[name](hooks)
    assert not (tmp_path / "called").exists()


@pytest.mark.parametrize("name", REPORT)
def test_an_action_that_fails_is_reported_and_the_others_are_done(
    installed: Callable[..., Hooks], tmp_path: Path, name: str
) -> None:
    trace = f"Path({str(tmp_path / 'called')!r}).touch()"
    hooks = installed(bad=hook(name, "raise OSError('disk on fire')"), good=hook(name, trace))
    REPORT[name](hooks)
    assert (tmp_path / "called").exists()
    assert [(one.plugin, one.hook, one.reason) for one in hooks.failures] == [("bad", name, "OSError: disk on fire")]


def test_every_hook_is_in_these_tables() -> None:
    from luna_core.contract import hook_arguments

    assert {*LEAVE_OUT, *STOP, *STOP_ACTIONS, *REPORT, "luna_checks"} == set(hook_arguments())


def test_a_failure_is_forgotten_when_the_plugin_succeeds(installed: Callable[..., Hooks], tmp_path: Path) -> None:
    body = f"return [] if Path({str(tmp_path / 'mended')!r}).exists() else 1 / 0"
    hooks = installed(shaky=hook("luna_discover", body))
    hooks.luna_discover([])
    assert [one.reason for one in hooks.failures] == ["ZeroDivisionError: division by zero"]
    (tmp_path / "mended").touch()
    hooks.luna_discover([])
    assert hooks.failures == []


def test_a_plugin_that_can_not_name_its_checks_is_a_failed_check(installed: Callable[..., Hooks]) -> None:
    good = "return [t.Check(name='fine', run=lambda cluster: t.CheckResult(status='ok', message='Fine.'))]"
    checks = installed(bad=hook("luna_checks", "1 / 0"), good=hook("luna_checks", good)).luna_checks()
    results = {answer.plugin: answer.value.run(CLUSTER) for answer in checks}
    assert results["good"].status == "ok"
    assert results["bad"].status == "failed"
    assert "division by zero" in results["bad"].message


class TestPublish:
    def test_it_names_those_that_offer_the_version(self, installed: Callable[..., Hooks]) -> None:
        hooks = installed(
            bad=hook("luna_transport_publish", "1 / 0"),
            good=hook("luna_transport_publish", "pass"),
            idle=hook("luna_transport_endpoints", "return []"),
        )
        assert hooks.luna_transport_publish(VERSION) == ["good"]

    def test_it_fails_if_none_does_and_says_why(self, installed: Callable[..., Hooks]) -> None:
        hooks = installed(bad=hook("luna_transport_publish", "raise OSError('no space left')"))
        with pytest.raises(LunaError, match="version 3 of compute: bad: OSError: no space left"):
            hooks.luna_transport_publish(VERSION)

    def test_it_fails_without_any_transport(self, installed: Callable[..., Hooks]) -> None:
        with pytest.raises(LunaError, match="no transport plugin is active"):
            installed().luna_transport_publish(VERSION)


class TestAnswers:
    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            ("pass", "it returned None; accepted is an iterable of Postscript"),
            ("return 'true'", "it returned 'true'"),
            ("return t.Postscript(name='x', stage='chroot', text='true')", "accepted is an iterable of Postscript"),
            ("return ['true']", "it answered 'true'; accepted is Postscript"),
            ("return [t.WebApp(prefix='x', load='y')]", "it answered WebApp"),
            ("return [t.Postscript(name='x', stage='after', text='')]", "Postscript.stage is 'after'"),
            ("return [t.Postscript(name='x', stage='chroot', text=b'')]", "Postscript.text is b''; accepted is str"),
            ("return [t.Postscript(name='x', stage='chroot', text='', rank='1')]", "Postscript.rank is '1'"),
            ("return [t.Postscript(name='x', stage='chroot', text='', rank=True)]", "Postscript.rank is True"),
            ("yield 1 / 0", "ZeroDivisionError"),
        ],
    )
    def test_what_does_not_fit_is_said(self, installed: Callable[..., Hooks], body: str, reason: str) -> None:
        with pytest.raises(PluginError) as raised:
            installed(bad=hook("luna_postscripts", body)).luna_postscripts(IMAGE, NODE)
        assert reason in str(raised.value)

    @pytest.mark.parametrize(
        "value",
        [
            "t.Service(name='x', command='true')",
            "t.Service(name='x', command=['true'])",
            "t.Service(name='x', command=(1,))",
        ],
    )
    def test_a_tuple_of_words_must_be_one(self, installed: Callable[..., Hooks], value: str) -> None:
        hooks = installed(bad=hook("luna_services", f"return [{value}]"))
        assert hooks.luna_services(CLUSTER) == []
        assert "Service.command is" in hooks.failures[0].reason

    def test_a_generator_and_whole_numbers_for_floats_are_fine(self, installed: Callable[..., Hooks]) -> None:
        hooks = installed(good=hook("luna_discover", "yield t.Sighting(mac='x', place='y', age_s=3)"))
        assert [answer.value.age_s for answer in hooks.luna_discover([])] == [3]

    def test_they_come_by_rank_then_by_plugin(self, installed: Callable[..., Hooks]) -> None:
        def endpoints(*ranks: int) -> str:
            return hook(
                "luna_transport_endpoints", f"return [t.Endpoint(transport='t', url='u', rank=r) for r in {ranks}]"
            )

        hooks = installed(zebra=endpoints(10, 50), aardvark=endpoints(50, 5))
        order = [(answer.value.rank, answer.plugin) for answer in hooks.luna_transport_endpoints(VERSION, NODE)]
        assert order == [(5, "aardvark"), (10, "zebra"), (50, "aardvark"), (50, "zebra")]

    def test_facts_reach_the_plugin(self, site) -> None:
        site.install(
            "luna-good",
            "@hookimpl\ndef luna_kernel_arguments(node, image):\n"
            "    return [t.KernelArgument(key=node.name, value=image.name)]",
        )
        (answer,) = site.hooks().luna_kernel_arguments(IMAGE, NODE)
        assert (answer.value.key, answer.value.value) == ("node001", "compute")

    def test_a_plugin_gets_the_facts_that_it_names_and_no_others(self, installed: Callable[..., Hooks]) -> None:
        hooks = installed(
            old="@hookimpl\ndef luna_discover(macs): return [t.Sighting(mac=macs[0], place='old')]",
            new="@hookimpl\ndef luna_discover(nodes, machine):\n"
            "    return [t.Sighting(mac='y', place=machine.serial, node=nodes.with_mac('y'))]",
        )
        machine = facts.machine(["x"])
        answers = hooks.luna_discover(["x"], machine, FakeNodeNames(macs={"y": "node001"}))
        assert [(one.value.mac, one.value.place, one.value.node) for one in answers] == [
            ("y", machine.serial, "node001"),
            ("x", "old", None),
        ]


class TestSharedNames:
    def test_a_kernel_argument_of_two_plugins_stops_the_boot_and_names_both(
        self, installed: Callable[..., Hooks]
    ) -> None:
        argument = hook("luna_kernel_arguments", "return [t.KernelArgument(key='console', value='ttyS0')]")
        with pytest.raises(PluginError, match=r"'two' failed.*'console', which plugin 'one' gives too"):
            installed(one=argument, two=argument).luna_kernel_arguments(IMAGE, NODE)

    def test_one_plugin_may_give_a_kernel_argument_twice(self, installed: Callable[..., Hooks]) -> None:
        body = "return [t.KernelArgument(key='console', value=v) for v in ('tty0', 'ttyS0')]"
        answers = installed(one=hook("luna_kernel_arguments", body)).luna_kernel_arguments(IMAGE, NODE)
        assert [answer.value.value for answer in answers] == ["tty0", "ttyS0"]

    @pytest.mark.parametrize("name", ["luna_commands", "luna_settings", "luna_web_apps", "luna_services"])
    def test_elsewhere_the_second_is_left_out_and_both_are_named(
        self, installed: Callable[..., Hooks], name: str
    ) -> None:
        answer, call = LEAVE_OUT[name]
        same = hook(name, f"return [{answer}]")
        hooks = installed(one=same, two=same)
        assert [one.plugin for one in call(hooks)] == ["one"]
        assert hooks.failures[0].plugin == "two"
        assert "which plugin 'one' gives too" in hooks.failures[0].reason
