import pytest

from luna_core.errors import BadInput
from luna_core.image.patterns import matcher


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("/etc/machine-id", b"etc/machine-id", True),
        ("/etc/machine-id", b"usr/etc/machine-id", False),
        ("/etc/*.bak", b"etc/a.bak", True),
        ("/etc/*.bak", b"etc/a/b.bak", False),
        ("/etc/**/*.bak", b"etc/a/b/c.bak", True),
        ("/etc/**/*.bak", b"etc/a.bak", True),
        ("/**/core", b"core", True),
        ("/srv/", b"srv", True),
        ("/a?[0-9]", b"ab7", True),
        ("/a?[0-9]", b"ab", False),
        ("/a*", b"a\n\xff", True),
    ],
)
def test_patterns(pattern: str, path: bytes, expected: bool) -> None:
    assert matcher([pattern], "excludes")(path) is expected


@pytest.mark.parametrize("pattern", ["", "/", "etc/*", "*"])
def test_a_pattern_that_is_not_one_is_refused(pattern: str) -> None:
    with pytest.raises(BadInput, match="excludes"):
        matcher([pattern], "excludes")
