"""`GET /r/<code>`: a member's own link. It leads to the member's shop with `?ref=<code>`, and nowhere else.

Nothing that the request says has a part in the address: it is the shop's own as the database has it.
"""

from flask import Blueprint, Response, current_app, request

from backend import clock
from backend.config import Config
from backend.loyalty.referrals import referral_codes, referral_visits
from backend.loyalty.shops import shops
from backend.visitor_address import visitor_address
from backend.widget_api.rate_limits import RateLimits

blueprint = Blueprint("referral_links", __name__)

_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'",
    "X-Robots-Tag": "noindex",
}
_NOBODYS = (
    "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
    "<title>No such link</title><p>This link leads nowhere. Ask your friend to send it once more."
)


@blueprint.get("/r/<code>")
def follow(code: str) -> Response:
    """To the shop of whoever has the code; a small page for a code that nobody has. The limit comes before either."""
    address = visitor_address(request.environ)
    limits: RateLimits = current_app.extensions["widget_api"].limits
    limits.hit("links", address)
    known = referral_codes.read(code)
    at = clock.wall()
    shop_id = referral_visits.shop_of_link(known, _visitor(address), at.date(), at)
    if shop_id is None:
        return Response(_NOBODYS, status=404, mimetype="text/html", headers=_HEADERS)
    to = f"{shops.facts(shop_id).address}/?ref={known}"
    return Response(status=302, headers={**_HEADERS, "Location": to})


def _visitor(address: str) -> bytes | None:
    """Who is counted; None for nobody: programs that look a link up, and browsers that fetch it ahead of a click."""
    agent = request.headers.get("User-Agent")
    is_ahead = "prefetch" in request.headers.get("Sec-Purpose", "") + request.headers.get("Purpose", "")
    if request.method != "GET" or is_ahead or not referral_visits.is_somebody(agent):
        return None
    config: Config = current_app.config["LAGNIAPPE"]
    return referral_visits.visitor_hash(config.secret_keys[0], clock.wall().date(), address, agent or "")
