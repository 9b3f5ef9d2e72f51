"""Watches the store while `luna serve` runs: each change is taken up once things have been quiet for a moment."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass

from luna_core.errors import LunaError
from luna_core.services.supervisor import say


@dataclass(frozen=True, kw_only=True)
class Watch:
    """`newest` is a cheap question, asked each `poll_s`; its answer differs after a change.

    When it has, `refresh` is called after `quiet_s` without another, and at the latest after `longest_s`; what failed
    is done again after `again_s`.
    """

    newest: Callable[[], Hashable]
    refresh: Callable[[], Awaitable[None]]
    poll_s: float = 1.0
    quiet_s: float = 0.5
    longest_s: float = 5.0
    again_s: float = 10.0

    async def run(self) -> None:
        """Refresh at once, then after each change, until cancelled. Errors are logged: what runs must go on."""
        said = ""
        while True:
            seen = await self._ask(None)
            failed = ""
            try:
                await self.refresh()
            except Exception as error:
                failed = str(error) if isinstance(error, LunaError) else repr(error)
            if failed not in ("", said):
                say(f"luna: {failed}")
            said = failed
            await self._changed_since(seen, self.again_s if failed else math.inf)

    async def _changed_since(self, seen: Hashable, most_s: float) -> None:
        clock = asyncio.get_running_loop().time
        until = clock() + most_s
        while (answer := await self._ask(seen)) == seen and clock() < until:
            await asyncio.sleep(self.poll_s)
        latest = clock() + self.longest_s
        while clock() < latest:
            await asyncio.sleep(self.quiet_s)
            before, answer = answer, await self._ask(answer)
            if before == answer:
                return

    async def _ask(self, otherwise: Hashable) -> Hashable:
        try:
            return await asyncio.to_thread(self.newest)
        except LunaError as error:
            say(f"luna: {error}")
            return otherwise
