"""Boot devices and the LED: what BMCs are told, and what is made of those that want it otherwise."""

import json
from typing import Any

import pytest

from luna_bmc_redfish.driver import RedfishDriver
from luna_core.errors import LunaError, Unsupported
from luna_core.types import BootDevice

SYSTEM = "/redfish/v1/Systems/1"
CHASSIS = "/redfish/v1/Chassis/1"
MODE = "BootSourceOverrideMode"


def told(fake: Any, device: BootDevice = BootDevice.NETWORK, **how: Any) -> Any:
    how = {"persistent": False, "uefi": True, **how}
    RedfishDriver().set_boot_device(fake.target(), device, **how)
    return fake.asked("PATCH")[-1][1]["Boot"]


def lit(fake: Any, seconds: int) -> Any:
    RedfishDriver().identify(fake.target(), seconds)
    return fake.asked("PATCH")[-1]


@pytest.mark.parametrize(
    ("device", "persistent", "target", "enabled"),
    [
        (BootDevice.NETWORK, False, "Pxe", "Once"),
        (BootDevice.NETWORK, True, "Pxe", "Continuous"),
        (BootDevice.DISK, False, "Hdd", "Once"),
        (BootDevice.SETUP, False, "BiosSetup", "Once"),
        (BootDevice.DEFAULT, True, "None", "Disabled"),
    ],
)
def test_what_the_bmc_is_told(fake: Any, device: BootDevice, persistent: bool, target: str, enabled: str) -> None:
    wanted = {"BootSourceOverrideTarget": target, "BootSourceOverrideEnabled": enabled}
    assert told(fake, device, persistent=persistent) == wanted
    assert fake.resources[SYSTEM]["Boot"] == wanted


@pytest.mark.parametrize(
    ("now", "uefi", "mode"),
    [("Legacy", True, "UEFI"), ("UEFI", False, "Legacy"), ("UEFI", None, "UEFI"), ("Legacy", None, "Legacy")],
)
def test_the_firmware(fake: Any, now: str, uefi: bool | None, mode: str) -> None:
    fake.resources[SYSTEM]["Boot"][MODE] = now
    assert told(fake, uefi=uefi)[MODE] == mode


def test_a_machine_without_a_bios_is_not_asked_for_it(fake: Any) -> None:
    fake.resources[SYSTEM]["Boot"] |= {MODE: "UEFI", f"{MODE}@Redfish.AllowableValues": ["UEFI"]}
    with pytest.raises(Unsupported, match="can't boot its system by Legacy; it knows UEFI"):
        told(fake, uefi=False)


def test_what_the_bmc_does_not_keep_is_an_error(fake: Any) -> None:
    fake.resources[SYSTEM]["Boot"] = {"BootSourceOverrideTarget": "Hdd", "BootSourceOverrideEnabled": "Disabled"}
    fake.answer("PATCH", SYSTEM, 200, {})
    with pytest.raises(LunaError, match="but did not keep it: BootSourceOverrideTarget is Hdd, not Pxe"):
        told(fake)


def test_a_firmware_that_can_not_be_written_is_left_out_if_it_is_the_right_one(fake: Any) -> None:
    def only_without(handler: Any) -> None:
        body = fake.seen[-1][3]
        if MODE in body["Boot"]:
            handler.send_error(400)
        else:
            fake._usual(handler, body)

    fake.resources[SYSTEM]["Boot"][MODE] = "UEFI"
    fake.special["PATCH", SYSTEM] = only_without
    assert MODE not in told(fake)
    with pytest.raises(LunaError, match="HTTP 400"):
        told(fake, uefi=False)


def test_what_must_be_written_to_the_settings_is_written_there(fake: Any) -> None:
    fake.answer("PATCH", SYSTEM, 405)
    fake.resources[SYSTEM]["@Redfish.Settings"] = {"SettingsObject": {"@odata.id": f"{SYSTEM}/Settings"}}
    told(fake)
    assert [path for path, _ in fake.asked("PATCH")] == [SYSTEM, f"{SYSTEM}/Settings"]


@pytest.mark.parametrize("wanted", ['W/"7"', '"7"'])
def test_a_bmc_that_insists_on_an_etag_gets_it(fake: Any, wanted: str) -> None:
    def tagged(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("ETag", 'W/"7"')
        content = json.dumps(fake.resources[SYSTEM]).encode()
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def insisting(handler: Any) -> None:
        if handler.headers.get("If-Match") == wanted:
            fake._usual(handler, fake.seen[-1][3])
        else:
            handler.send_error(428)

    fake.special["GET", SYSTEM] = tagged
    fake.special["PATCH", SYSTEM] = insisting
    assert told(fake)["BootSourceOverrideTarget"] == "Pxe"


@pytest.mark.parametrize(
    ("where", "now", "lamp", "off"),
    [
        (SYSTEM, {"LocationIndicatorActive": False, "IndicatorLED": "Off"}, {"LocationIndicatorActive": True}, False),
        (SYSTEM, {"IndicatorLED": "Off"}, {"IndicatorLED": "Blinking"}, "Off"),
        (
            CHASSIS,
            {"IndicatorLED": None, "IndicatorLED@Redfish.AllowableValues": ["Lit", "Off"]},
            {"IndicatorLED": "Lit"},
            "Off",
        ),
    ],
)
def test_the_led(fake: Any, where: str, now: dict[str, Any], lamp: dict[str, Any], off: Any) -> None:
    fake.resources[where].update(now)
    assert lit(fake, 15) == (where, lamp)
    assert lit(fake, 0) == (where, dict.fromkeys(lamp, off))


def test_no_led(fake: Any) -> None:
    with pytest.raises(Unsupported, match="has no LED"):
        lit(fake, 15)
