"""How often, and after what pause, something that another transaction came in the way of is done again."""

from __future__ import annotations

import random
from dataclasses import dataclass

__all__ = ["Retry"]

SERIALIZATION_FAILURE = "40001"
DEADLOCK = "40P01"
LOCK_TIMEOUT = "55P03"


@dataclass(frozen=True, slots=True)
class Retry:
    """Bounded repetition with exponential backoff and full jitter.

    The pause before repetition n is a random part of min(cap, base * 2^(n - 1)), so that those who collided do not meet
    again. The defaults give up after at most 0.7 seconds of pauses. `Retry(attempts=1)` never repeats.
    """

    attempts: int = 8
    """How often it is done in all, the first time included; at least 1."""
    base: float = 0.005
    """Longest pause before the first repetition, in seconds."""
    cap: float = 0.5
    """Longest pause before any repetition, in seconds."""
    on_lock_timeout: bool = False
    """Whether a lock_timeout (55P03) is repeated as well; each attempt may then wait that long."""

    def __post_init__(self) -> None:
        """Raise ValueError for bounds that are none."""
        if self.attempts < 1:
            raise ValueError("attempts must be at least 1")
        if not 0 <= self.base < float("inf") or not 0 <= self.cap < float("inf"):
            raise ValueError("base and cap must be seconds: finite, and not negative")

    def covers(self, sqlstate: str | None) -> bool:
        """Whether an error with this SQLSTATE comes from another transaction's timing alone."""
        if sqlstate == LOCK_TIMEOUT:
            return self.on_lock_timeout
        return sqlstate in (SERIALIZATION_FAILURE, DEADLOCK)

    def pause(self, attempt: int) -> float:
        """Seconds to wait after this attempt (the first is 1) has failed."""
        # An exponent beyond 64 could only overflow: any cap is reached long before.
        return random.uniform(0, min(self.cap, self.base * 2.0 ** min(attempt - 1, 64)))
