"""The widget's own API as a preview reads it: `/preview/<token>/widget/v1/…`, the same addresses below a token that only
reads (docs/decisions/0016).

What is named in `SHOWN` answers with the widget's own code, in a transaction that PostgreSQL holds to reading, with the
clock at the moment and the program that the token names. Every other route of the widget, whatever it would do, is refused.
No answer is signed: what is only foreseen, or only drafted, must not pass for the shop's word.
"""

from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from typing import Any

from flask import Blueprint, Flask, Response, current_app, g, request
from flask.blueprints import BlueprintSetupState
from pydantic import BaseModel

from backend import clock, db, hot_statement, strict_json
from backend.errors import Forbidden, NotFound, Unauthorized
from backend.hot_statement import HotStatement
from backend.loyalty.points import foresight
from backend.loyalty.points.hindsight import Past
from backend.loyalty.program import drafts, programs
from backend.loyalty.shops import shops
from backend.loyalty.shops.shops import ShopFacts
from backend.platforms.events import time_text
from backend.staff import looks
from backend.staff.looks import Look
from backend.visitor_address import visitor_address
from backend.widget_api import assets, reading, routes, signing, spending
from backend.widget_api.door import configured, json_body, own, wanted_language
from backend.widget_api.tokens import Session

BASE = "/preview/<token>"
SENTENCE = "Preview: nothing is changed."
NOT_KEPT = "Preview: what points would have paid on that day is not kept."
_WIDGET = "/widget/v1"

blueprint = Blueprint("preview", __name__, url_prefix=f"{BASE}{_WIDGET}")


class OnlyAPreview(Forbidden):
    """What a preview was asked to do, and does not."""

    code = "preview"
    title = "This is a preview"


# What is shown -------------------------------------------------------------------------------------------------------


class _Begun(BaseModel):
    identity: str
    ref: str | None = None


def begin_session(widget_key: str) -> Response:
    """The member whose eyes these are. No member is made, no link noted, and the token opens nothing."""
    json_body(_Begun)
    shop, session = _member()
    dashboard = _me(shop, session)
    begun = {
        "session": "preview",
        "expires_at": time_text(clock.wall() + looks.LIFETIME),
        "member": dashboard["member"],
        "me": dashboard,
    }
    return own(shop, strict_json.dumps(begun))


def me() -> Response:
    shop, session = _member()
    return own(shop, strict_json.dumps(_me(shop, session)))


def loader() -> Response:
    return assets.previewing_loader(request, shops.facts(_look().shop_id), f"/preview/{g.preview_token}")


def quote_cashback() -> Response:
    """By the balance of today, so there is none for a day that is over."""
    if g.preview_past is not None:
        raise OnlyAPreview(NOT_KEPT)
    return spending.quote_cashback()


SHOWN: dict[str, Callable[..., Response]] = {
    "program": routes.program,
    "points": routes.points,
    "loader": loader,
    "begin_session": begin_session,
    "me": me,
    "activity": routes.activity,
    "my_referral": routes.my_referral,
    "redemptions_of_member": spending.redemptions_of_member,
    "quote_cashback": quote_cashback,
}
"""By the names of the widget's routes. All of them only read."""


def refuse(**_path: Any) -> Response:
    raise OnlyAPreview(SENTENCE)


# The door ------------------------------------------------------------------------------------------------------------


def _door(view: Callable[..., Response]) -> Callable[..., Response]:
    @wraps(view)
    def door(token: str, **path: Any) -> Response:
        wall = clock.wall()
        configured().limits.hit("address", visitor_address(request.environ))
        look = g.preview = looks.read(token, current_app.config["LAGNIAPPE"].secret_keys, wall)
        g.preview_token = token
        shop = shops.facts(look.shop_id)
        if path.get("widget_key", shop.widget_key) != shop.widget_key:
            raise NotFound()
        with ExitStack() as stack:
            stack.enter_context(db.reading_only())
            g.preview_now = clock.now()
            g.preview_past = None
            if look.at is not None and look.is_past(g.preview_now):
                then = programs.version_for(db.db.session(), shop.id, look.at)
                stack.enter_context(programs.showing(shop.id, programs.settings_of(then)))
                if look.member_id is not None:
                    g.preview_past = Past(shop, look.member_id, look.at)
                    stack.enter_context(hot_statement.reading_from(*g.preview_past.tables()))
            elif look.is_draft and (draft := drafts.read(db.db.session(), shop.id)) is not None:
                stack.enter_context(programs.showing(shop.id, drafts.settings_of(draft)))
            stack.enter_context(clock.standing_at(look.at))
            if look.member_id is not None:
                g.previewed_member = (shop, _session_of(look))
            try:
                return _unsigned(view(**path))
            finally:
                g.pop("previewed_member", None)
                db.db.session.rollback()

    return door


_VERSION = HotStatement("select token_version from member where shop_id = %(shop)s and id = %(member)s")


def _session_of(look: Look) -> Session:
    assert look.member_id is not None
    row = _VERSION.first_row({"shop": look.shop_id, "member": look.member_id})
    if row is None:
        raise NotFound("There is no such customer.")
    return Session(look.shop_id, look.member_id, int(row[0] or 0))


def _look() -> Look:
    look: Look = g.preview
    return look


def _member() -> tuple[ShopFacts, Session]:
    """Raises Unauthorized for the eyes of a visitor."""
    found: tuple[ShopFacts, Session] | None = g.get("previewed_member")
    if found is None:
        raise Unauthorized("This preview is that of a visitor.")
    return found


def _me(shop: ShopFacts, session: Session) -> dict[str, Any]:
    look, now, seen_now = _look(), clock.now(), g.preview_now

    def revise(answer: dict[str, Any]) -> None:
        reader = db.db.session()
        past: Past | None = g.preview_past
        if past is not None:
            _, settings = programs.current(shop.id)
            if settings.tiers is not None:
                answer["tier"] = past.place(reader, settings.tiers).document()
            return
        if look.at is not None:
            foreseen = foresight.balance(reader, shop.id, session.member_id, now)
            answer["balance"] = foresight.shown(answer["balance"], foreseen, now)
        _, settings = programs.current(shop.id)
        if settings.tiers is not None and (look.at is not None or look.is_draft):
            place = foresight.place(reader, shop, session.member_id, settings.tiers, seen_now, now)
            answer["member"]["tier"], answer["tier"] = place.level, place.document()

    return reading.me(shop, session, wanted_language(), now, revise)


def _unsigned(answer: Response) -> Response:
    for name in (signing.HEADER, "Access-Control-Expose-Headers", "Access-Control-Allow-Origin", "ETag"):
        del answer.headers[name]
    return answer


@blueprint.after_request
def _finish(answer: Response) -> Response:
    """The page of a preview is sandboxed and has no origin: only who knows the token reads anything."""
    _unsigned(answer)
    answer.headers["Access-Control-Allow-Origin"] = "null"
    answer.headers["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
    answer.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, Idempotency-Key, If-None-Match"
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer


@blueprint.record_once
def _every_route_of_the_widget(state: BlueprintSetupState) -> None:
    """The widget's routes of this moment, each shown or refused: one that comes later is refused until it is named."""
    app: Flask = state.app  # type: ignore[assignment]  # said to be the base class of Flask's
    for rule in list(app.url_map.iter_rules()):
        name = rule.endpoint.removeprefix("widget_api.")
        if name == rule.endpoint:
            continue
        path = rule.rule.removeprefix(_WIDGET)
        methods = (rule.methods or set()) - {"OPTIONS", "HEAD"}
        state.add_url_rule(path, name, _door(SHOWN.get(name, refuse)), methods=methods)
