"""One row of the outbox in the hands of whoever sends it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class Call:
    """A claimed row. `attempts` counts this one."""

    shop_id: int
    id: int
    kind: str
    key: str
    payload: dict[str, Any]
    attempts: int
    created_at: datetime
    lease_token: UUID


Send = Callable[[Call], str | None]
"""Does one call, outside any transaction and with time limits. Returns None, or a sentence that says why there was
nothing to send. Raises TryAgain or Never."""

Line = Callable[[], AbstractContextManager[Send]]
"""Opens what a batch of calls of one kind shares: a connection, a session."""

Together = Callable[[list[Call]], Iterator[tuple[Call, Send]]]
"""Does all calls of a batch, many of them with one request. Yields each with what became of it, as soon as it is known: a
function that answers or raises what `Send` would have for this call."""
