"""A pytest plugin: labs for tests, removed when the test ends."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from luna_lab.lab import Lab


@pytest.fixture
def luna_lab() -> "Iterator[Callable[..., Lab]]":
    """A function that makes a lab; its arguments are those of `luna_lab.lab.Lab`. It fails where there is no root."""
    from luna_lab.lab import Lab

    with ExitStack() as stack:

        def make(**options: Any) -> Lab:
            return stack.enter_context(Lab(**options))

        yield make
