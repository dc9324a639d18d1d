"""How much may be asked of Shopify: each shop's bucket of cost, followed in Valkey for all processes (platforms.md 5.4).

What Shopify last said is taken on from there by its rate; what is asked for and not answered yet is held back. That costs
a question of a millisecond and spares the shop's other apps and pages our refusals. Without Valkey everything is let through:
Shopify itself is the judge, and says when it was too much.
"""

import logging
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import redis
from flask import current_app

from backend import queue
from backend.config import Config
from backend.platforms.shopify.admin_api import Budget

STANDARD = Budget(available=2000.0, maximum=2000.0, restore_rate=100.0)
"""Of the smallest plan: what is believed of a shop that has not answered yet."""
BULK_SHARE = 0.5
"""What work that can wait may use of the bucket: the rest is for those who wait for an answer."""
HELD_SECONDS = 30
"""How long an unanswered call counts: longer than a call may take, and its process may have died."""
FORGET_SECONDS = 3600
FIRST_COST = 50.0
"""What a document is believed to cost before it was first asked."""
AWAY_SECONDS = 2.0

_KNOWN = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local said = redis.call('HMGET', KEYS[1], 'available', 'maximum', 'rate', 'at')
local maximum = tonumber(said[2] or ARGV[1])
local rate = tonumber(said[3] or ARGV[2])
local available = tonumber(said[1] or maximum)
available = math.min(maximum, available + math.max(0, now - tonumber(said[4] or now)) * rate)
"""
_RESERVE = (
    _KNOWN
    + """
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
for _, held in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
    available = available - tonumber(string.match(held, ' (.*)'))
end
local cost = tonumber(ARGV[3])
local floor = maximum * tonumber(ARGV[4])
local needed = math.min(floor + cost, maximum)
if available < needed then
    return tostring((needed - available) / rate)
end
redis.call('ZADD', KEYS[2], now + ARGV[6], ARGV[5])
redis.call('EXPIRE', KEYS[2], ARGV[6])
return '0'
"""
)
_SETTLE = """
redis.call('ZREM', KEYS[2], ARGV[1])
if ARGV[2] ~= '' then
    local clock = redis.call('TIME')
    redis.call('HSET', KEYS[1], 'available', ARGV[2], 'maximum', ARGV[3], 'rate', ARGV[4],
        'at', string.format('%.6f', clock[1] + clock[2] / 1000000))
    redis.call('EXPIRE', KEYS[1], ARGV[5])
end
"""

log = logging.getLogger(__name__)


@dataclass
class Place:
    """A call that was let through. `budget`: what Shopify said afterwards, put here by who made the call."""

    budget: Budget | None = None


class Throttle:
    """The buckets of all shops, in one Valkey. Threads may share it."""

    def __init__(self, redis_url: str) -> None:
        self._client = queue.client(redis_url)
        self._reserve = self._client.register_script(_RESERVE)
        self._settle = self._client.register_script(_SETTLE)
        self._away_until = 0.0

    @contextmanager
    def taking(self, shop_id: int, cost: float, *, bulk: bool) -> Iterator[Place]:
        """Let one call of this cost through. Raises Full with how long to wait for it; nothing is held then.

        `bulk` work leaves the half of the bucket to others.
        """
        name = f"{uuid.uuid4().hex} {cost:.3f}"
        wait = self._ask(shop_id, name, cost, bulk)
        if wait > 0:
            raise Full(wait)
        place = Place()
        try:
            yield place
        finally:
            self._tell(shop_id, name, place.budget)

    def _ask(self, shop_id: int, name: str, cost: float, bulk: bool) -> float:
        floor = 1 - BULK_SHARE if bulk else 0.0
        arguments: list[str | float] = [STANDARD.maximum, STANDARD.restore_rate, cost, floor, name, HELD_SECONDS]
        if time.monotonic() < self._away_until:
            return 0.0
        try:
            return float(self._reserve(keys=_keys(shop_id), args=arguments))
        except redis.RedisError as error:
            self._is_away(error)
            return 0.0

    def _tell(self, shop_id: int, name: str, budget: Budget | None) -> None:
        said: list[str | float] = ["", "", ""]
        if budget is not None:
            said = [budget.available, budget.maximum, budget.restore_rate]
        if time.monotonic() < self._away_until:
            return
        try:
            self._settle(keys=_keys(shop_id), args=[name, *said, FORGET_SECONDS])
        except redis.RedisError as error:
            self._is_away(error)

    def _is_away(self, error: redis.RedisError) -> None:
        self._away_until = time.monotonic() + AWAY_SECONDS
        log.warning("the queue is away, calls to Shopify are not counted: %s", error)


class Full(Exception):
    """The bucket is too low for this call; `seconds` from now it holds enough."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def throttle() -> Throttle:
    """The running app's."""
    found: Throttle | None = current_app.extensions.get("shopify_throttle")
    if found is None:
        config: Config = current_app.config["LAGNIAPPE"]
        found = current_app.extensions["shopify_throttle"] = Throttle(config.redis_url)
    return found


def _keys(shop_id: int) -> list[str]:
    return [f"shopify:{{{shop_id}}}:bucket", f"shopify:{{{shop_id}}}:held"]
