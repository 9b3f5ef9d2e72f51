"""The endpoints by rank: who had to fall back to a lower one returns to a better one that works again.

A node that stays away from its swarm costs the controller a copy; one that returns to a swarm that doesn't work loses
time. So a better fetcher is tried beside the one at work, which goes on meanwhile, and takes its place when it brings
as much as the other in the same time. After each trial the next one is put off for twice as many bytes.
"""

from typing import Final

from luna_core.node.fetcher import Delivery, Fetcher, FetchError
from luna_core.node.lane import Lane, Patience

# What a fetcher brings before a better one is tried for the first time, and what decides that trial.
TRIAL_BYTES: Final = 8 << 20
_WATCH_S: Final = 0.25
_SAID_PERCENT: Final = 10


class Ladder:
    """Fetches by one endpoint and, after trials, by better ones; `position` is the number of the one at work."""

    def __init__(self, delivery: Delivery) -> None:
        self.position = 0
        self._delivery = delivery
        self._trial: _Trial | None = None
        self._trials = 0
        self._trial_bytes = TRIAL_BYTES
        self._due_bytes = 0

    def run(self, position: int) -> Fetcher:
        """Fetch all that is missing, beginning with this endpoint; returns the fetcher that did the rest, still open.

        Raises what the one at work fails with, FetchError if it stalls, and what is fatal.
        """
        self.position = position
        lane = Lane(self._delivery.job.endpoints[position], self._delivery)
        self._due_bytes = self._trial_bytes
        try:
            lane = self._watch(lane)
        finally:
            if self._trial:
                self._trial.lane.stop()
            self._trial = None
        return lane.fetcher

    def _watch(self, lane: Lane) -> Lane:
        """Wait until everything is there, saying how far it is; returns the lane that was at work in the end."""
        delivery = self._delivery
        patience, said = Patience(self._moved()), 0
        try:
            while not lane.has_ended(_WATCH_S):
                if delivery.fatal:
                    raise delivery.fatal
                lane = self._better(lane)
                patience.spend(self._moved())
                delivery.progress.peers = lane.progress.peers
                if delivery.progress.percent >= said + _SAID_PERCENT:
                    said = int(delivery.progress.percent)
                    delivery.say(f"{said} % of the image, {delivery.progress.peers} peers")
            if missing := delivery.missing():
                raise FetchError(f"It ended with {len(missing)} shards missing.")
        except BaseException:
            lane.stop()
            raise
        return lane

    def _moved(self) -> int:
        return self._delivery.progress.received_bytes + self._delivery.taker.unpacked_bytes

    def _better(self, lane: Lane) -> Lane:
        """Begin a trial if one is due, end it if it is decided; returns the lane to go on with."""
        if self._trial is None:
            if self.position and lane.brought_bytes >= self._due_bytes:
                self._begin_trial(lane)
            return lane
        trial = self._trial
        won = self._outcome(trial)
        if won is None:
            return lane
        worse, better = (lane, trial.lane) if won else (trial.lane, lane)
        worse.stop()
        if won:
            self.position = trial.position
            self._delivery.say(f"going on by {self._transport(trial.position)}")
        self._put_off(better)
        return better

    def _begin_trial(self, lane: Lane) -> None:
        number = self._trials % self.position
        self._trials += 1
        try:
            better = Lane(self._delivery.job.endpoints[number], self._delivery)
        except FetchError as error:
            self._delivery.say(f"{self._transport(number)} failed: {error}")
            self._put_off(lane)
        else:
            self._trial = _Trial(number, better, lane, self._trial_bytes)

    def _outcome(self, trial: "_Trial") -> bool | None:
        try:
            return trial.is_won()
        except Exception as error:
            self._delivery.say(f"{self._transport(trial.position)} failed: {error}")
            return False

    def _put_off(self, lane: Lane) -> None:
        self._trial = None
        self._trial_bytes *= 2
        self._due_bytes = lane.brought_bytes + self._trial_bytes

    def _transport(self, position: int) -> str:
        return self._delivery.job.endpoints[position].transport


class _Trial:
    """A better lane beside the one at work; the first `enough_bytes` decide, counted from the better one's first."""

    def __init__(self, position: int, lane: Lane, at_work: Lane, enough_bytes: int) -> None:
        self.position = position
        self.lane = lane
        self._at_work = at_work
        self._enough_bytes = enough_bytes
        self._before_bytes = at_work.brought_bytes
        self._patience = Patience(0)

    def is_won(self) -> bool | None:
        """Whether the better one is to go on alone; None as long as that is open. Raises what it fails with."""
        brought = self.lane.brought_bytes
        if self.lane.has_ended():
            return not self.lane.fetcher.delivery.missing()
        self._patience.spend(brought)
        if not brought:
            self._before_bytes = self._at_work.brought_bytes
        other = self._at_work.brought_bytes - self._before_bytes
        return brought >= other if max(brought, other) >= self._enough_bytes else None
