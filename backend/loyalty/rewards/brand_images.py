"""The picture of a reward's brand, for a merchant who has a file and no address for it (S0.35)."""

from datetime import datetime

from sqlalchemy import select

from backend.errors import BadInput, Conflict
from backend.ledger.posting import AnySession
from backend.loyalty.rewards import images, reward_definition, rewards
from backend.loyalty.rewards.images import Picture
from backend.loyalty.rewards.rewards import Reward
from backend.loyalty.shops.shops import ShopFacts
from backend.models import Reward as Row


def put(
    session: AnySession,
    shop: ShopFacts,
    reward_id: int,
    content: bytes,
    base_url: str,
    now: datetime,
    *,
    rehearsal: bool = False,
) -> Reward:
    """Keep the picture and have the reward's brand show it; what else is said of the brand stays. Locks the reward's row.

    Raises NotFound, and Conflict `picture_refused` with the reason. The same picture again changes nothing.
    """
    rewards.find(session, shop.id, reward_id)
    image_id = images.keep(session, shop.id, _picture(content), now)
    # only now: whoever redeems it need not wait for a picture to be decoded
    session.execute(select(Row.id).where(Row.shop_id == shop.id, Row.id == reward_id).with_for_update())
    said = reward_definition.to_document(rewards.find(session, shop.id, reward_id).definition)["brand"] or {}
    brand = {**said, "image_url": base_url + images.path(shop.widget_key, image_id)}
    return rewards.update(session, shop, reward_id, {"brand": brand}, now, rehearsal=rehearsal)


def _picture(content: bytes) -> Picture:
    try:
        return images.brand_picture(content)
    except BadInput as refused:
        reason = refused.detail.removesuffix(".")
        raise Conflict(
            f"The picture is refused: content_base64: {reason}.",
            code="picture_refused",
            errors=[{"field": "content_base64", "message": reason}],
        ) from None
