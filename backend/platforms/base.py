"""The seam between us and a store's platform: what an adapter must be able to do.

An adapter is a module (`custom/adapter.py`) with the names of `Platform`. Its functions are pure: they know no database
and make no calls. Coming in, the door asks it to `verify` the raw bytes, parses them strictly, asks for the `topic` and
to `check` the document, and stores the delivery; later the drain parses the stored bytes again and asks to `interpret`
them into events. Going out, an adapter's client says with `TryAgain` or `Never` what a failed call is worth.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from backend.errors import BadInput
from backend.platforms.events import Event


class Headers(Protocol):
    """The request's headers; names are found whatever their case."""

    def get(self, name: str, /) -> str | None: ...


class Platform(Protocol):
    """What every platform's adapter offers."""

    name: str
    rejection_status: int
    """The answer to a signed delivery that is malformed: 400, or 200 where errors cost the subscription (Shopify)."""

    def verify(self, headers: Headers, raw: bytes, secrets: Sequence[str], wall: datetime) -> str:
        """The delivery's id, once the raw bytes are proved to be signed with one of the shop's active `secrets`.

        `wall` is the machine's own time. Raises Unauthorized for everything else, whatever garbage the headers hold.
        """
        ...

    def topic(self, headers: Headers, document: Any) -> str:
        """The name that the platform gives to what happened. Raises MalformedDelivery if there is none."""
        ...

    def check(self, topic: str, document: Any) -> None:
        """Refuse what `interpret` would refuse, and as it would, without making the events."""
        ...

    def interpret(self, topic: str, document: Any, received_at: datetime) -> list[Event]:
        """What the delivery means to us. `document` comes from `strict_json.parse`.

        `received_at` stands in for the moment where the body says none. Raises NotForUs for what is none of our business,
        MalformedDelivery for a field that is missing or malformed.
        """
        ...


class NotForUs(Exception):
    """A topic that we do not know, or a delivery that changes nothing here: then `reason` says why, to the merchant."""

    def __init__(self, topic: str, reason: str | None = None) -> None:
        super().__init__(topic)
        self.reason = reason


class MalformedDelivery(BadInput):
    """Signed and strict JSON, but a field is missing or malformed; `errors` says which, `detail` the first."""

    status = 400
    code = "malformed_delivery"
    title = "The delivery is malformed"


class TryAgain(Exception):
    """An outgoing call failed in a way that may pass: 429, 5xx, time-outs, broken connections.

    `retry_after_seconds` is what the platform asked for, or None: then the outbox's own back-off decides. The call may
    or may not have had its effect, so it is repeated with the same reference.
    """

    def __init__(self, reason: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds


class NotNow(Exception):
    """The call was not made: whom it is for is to be left alone for so long. No attempt, whatever its age."""

    def __init__(self, reason: str, seconds: float) -> None:
        super().__init__(reason)
        self.reason = reason
        self.seconds = seconds


class Never(Exception):
    """An outgoing call that no repetition will help: the outbox parks it and shows `reason` to the merchant.

    `for_log` is what the log gets instead, where the reason has words of the platform's, which may be about anybody.
    """

    def __init__(self, reason: str, for_log: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.for_log = for_log or reason
