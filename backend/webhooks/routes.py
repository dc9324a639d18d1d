"""The door for platforms: verify the raw bytes, store, commit, ring, acknowledge (contract section 3)."""

from flask import Blueprint, Response, request

from backend import clock, queue, strict_json
from backend.errors import BadInput, NotFound, TooLarge
from backend.loyalty import deliveries, shops
from backend.platforms.base import MalformedDelivery, NotForUs, Platform
from backend.platforms.registry import platform as known_platform
from backend.problems import problem
from backend.webhooks import inbox

MAX_BODY_BYTES = 1024 * 1024

blueprint = Blueprint("webhooks", __name__, url_prefix="/webhooks")


@blueprint.post("/<platform>/<int:shop_id>")
def receive(platform: str, shop_id: int) -> Response:
    """Accept one delivery. The row is the truth: the answer is sent only after it is committed."""
    raw = _raw_body()
    shop = shops.facts(shop_id)
    if shop.platform != platform:
        raise NotFound()
    adapter = known_platform(platform)
    wall = clock.wall()
    delivery_id = adapter.verify(request.headers, raw, shop.webhook_secrets, wall)

    topic, state, refusal = _judge(adapter, raw)
    known = inbox.store(
        shop.id,
        delivery_id,
        raw,
        topic=topic,
        state=state,
        error=refusal.detail if refusal else None,
        now=clock.now(),
        wall=wall,
    )
    if refusal is not None or (known is not None and known.state == "rejected"):
        return _rejected(adapter, refusal or MalformedDelivery(known.error if known else None))
    if known is not None:
        return _answer(200, "duplicate")
    if state == "received":
        queue.ring(deliveries.DRAIN)
    return _answer(202, "accepted")


def _raw_body() -> bytes:
    """The bytes as they came. Raises TooLarge, also for a body that does not say its length beforehand."""
    request.max_content_length = MAX_BODY_BYTES + 1  # Werkzeug cuts such a body here without a word
    raw = request.get_data(cache=False)
    if len(raw) > MAX_BODY_BYTES:
        raise TooLarge(f"A delivery may have {MAX_BODY_BYTES} bytes.")
    return raw


def _judge(adapter: Platform, raw: bytes) -> tuple[str | None, str, BadInput | None]:
    """The delivery's topic, the state to store it in, and why it is refused, if it is."""
    topic = None
    try:
        document = strict_json.parse(raw)
        topic = adapter.topic(request.headers, document)
        adapter.check(topic, document)
    except NotForUs:
        return topic, "ignored", None
    except BadInput as refusal:
        return topic, "rejected", refusal
    return topic, "received", None


def _rejected(adapter: Platform, refusal: BadInput) -> Response:
    return problem(refusal) if adapter.rejection_status == 400 else _answer(adapter.rejection_status, "rejected")


def _answer(status: int, word: str) -> Response:
    return Response(f'{{"status":"{word}"}}', status=status, mimetype="application/json")
