"""The settings of RHEL images, and the options of an osimage that stand in for them."""

import re
from collections.abc import Sequence

from luna_core.errors import BadInput
from luna_core.types import Image, Setting

RELEASE = Setting(name="rhel.release", default="9", help="Release that RHEL images are built of, as in 9, 9.4 or 42.")
REPOSITORIES = Setting(
    name="rhel.repositories",
    default=(),
    help="Where packages come from: URLs, directories with repodata, .repo files of the controller.",
)
GPG_KEYS = Setting(
    name="rhel.gpg_keys", default=(), help="Files or URLs of the keys that sign the packages of URLs and directories."
)
GPG_CHECK = Setting(name="rhel.gpg_check", default=True, help="Whether packages must be signed by a known key.")
LOCALE = Setting(name="rhel.locale", default="C.UTF-8", help="LANG of RHEL images, as in en_US.UTF-8.")
ALL = (RELEASE, REPOSITORIES, GPG_KEYS, GPG_CHECK, LOCALE)

OPTIONS = (
    *("release", "repositories", "gpg_keys", "gpg_check", "sslclientcert", "sslclientkey", "sslcacert"),
    *("packages", "modules", "excludes", "kernel"),
)
_RELEASE = re.compile(r"\d{1,3}(\.\d{1,2})?(-stream)?")
_LOCALE = re.compile(r"(C|[a-z]{2,3})(_[A-Z]{2})?(\.UTF-8|\.utf8)?")
_ARGUMENT = re.compile(r"[@A-Za-z0-9][\w.+*:/~^@()=-]*")


def release(image: Image) -> str:
    """The release to build, as dnf's `--releasever` takes it. Raises BadInput."""
    value = image.options.get("release") or str(image.cluster.settings.get(RELEASE.name, RELEASE.default))
    if not _RELEASE.fullmatch(value):
        raise BadInput(
            f"osimage {image.name}: options: release: {value!r} was given; accepted is a number as in 9, 9.4 or 42."
        )
    return value


def words(image: Image, option: str, setting: Setting | None = None) -> tuple[str, ...]:
    """The words of an option, separated by commas or spaces, else the setting's."""
    given = image.options.get(option)
    if given is None and setting is not None:
        value = image.cluster.settings.get(setting.name, setting.default)
        return value if isinstance(value, tuple) else ()
    return tuple((given or "").replace(",", " ").split())


def arguments(image: Image, option: str) -> tuple[str, ...]:
    """The words of an option that become arguments of dnf. Raises BadInput as `require_names`."""
    found = words(image, option)
    require_names(image, option, found)
    return found


def require_names(image: Image, option: str, given: Sequence[str]) -> None:
    """Raise BadInput for a word that dnf would take for an option of its own."""
    for word in given:
        if not _ARGUMENT.fullmatch(word):
            raise BadInput(f"osimage {image.name}: options: {option}: {word!r} was given; accepted are names.")


def gpg_check(image: Image) -> bool:
    """Whether unsigned packages are refused. Raises BadInput for an option that is neither yes nor no."""
    given = image.options.get("gpg_check")
    if given not in (None, "yes", "no"):
        raise BadInput(f"osimage {image.name}: options: gpg_check: {given!r} was given; accepted are yes and no.")
    return given == "yes" if given else bool(image.cluster.settings.get(GPG_CHECK.name, GPG_CHECK.default))


def locale(image: Image) -> str:
    """LANG of the image. Raises BadInput for what is no locale in UTF-8."""
    value = str(image.cluster.settings.get(LOCALE.name, LOCALE.default))
    if not _LOCALE.fullmatch(value):
        raise BadInput(f"setting {LOCALE.name}: {value!r} was given; accepted is one as in C.UTF-8 or en_US.UTF-8.")
    return value


def language_package(image: Image) -> str:
    """The package of glibc that has the locale."""
    language = re.split(r"[_.]", locale(image))[0]
    return "glibc-minimal-langpack" if language == "C" else f"glibc-langpack-{language}"
