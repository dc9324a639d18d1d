"""The widget API: what members do with their points. Rewards are redeemed and given back; cashback pays at the checkout."""

import re
from decimal import Decimal
from typing import Annotated, Any
from uuid import uuid4

import orjson
from flask import Response, request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from backend import clock, db, strict_json
from backend.errors import BadInput, Conflict, NotEnoughPoints, NotFound
from backend.hot_statement import HotStatement
from backend.ledger.posting import Author
from backend.loyalty.points import expiry
from backend.loyalty.redemptions import cashback, endings, redemptions
from backend.loyalty.redemptions.redemptions import MustExpireFirst, Redeemer
from backend.loyalty.rewards import rewards
from backend.loyalty.shops.shops import ShopFacts
from backend.models import Redemption
from backend.path_converters import LARGEST_ID
from backend.widget_api import program_document, reading, redemption_shapes, reward_shapes
from backend.widget_api.door import blueprint, json_body, member_session, own, wanted_language
from backend.widget_api.pages import cursor, page_length, place_of
from backend.widget_api.program_document import ProgramDocument
from backend.widget_api.tokens import Session

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_ID = re.compile(r"[0-9]{1,19}")
_MONEY = re.compile(r"[0-9]{1,15}(\.[0-9]{1,4})?")
_REFUSALS = {"limit_reached": "had_enough", "out_of_stock": "sold_out", "reward_inactive": "not_available"}
"""The sentence that shoppers read, by the code of a refusal. Whom the rules refuse reads what they lack."""

_REDEMPTIONS = HotStatement(
    f"""
    select m.locale, (
        select coalesce(json_agg(page.row), '[]') from (
            select json_build_array(to_jsonb(r) || jsonb_build_object('discount', r.discount::text), exists (
                select from coupon_use u where u.shop_id = r.shop_id and u.redemption_id = r.id and u.is_valid)) as row
            from redemption r
            where r.shop_id = m.shop_id and r.member_id = m.id and r.id < %(before)s
            order by r.id desc
            limit %(limit)s
        ) page)
    from member m
    where {reading.WHO}
    """  # noqa: S608 - our own literals
)


class BadKey(BadInput):
    """A header that is no Idempotency-Key."""

    status = 400
    code = "bad_parameter"


class _Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class RedeemRequest(_Wanted):
    """Body of `POST …/redemptions`."""

    reward_id: Annotated[str, Field(max_length=64)]
    """The `id` of a reward in the dashboard."""
    attributes: Annotated[dict[str, Any], Field(max_length=50)] = {}


def _an_amount(value: object) -> Decimal:
    if isinstance(value, str) and _MONEY.fullmatch(value) and (amount := Decimal(value)) > 0:
        return amount
    raise ValueError('should be an amount above zero written as text, such as "100.00"')


class CashbackRequest(_Wanted):
    """Body of `…/cashback/quote` and `…/cashback/hold`. `points` left out: the most that is useful."""

    order_total: Annotated[Decimal, BeforeValidator(_an_amount)]
    points: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None


# Redemptions -------------------------------------------------------------------------------------------------------


@blueprint.get("/me/redemptions")
def redemptions_of_member() -> Response:
    """The member's rewards, newest first."""
    shop, session = member_session("reads")
    wanted_items = page_length(request.args.get("limit"))
    row = _REDEMPTIONS.first_row(
        {
            "shop": session.shop_id,
            "member": session.member_id,
            "version": session.token_version,
            "before": place_of(request.args.get("after")),
            "limit": wanted_items + 1,
        }
    )
    if row is None:
        raise reading.revoked()
    locale, page = row
    found = orjson.loads(page or "")
    tongue, now = program_document.of(shop, wanted_language() or locale).tongue, clock.now()
    items = [
        redemption_shapes.shape(redemptions.from_row(each), tongue, now, has_order=has_order)
        for each, has_order in found[:wanted_items]
    ]
    more = len(found) > wanted_items
    return own(shop, strict_json.dumps({"items": items, "next": cursor(items[-1]["id"]) if more else None}))


@blueprint.post("/me/redemptions")
def redeem() -> Response:
    """Have a reward for points."""
    shop, session = member_session("writes")
    key, wanted = _key(), json_body(RedeemRequest)
    document = program_document.of(shop, wanted_language())
    reward_id = rewards.parse_public_id(wanted.reward_id)
    try:
        had = _redeem(shop, session, reward_id, wanted.attributes, key, document.language)
    except Conflict as refusal:
        raise _in_words(refusal, document) from None
    return _redemption(shop, redemptions.from_row(had), document, 201)


@blueprint.post("/me/redemptions/<redemption_id>/return")
@db.retrying
def return_redemption(redemption_id: str) -> Response:
    """Give an unused reward back: its code is disabled first, then the points come back."""
    shop, session = member_session("writes")
    reading.refuse_revoked(session)
    if not _ID.fullmatch(redemption_id) or int(redemption_id) > LARGEST_ID:
        raise NotFound()
    with db.transaction() as transaction:
        given_back = endings.give_back(transaction, shop, session.member_id, int(redemption_id), clock.now())
        transaction.flush()
        transaction.expunge(given_back)
    return _redemption(shop, given_back, program_document.of(shop, wanted_language()), 200)


# Cashback ----------------------------------------------------------------------------------------------------------


@blueprint.post("/me/cashback/quote")
def quote_cashback() -> Response:
    """What points would take off an order. Nothing is written, so a slider may ask often."""
    shop, session = member_session("reads")
    reading.refuse_revoked(session)
    wanted = json_body(CashbackRequest)
    document = program_document.of(shop, wanted_language())
    reader = db.db.session()
    try:
        campaign, quoted = cashback.quote_for(
            reader, shop, session.member_id, wanted.order_total, wanted.points, clock.now()
        )
    except NotEnoughPoints as refusal:
        raise _in_words(refusal, document) from None
    finally:
        reader.rollback()
    return own(
        shop,
        strict_json.dumps(
            {
                "campaign": {
                    "id": campaign.public_id,
                    "name": rewards.texts_in(campaign, document.language, shop.locale).name,
                    "point_value": f"{campaign.point_value:f}",
                },
                "points": quoted.points,
                "discount": f"{quoted.discount:f}",
                "to_pay": f"{quoted.to_pay:f}",
                "max_points": quoted.max_points,
            }
        ),
    )


@blueprint.post("/me/cashback/hold")
@db.retrying
def hold_cashback() -> Response:
    """Hold points for half an hour under a one-time code that is worth the discount."""
    shop, session = member_session("writes")
    reading.refuse_revoked(session)
    key, wanted, now = _key(), json_body(CashbackRequest), clock.now()
    document = program_document.of(shop, wanted_language())
    try:
        with db.transaction() as transaction:
            held = cashback.hold(
                transaction, shop, session.member_id, wanted.order_total, wanted.points, f"hold:{key}", now
            )
            transaction.flush()
            transaction.expunge(held)
    except NotEnoughPoints as refusal:
        raise _in_words(refusal, document) from None
    shown = redemption_shapes.shape(held, document.tongue, now)
    discount = Decimal(held.discount or 0)
    return own(
        shop,
        strict_json.dumps(
            {
                "id": shown["id"],
                "code": held.code,
                "points": held.points,
                "discount": f"{discount:f}",
                "to_pay": f"{Decimal(held.frozen['order_total']) - discount:f}",
                "status": "preparing" if held.status == "requested" and not held.is_ready else _held_as(held),
                "expires_at": redemption_shapes.moment(held.requested_at + cashback.HOLD),
                "use": shown["use"],
            }
        ),
        201,
    )


def _held_as(held: Redemption) -> str:
    """`ready` while it waits for its order; afterwards what became of it."""
    return "ready" if held.status == "requested" else held.status


# How -----------------------------------------------------------------------------------------------------------------


def _redeem(
    shop: ShopFacts, session: Session, reward_id: int, attributes: dict[str, Any], key: str, language: str
) -> redemptions.Row:
    who = Redeemer(session.member_id, Author("customer"), session.token_version, language)
    now = clock.now()
    try:
        return redemptions.redeem(shop, who, reward_id, attributes, f"redeem:{key}", now)
    except MustExpireFirst:
        with db.transaction() as transaction:
            expiry.expire_of(transaction, shop.id, session.member_id, now)
    return redemptions.redeem(shop, who, reward_id, attributes, f"redeem:{key}", now)


def _redemption(shop: ShopFacts, redemption: Redemption, document: ProgramDocument, status: int) -> Response:
    return own(shop, strict_json.dumps(redemption_shapes.shape(redemption, document.tongue, clock.now())), status)


def _in_words(refusal: Conflict, document: ProgramDocument) -> Conflict:
    """The refusal with the sentence that shoppers read (S1.7), if it has one."""
    if isinstance(refusal, NotEnoughPoints):
        refusal.detail = reward_shapes.missing_sentence(refusal.wanted - refusal.available, document.words)
    elif sentence := _REFUSALS.get(refusal.code):
        refusal.detail = document.words[sentence]
    return refusal


def _key() -> str:
    """The request's Idempotency-Key; without one the request stands for itself."""
    given = request.headers.get("Idempotency-Key")
    if given is None:
        return str(uuid4())
    if not _KEY.fullmatch(given):
        message = "should be 1 to 255 printable ASCII characters without spaces"
        raise BadKey(f"Idempotency-Key {message}.", [{"field": "Idempotency-Key", "message": message}])
    return given
