"""Where packages come from, as the administrator gave it, and the .repo file of dnf.conf(5) that is made of it."""

import io
import re
from collections.abc import Iterator, Mapping
from configparser import ConfigParser, Error
from pathlib import Path
from urllib.parse import urlsplit

from luna_core.errors import BadInput
from luna_core.types import Image
from luna_distro_rhel import settings

_SCHEMES = ("https", "http", "file", "ftp")
_CERTIFICATES = ("sslcacert", "sslclientcert", "sslclientkey")
_SECRETS = ("password", "proxy_password")
Sections = Mapping[str, Mapping[str, str]]


def repositories(image: Image) -> Sections:
    """The sections of a .repo file, by their ids.

    Raises BadInput for a place that is none, packages whose keys nobody named, and secrets that others can read.
    """
    given = settings.words(image, "repositories", settings.REPOSITORIES)
    if not given:
        raise BadInput(
            f"osimage {image.name}: options: repositories: none was given; accepted are URLs, directories with "
            "repodata, and .repo files, separated by commas."
        )
    found = {name: values for place in given for name, values in _sections(image, place)}
    return {name: _checked(image, name, values) for name, values in found.items()}


def text(sections: Sections) -> str:
    """The sections as a file."""
    parser = _parser()
    parser.read_dict(sections)
    file = io.StringIO()
    parser.write(file, space_around_delimiters=False)
    return file.getvalue()


def _parser() -> ConfigParser:
    # A % in a URL is no reference to another value.
    return ConfigParser(interpolation=None, delimiters=("=",))


def _sections(image: Image, place: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    if place.startswith("/") and place.endswith(".repo"):
        yield from _read(image, Path(place))
        return
    url = f"file://{place}" if place.startswith("/") else place
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES or not (parts.netloc or parts.path):
        raise _refused(image, place, f"accepted is a URL ({', '.join(_SCHEMES)}), a directory or a .repo file")
    if parts.username or parts.password:
        raise _refused(image, re.sub("//.*@", "//…@", place), "put the password into a .repo file that is root's only")
    identity = re.sub(r"[^\w.-]+", "-", url.partition("://")[2]).strip("-")
    keys = settings.words(image, "gpg_keys", settings.GPG_KEYS)
    certificates = {name: image.options[name] for name in _CERTIFICATES if name in image.options}
    yield identity, {"baseurl": url, "gpgkey": " ".join(_key_url(image, key) for key in keys), **certificates}


def _read(image: Image, file: Path) -> Iterator[tuple[str, Mapping[str, str]]]:
    parser = _parser()
    try:
        parser.read_string(file.read_text())
    except (OSError, Error) as error:
        raise _refused(image, str(file), f"it can't be read: {str(error).splitlines()[0]}") from error
    for name in parser.sections():
        values = dict(parser[name])
        if any(secret in values for secret in _SECRETS):
            _require_private(image, f"repositories: {file}", file)
        # dnf itself leaves out what a .repo file says under [main].
        if values.get("enabled", "1") != "0" and name != "main":
            yield name, values


def _checked(image: Image, name: str, values: Mapping[str, str]) -> Mapping[str, str]:
    """With packages' signatures checked, unless the osimage or the setting says that they need not be."""
    is_checked = settings.gpg_check(image)
    if is_checked and not values.get("gpgkey"):
        raise BadInput(
            f"osimage {image.name}: options: gpg_keys: none was given for the repository {name}; accepted are files "
            "and URLs of the keys that sign its packages, or gpg_check=no."
        )
    for option in _CERTIFICATES:
        if option in values and not Path(values[option]).is_file():
            raise BadInput(
                f"osimage {image.name}: repository {name}: {option}: {values[option]!r} was given; there is no such "
                "file."
            )
    if "sslclientkey" in values:
        _require_private(image, f"repository {name}: sslclientkey", Path(values["sslclientkey"]))
    return {"name": name, **values, "gpgcheck": str(int(is_checked))}


def _key_url(image: Image, key: str) -> str:
    if not key.startswith("/"):
        return key
    if not Path(key).is_file():
        raise BadInput(f"osimage {image.name}: options: gpg_keys: {key!r} was given; there is no such file.")
    return f"file://{key}"


def _require_private(image: Image, what: str, file: Path) -> None:
    try:
        mode = file.stat().st_mode
    except OSError as error:
        raise BadInput(f"osimage {image.name}: {what}: {file} can't be read: {error.strerror}.") from error
    if mode & 0o077:
        raise BadInput(
            f"osimage {image.name}: {what}: {file} holds a secret and has mode {mode & 0o777:o}; accepted is 600: "
            f"'chmod 600 {file}'."
        )


def _refused(image: Image, given: str, accepted: str) -> BadInput:
    return BadInput(f"osimage {image.name}: options: repositories: {given!r} was given; {accepted}.")
