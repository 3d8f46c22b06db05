"""Rate limits: a token bucket per key, and one per address for failed attempts."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Final

#: Burst: a key may use this many seconds of its rate at once.
_BURST_SECONDS: Final = 10.0
_SECONDS_PER_MINUTE: Final = 60.0


class TokenBucket:
    """Bucket of tokens that fills at a constant rate. Each request takes one token."""

    __slots__ = ("_at", "_capacity", "_per_second", "_tokens")

    def __init__(self, per_second: float, capacity: float, now: float) -> None:
        """
        Args:
            capacity: tokens of a full bucket, at least 1. The bucket starts full.
            now: time in seconds, on the same clock as in `take`.
        """
        self._per_second = per_second
        self._capacity = self._tokens = capacity
        self._at = now

    @classmethod
    def per_minute(cls, requests: int, now: float) -> TokenBucket:
        """Return a full bucket for a rate per minute. It allows bursts of ten seconds' requests."""
        per_second = requests / _SECONDS_PER_MINUTE
        return cls(per_second, max(1.0, per_second * _BURST_SECONDS), now)

    def take(self, now: float) -> int:
        """Take a token and return 0. Without a token, return the whole seconds until the next token."""
        tokens = min(self._capacity, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        if tokens >= 1.0:
            self._tokens = tokens - 1.0
            return 0
        self._tokens = tokens
        return math.ceil((1.0 - tokens) / self._per_second)


class Failures:
    """Rate limits of failed attempts per address. If there are more than 4,096 addresses, the least recently seen are dropped."""

    _PER_SECOND: Final = 1.0
    _AT_ONCE: Final = 20.0
    _MOST_ADDRESSES: Final = 4096

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def count(self, address: str, now: float) -> int:
        """Count a failed attempt. Return 0, or the whole seconds to wait if the address has failed too often."""
        bucket = self._buckets.get(address)
        if bucket is None:
            bucket = self._buckets[address] = TokenBucket(self._PER_SECOND, self._AT_ONCE, now)
            if len(self._buckets) > self._MOST_ADDRESSES:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(address)
        return bucket.take(now)
