"""What all doors for platforms share: the raw bytes, and what becomes of them once it is proved whose they are.

Judge, store, commit, ring, acknowledge (contract section 3). The row is the truth: the answer is sent only after it is
committed.
"""

from collections.abc import Callable
from typing import Any

from flask import Response, request

from backend import clock, queue, strict_json
from backend.errors import BadInput, TooLarge
from backend.loyalty.deliveries import deliveries
from backend.platforms.base import MalformedDelivery, NotForUs, Platform
from backend.problems import problem
from backend.webhooks import inbox

MAX_BODY_BYTES = 1024 * 1024

Also = Callable[[str, Any], None]
"""A look at topic and document that an adapter cannot have. Raises BadInput or NotForUs."""


def raw_body() -> bytes:
    """The bytes as they came. Raises TooLarge, also for a body that does not say its length beforehand."""
    request.max_content_length = MAX_BODY_BYTES + 1  # Werkzeug cuts such a body here without a word
    raw = request.get_data(cache=False)
    if len(raw) > MAX_BODY_BYTES:
        raise TooLarge(f"A delivery may have {MAX_BODY_BYTES} bytes.")
    return raw


def take(adapter: Platform, shop_id: int, delivery_id: str, raw: bytes, also: Also | None = None) -> Response:
    """Keep a delivery whose bytes are proved, and acknowledge it."""
    topic, state, refusal, remark = _judge(adapter, raw, also)
    known = inbox.store(
        shop_id,
        delivery_id,
        raw,
        topic=topic,
        state=state,
        error=refusal.detail if refusal else remark,
        now=clock.now(),
        wall=clock.wall(),
    )
    if refusal is not None or (known is not None and known.state == "rejected"):
        return _rejected(adapter, refusal or MalformedDelivery(known.error if known else None))
    if known is not None:
        return answer(200, "duplicate")
    if state == "received":
        queue.ring(deliveries.DRAIN)
    return answer(202, "accepted")


def answer(status: int, word: str) -> Response:
    return Response(f'{{"status":"{word}"}}', status=status, mimetype="application/json")


def _judge(adapter: Platform, raw: bytes, also: Also | None) -> tuple[str | None, str, BadInput | None, str | None]:
    """The delivery's topic, the state to store it in, why it is refused, if it is, and what else there is to say."""
    topic = None
    try:
        document = strict_json.parse(raw)
        topic = adapter.topic(request.headers, document)
        adapter.check(topic, document)
        if also is not None:
            also(topic, document)
    except NotForUs as passed_over:
        return topic, "ignored", None, passed_over.reason
    except BadInput as refusal:
        return topic, "rejected", refusal, None
    return topic, "received", None, None


def _rejected(adapter: Platform, refusal: BadInput) -> Response:
    return problem(refusal) if adapter.rejection_status == 400 else answer(adapter.rejection_status, "rejected")
