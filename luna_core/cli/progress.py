"""How far something is that takes a while: a bar on a terminal, lines elsewhere; always on standard error."""

import sys
import threading
import time

import click

_REDRAWN_EVERY_S = 0.1
_BAR = 30
_MEGABYTE = 1e6
_QUARTERS = 4


class Progress:
    """Phases of a job, one after the other. Use it as a context manager; several threads may call it."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._lock = threading.Lock()
        self._phase = ""
        self._began = self._drawn = 0.0
        self._quarter = 0

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._end_phase()

    def __call__(self, done_bytes: int, total_bytes: int, phase: str) -> None:
        """A phase has begun, or has got this far if `total_bytes` is known."""
        with self._lock:
            if phase != self._phase:
                self._begin_phase(phase)
            if total_bytes:
                self._advance(done_bytes, total_bytes)

    def say(self, phase: str) -> None:
        """A phase has begun of which nobody knows how much there is to do."""
        self(0, 0, phase)

    def _begin_phase(self, phase: str) -> None:
        self._end_phase()
        self._phase, self._began, self._drawn, self._quarter = phase, time.monotonic(), 0.0, 0
        click.echo(f"{phase} …", err=True, nl=not self._live)

    def _end_phase(self) -> None:
        if self._phase and self._live:
            click.echo(f"\r\x1b[K{self._phase}: {time.monotonic() - self._began:.1f} s", err=True)
        self._phase = ""

    def _advance(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self._live:
            if now - self._drawn >= _REDRAWN_EVERY_S:
                self._drawn = now
                click.echo(f"\r\x1b[K{self._bar(done, total, now - self._began)}", err=True, nl=False)
            return
        quarter = done * _QUARTERS // total
        if quarter > self._quarter:
            self._quarter = quarter
            click.echo(f"{self._phase}: {done * 100 // total} % of {total / _MEGABYTE:.0f} MB", err=True)

    def _bar(self, done: int, total: int, seconds: float) -> str:
        full = done * _BAR // total
        rate = done / _MEGABYTE / seconds if seconds > 0 else 0.0
        return (
            f"{self._phase} [{'#' * full}{'.' * (_BAR - full)}] {done * 100 // total:3d} % "
            f"{done / _MEGABYTE:.0f} of {total / _MEGABYTE:.0f} MB {rate:.0f} MB/s"
        )
