"""The picture of a reward's brand, uploaded (S0.35)."""

from typing import Annotated

from flask import current_app
from pydantic import WithJsonSchema

from backend.config import Config
from backend.loyalty.rewards import brand_images
from backend.loyalty.shops import shops
from backend.loyalty.uploads import Content
from backend.merchant_api.operations import Call, operation
from backend.merchant_api.rewards import Reward, RewardQuery, show_reward
from backend.merchant_api.settings_schema import CONTENT_BASE64
from backend.merchant_api.shapes import Given

_PICTURE = {**CONTENT_BASE64, "description": "the bytes of a JPG or PNG of at most 1200 x 1200 pixels"}


class BrandImage(Given):
    """A picture."""

    content_base64: Annotated[Content, WithJsonSchema(_PICTURE)]


@operation(
    "POST",
    "/rewards/{reward}/brand_image",
    scope="write",
    tag="Rewards",
    summary="Upload the picture of a reward's brand",
    refusals={"picture_refused": "the bytes are no JPG or PNG, or it is larger than 1200 x 1200 pixels"},
)
def put_brand_image(call: Call, reward: int, body: BrandImage) -> Reward:
    """Keeps the picture and puts its address into the reward's `brand.image_url`, where everybody can see it; what else
    is said of the brand stays. Only its pixels are kept, none of what a camera writes beside them. The body may have
    1 MiB in all: so at most 750,000 bytes of JPG or PNG. `PATCH` with `brand` takes the picture away, or links another."""
    config: Config = current_app.config["LAGNIAPPE"]
    brand_images.put(
        call.session,
        shops.facts(call.shop_id),
        reward,
        body.content_base64,
        config.base_url,
        call.now,
        rehearsal=config.is_rehearsal,
    )
    return show_reward(call, reward, RewardQuery())
