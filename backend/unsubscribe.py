"""GET and POST /unsubscribe/<token>: a member turns our mails off, and on again.

Reading the page writes nothing: mail programs open links to look at them. One click in a mail program is the POST of
RFC 8058, which is answered at once and never sent elsewhere. The page needs no JavaScript and no cookie.
"""

import secrets
from dataclasses import dataclass

from flask import Blueprint, Flask, Response, current_app, request
from flask.blueprints import BlueprintSetupState
from sqlalchemy import text

from backend import clock
from backend.config import Config
from backend.db import db, retrying, transaction
from backend.errors import LagniappeError, NotFound, TooManyRequests
from backend.loyalty.notifications import notices
from backend.loyalty.program import programs
from backend.loyalty.shops import shops
from backend.mail.page import PageShop, State, unsubscribe_page
from backend.mail.unsubscribing import PATH, UnsubscribeLinks
from backend.visitor_address import visitor_address
from backend.widget_api import reading
from backend.widget_api.rate_limits import RateLimits

blueprint = Blueprint("unsubscribe", __name__, url_prefix=PATH)

LARGEST_BODY = 4096
_MEMBER = text("select status, locale, unsubscribed_at from member where shop_id = :shop and id = :member")


@dataclass(frozen=True, slots=True)
class _Settings:
    links: UnsubscribeLinks
    limits: RateLimits


@blueprint.record_once
def _set_up(state: BlueprintSetupState) -> None:
    app: Flask = state.app  # type: ignore[assignment]  # said to be the base class of Flask's
    config: Config = app.config["LAGNIAPPE"]
    app.extensions["unsubscribe"] = _Settings(
        UnsubscribeLinks(config.secret_keys, config.base_url),
        RateLimits.from_setting(config.rate_limits, is_test=config.environment == "test"),
    )


@blueprint.get("/<token>")
def look(token: str) -> Response:
    """The page with its one button."""
    return _page(*_admit(token, "reads"))


@blueprint.post("/<token>")
def answer(token: str) -> Response:
    """Turn the mails off, or on again if the body says `answer=subscribe`. Doing it again changes nothing."""
    request.max_content_length = LARGEST_BODY
    shop_id, member_id = _admit(token, "writes")
    _write(shop_id, member_id, is_wanted=request.form.get("answer") == "subscribe")
    return _page(shop_id, member_id)


@blueprint.errorhandler(LagniappeError)
def refused(error: LagniappeError) -> Response:
    """A page, since a person reads it."""
    state: State = "unknown" if isinstance(error, NotFound) else "busy"
    said = _answer(state, reading.first_language(request.headers.get("Accept-Language")), None, error.status)
    if isinstance(error, TooManyRequests):
        said.headers["Retry-After"] = str(error.retry_after_seconds)
    return said


@blueprint.after_request
def _finish(said: Response) -> Response:
    said.headers["Cache-Control"] = "no-store"
    said.headers["Referrer-Policy"] = "no-referrer"
    said.headers["X-Robots-Tag"] = "noindex"
    said.headers["X-Content-Type-Options"] = "nosniff"
    return said


def _admit(token: str, kind: str) -> tuple[int, int]:
    """The shop and member of the link. Raises NotFound, TooManyRequests."""
    settings: _Settings = current_app.extensions["unsubscribe"]
    settings.limits.hit("address", visitor_address(request.environ))
    shop_id, member_id = settings.links.read(token)
    settings.limits.hit(kind, (shop_id, member_id))
    return shop_id, member_id


@retrying
def _write(shop_id: int, member_id: int, *, is_wanted: bool) -> None:
    with transaction() as session:
        if is_wanted:
            notices.subscribe(session, shop_id, member_id)
        else:
            notices.unsubscribe(session, shop_id, member_id, clock.now())


def _page(shop_id: int, member_id: int) -> Response:
    member = db.session.execute(_MEMBER, {"shop": shop_id, "member": member_id}).one_or_none()
    db.session.rollback()
    if member is None:
        raise NotFound()
    shop = shops.facts(shop_id)
    _, settings = programs.current(shop_id)
    state: State = "ask" if member.unsubscribed_at is None else "done"
    if member.status == "erased":
        state = "erased"
    locale = member.locale or shop.locale
    return _answer(state, locale, PageShop(shop.name, shop.address, shop.locale, settings.appearance.accent))


def _answer(state: State, locale: str | None, shop: PageShop | None, status: int = 200) -> Response:
    nonce = secrets.token_urlsafe(16)
    said = Response(unsubscribe_page(state, locale, shop, nonce), status=status, mimetype="text/html")
    said.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    return said
