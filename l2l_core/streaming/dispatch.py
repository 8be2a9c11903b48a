"""What was sent to a cluster and has not come back: sent again where it was lost on its way."""

from __future__ import annotations

import queue
import time
import uuid
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from attrs import define, field

from l2l_core.errors import WorkersError
from l2l_core.streaming.errands import Errand, returned, run_errand
from l2l_core.streaming.execution import Outcome
from l2l_core.streaming.scheduler import let_go

if TYPE_CHECKING:
    from collections.abc import Iterator

FETCH_SECONDS = 5.0
"""A small answer that takes longer to fetch has been lost with its worker."""

POLL_SECONDS = 0.25

_KILLS = 3
"""An item that was there when so many workers died is not sent a further time."""


@define(eq=False)
class Sent:
    """An errand on its way.

    Attributes
    ----------
    errand : Errand
    kills : int
        How many workers died while they held it.
    alone : bool
        Whether it was sent with nothing else beside it.
    future : distributed.Future or None
        Where its answer arrives.
    """

    errand: Errand
    kills: int = 0
    alone: bool = False
    future: Any = None


@define(eq=False)
class Dispatch:
    """What one run has sent to a cluster and has not got back.

    Parameters
    ----------
    client : distributed.Client
        Of the cluster.
    """

    client: Any
    ended: queue.SimpleQueue[Any] = field(factory=queue.SimpleQueue)
    sent: dict[str, Sent] = field(factory=dict)
    lost: deque[Sent] = field(factory=deque)
    suspects: deque[Sent] = field(factory=deque)

    @property
    def under_way(self) -> int:
        """How many items have not come back."""
        return len(self.sent) + len(self.lost)

    def send(self, sent: Sent) -> None:
        """Send an errand."""
        # Never the same key twice: another result could still be on its way.
        name = getattr(sent.errand.task, "__name__", "task")
        key = f"{name}-{uuid.uuid4().hex}"
        sent.future = self.client.submit(run_errand, sent.errand, key=key, pure=False, retries=0)
        self.sent[key] = sent
        sent.future.add_done_callback(self.ended.put)

    def send_again(self) -> None:
        """Send what was lost on its way, while there is somebody to send it to."""
        while self.lost and self.client.status == "running":
            self.send(self.lost.popleft())

    def send_a_suspect(self, *, allowed: bool) -> bool:
        """Send one item that was there when workers died, with nothing else beside it."""
        if not self.suspects:
            return False
        suspect = self.suspects.popleft()
        suspect.alone = True
        if allowed:
            self.send(suspect)
        return allowed

    def next_outcome(self, timeout: float) -> Outcome | None:
        """Return the next item that has ended, or None after a while."""
        try:
            future = self.ended.get(timeout=timeout)
        except queue.Empty:
            return None
        sent = self.sent.pop(future.key, None)
        return None if sent is None else self._outcome(future.key, sent)

    def _outcome(self, key: str, sent: Sent) -> Outcome | None:
        from distributed import CancelledError, KilledWorker

        item = sent.errand.item
        try:
            answer = sent.future.result(timeout=FETCH_SECONDS)
            known = self.client.sync(
                self.client._run_on_scheduler,
                let_go,
                key,
                self.client.id,
                callback_timeout=FETCH_SECONDS,
            )
        except KilledWorker as error:
            return self._killed(sent, error.allowed_failures + 1)
        except TimeoutError:
            known = False
        except (CancelledError, OSError):
            # The scheduler was lost for a moment, and has forgotten what it was asked for.
            self.lost.append(sent)
            return None
        # The errand itself could not be read there, or the answer could not be read here.
        except Exception as error:
            return Outcome(item, error=error)
        if not known:
            # The worker was lost with the result, which the scheduler has made again: what the
            # errand writes is only there when that has ended.
            self.sent[key] = sent
            sent.future.add_done_callback(self.ended.put)
            return None
        return Outcome(item, answer.result, returned(answer), answer.worker, answer.seconds)

    def _killed(self, sent: Sent, times: int) -> Outcome | None:
        sent.kills += times
        if sent.alone:
            return Outcome(
                sent.errand.item,
                error=WorkersError(
                    f"{sent.kills} workers died while they worked at this; they may have had too "
                    "little memory: use fewer workers or a smaller --tile, and go on with what is "
                    "done"
                ),
            )
        # What ran beside the culprit is innocent; by itself it will show.
        if sent.kills >= _KILLS - 1:
            self.suspects.append(sent)
        else:
            self.lost.append(sent)
        return None

    def last_outcomes(self, grace: float) -> Iterator[Outcome]:
        """Yield what ends within so many seconds."""
        until = time.monotonic() + grace
        while self.sent and time.monotonic() < until:
            outcome = self.next_outcome(POLL_SECONDS)
            if outcome is not None:
                yield outcome

    def cancel(self) -> None:
        """Forget what is under way; what has not begun is not begun."""
        futures = [sent.future for sent in self.sent.values()]
        self.sent.clear()
        if futures and self.client.status == "running":
            with suppress(OSError, RuntimeError):
                self.client.cancel(futures)
