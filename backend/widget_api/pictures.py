"""The pictures of a shop: banners of campaigns and pictures of brands, as `loyalty/rewards/images.py` keeps them.

An address names the content, so whoever has seen a picture may keep it for ever.
"""

import re

from flask import Request, Response

from backend.errors import NotFound
from backend.loyalty.rewards import images
from backend.loyalty.shops.shops import ShopFacts

FOR_EVER = "public, max-age=31536000, immutable"

_ID = re.compile("[0-9a-f]{64}")


def picture(request: Request, shop: ShopFacts, image_id: str) -> Response:
    """The shop's picture. Raises NotFound, the same for none and for another shop's."""
    found = images.find(shop.id, image_id) if _ID.fullmatch(image_id) else None
    if found is None:
        raise NotFound()
    headers = {
        "Cache-Control": FOR_EVER,
        "ETag": f'"{image_id}"',
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    if request.if_none_match.contains_weak(image_id):
        answer = Response(status=304, headers=headers)
        del answer.headers["Content-Type"]
        return answer
    return Response(found.content, headers=headers, content_type=found.content_type)
