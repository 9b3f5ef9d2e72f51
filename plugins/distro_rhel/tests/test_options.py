"""What is refused before dnf is started, and what dnf is given."""

from configparser import ConfigParser
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from luna_core.errors import BadInput
from luna_core.testing import facts
from luna_core.types import Image
from luna_distro_rhel.driver import Rhel
from luna_distro_rhel.repositories import repositories, text

SITE = "https://mirror.example.org/9/BaseOS"


def image(options: dict[str, str], **settings: Any) -> Image:
    named = {name.replace("_", ".", 1): value for name, value in settings.items()}
    return replace(facts.image(Path("/nowhere"), settings=named), options=options)


@pytest.mark.parametrize(
    ("options", "settings", "said"),
    [
        ({}, {}, "repositories: none was given"),
        ({"repositories": SITE}, {}, "gpg_keys: none was given for the repository mirror.example.org-9-BaseOS"),
        ({"repositories": SITE, "gpg_keys": "/no/key"}, {}, "gpg_keys: '/no/key' was given; there is no such file"),
        ({"repositories": SITE, "gpg_check": "maybe"}, {}, "gpg_check: 'maybe' was given; accepted are yes and no"),
        (
            {"repositories": "BaseOS"},
            {},
            "repositories: 'BaseOS' was given; accepted is a URL (https, http, file, ftp)",
        ),
        ({"repositories": "/no/such.repo"}, {}, "repositories: '/no/such.repo' was given; it can't be read"),
        ({"repositores": SITE}, {}, "repositores: there is no such option; accepted are release, repositories"),
        (
            {"repositories": SITE, "gpg_check": "no", "sslcacert": "/no/ca"},
            {},
            "sslcacert: '/no/ca' was given; there is",
        ),
        ({"repositories": SITE, "release": "nine"}, {}, "release: 'nine' was given; accepted is a number"),
        ({"repositories": SITE, "release": "7"}, {}, "'7' was given; accepted are 8 and later of RHEL"),
        ({"repositories": SITE, "gpg_check": "no", "excludes": "--x"}, {}, "excludes: '--x' was given"),
        ({"repositories": SITE, "gpg_check": "no", "modules": "a;b"}, {}, "modules: 'a;b' was given"),
        ({"repositories": SITE, "gpg_check": "no"}, {"rhel_locale": "english"}, "setting rhel.locale: 'english' was"),
    ],
)
def test_bad_options_are_refused_by_name(tmp_path: Path, options: Any, settings: Any, said: str) -> None:
    with pytest.raises(BadInput) as refused:
        Rhel().build(image(options, **settings), tmp_path, ["filesystem"], print)
    assert said in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_package_is_no_option_of_dnf_s(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="packages: '--nogpgcheck' was given"):
        Rhel().build(image({"repositories": SITE, "gpg_check": "no"}), tmp_path, ["--nogpgcheck"], print)


def test_a_password_is_neither_in_a_url_nor_shown() -> None:
    with pytest.raises(BadInput, match=r"put the password into a \.repo file") as refused:
        repositories(image({"repositories": "https://ada:secret@mirror.example.org/9", "gpg_check": "no"}))
    assert "secret" not in str(refused.value)


def test_files_with_secrets_are_root_s_only(tmp_path: Path) -> None:
    file, key = tmp_path / "site.repo", tmp_path / "client.key"
    file.write_text("[site]\nbaseurl=https://mirror.example.org/9\nusername=ada\npassword=secret\n")
    key.write_text("a key")
    for one in (file, key):
        one.chmod(0o644)
    with pytest.raises(BadInput, match=r"site.repo holds a secret and has mode 644; accepted is 600"):
        repositories(image({"repositories": str(file), "gpg_check": "no"}))
    file.chmod(0o600)
    assert repositories(image({"repositories": str(file), "gpg_check": "no"}))["site"]["password"] == "secret"
    with pytest.raises(BadInput, match=r"client.key holds a secret and has mode 644"):
        repositories(image({"repositories": SITE, "gpg_check": "no", "sslclientkey": str(key)}))
    key.chmod(0o600)
    found = repositories(image({"repositories": SITE, "gpg_check": "no", "sslclientkey": str(key)}))
    assert found["mirror.example.org-9-BaseOS"]["sslclientkey"] == str(key)


def test_signatures_are_checked_unless_said_otherwise(tmp_path: Path) -> None:
    """A .repo file can't switch it off: it is often somebody else's."""
    file = tmp_path / "site.repo"
    file.write_text("[site]\nname=Site\nbaseurl=http://x/%7Eada\ngpgcheck=0\n\n[off]\nbaseurl=http://y\nenabled=0\n")
    with pytest.raises(BadInput, match="none was given for the repository site"):
        repositories(image({"repositories": str(file)}))
    for options in ({"gpg_check": "no"}, {}):
        found = repositories(image({"repositories": str(file), **options}, rhel_gpg_check=False))
        assert found == {"site": {"name": "Site", "baseurl": "http://x/%7Eada", "gpgcheck": "0"}}
    file.write_text("[site]\nbaseurl=http://x\ngpgkey=http://x/key\ngpgcheck=0\n")
    assert repositories(image({"repositories": str(file)}))["site"]["gpgcheck"] == "1"


def test_settings_stand_in_for_options(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("a key")
    wanted = image({}, rhel_repositories=(SITE, str(tmp_path)), rhel_gpg_keys=(str(tmp_path / "key"),))
    parser = ConfigParser(interpolation=None)
    parser.read_string(text(repositories(wanted)))
    assert [parser[name]["baseurl"] for name in parser.sections()] == [SITE, f"file://{tmp_path}"]
    assert {parser[name]["gpgkey"] for name in parser.sections()} == {f"file://{tmp_path}/key"}


def test_repositories_that_differ_in_their_query_are_two(tmp_path: Path) -> None:
    given = f"{SITE}?repo=BaseOS,{SITE}?repo=AppStream"
    assert len(repositories(image({"repositories": given, "gpg_check": "no"}))) == 2


def test_what_a_repo_file_says_of_dnf_itself_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "site.repo"
    file.write_text("[main]\nplugins=1\n\n[site]\nbaseurl=http://x\n")
    assert set(repositories(image({"repositories": str(file), "gpg_check": "no"}))) == {"site"}
