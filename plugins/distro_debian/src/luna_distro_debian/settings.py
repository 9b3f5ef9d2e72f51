"""The settings of Debian images."""

from luna_core.types import Image, Setting

RELEASE = Setting(name="debian.release", default="bookworm", help="Suite that Debian images are built of.")
MIRROR = Setting(name="debian.mirror", default="", help="Debian archive; the controller's own if empty.")
ARCHITECTURE = Setting(
    name="debian.architecture",
    default="",
    help="What Debian images are for, as in arm64; the controller's own if empty.",
)
COMPONENTS = Setting(name="debian.components", default=("main",), help="Components of the archive.")
REPOSITORIES = Setting(
    name="debian.repositories", default=(), help="Further repositories, as lines of sources.list(5)."
)
LOCALE = Setting(name="debian.locale", default="C.UTF-8", help="LANG of Debian images, as in en_US.UTF-8.")
ALL = (RELEASE, MIRROR, ARCHITECTURE, COMPONENTS, REPOSITORIES, LOCALE)
OPTIONS = ("release", "mirror", "architecture", "components", "kernel", "packages")
_COMPILED_IN = ("C", "POSIX", "C.UTF-8")


def text(image: Image, setting: Setting) -> str:
    """A setting's value."""
    return str(image.cluster.settings.get(setting.name, setting.default))


def words(image: Image, setting: Setting) -> tuple[str, ...]:
    """The value of a setting that is a list."""
    value = image.cluster.settings.get(setting.name, setting.default)
    return value if isinstance(value, tuple) else ()


def needs_locales(image: Image) -> bool:
    """Whether the locale must be compiled, which takes the package `locales`."""
    return text(image, LOCALE) not in _COMPILED_IN
