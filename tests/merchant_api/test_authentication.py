"""Who may call, and what a key may do (S3.26, reliability section 3)."""

from collections.abc import Callable

import pytest
from flask import Blueprint, Flask
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.loyalty.shops import shops
from backend.merchant_api.operations import OPERATIONS, Operation
from backend.merchant_api.routes import PUBLIC, MerchantApi
from tests.conftest import TestShop
from tests.merchant_api.conftest import Api

DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
"""A PNG of one black pixel."""
SOME_BODY = {
    "create_adjustment": {"points": 5, "reason": "A test"},
    "tell_member_event": {"event": "review", "id": "r-1"},
    "replace_program": {},
    "create_reward": {"reward_name": "Bottle", "reward_type": "gift", "points_to_be_redeemed": 5},
    "update_reward": {"rank": 1},
    "add_coupons": {"coupons": ["A1"]},
    "put_brand_image": {"content_base64": DOT},
    "create_campaign": {"names": {"en": "Winter"}, "starts_at": "2026-12-01"},
    "update_campaign": {"names": {"en": "Summer"}},
    "update_redemption": {"use_state": "used"},
    "review_referral": {"review": "approved", "reason": "they are sisters"},
    "give_member_tier": {"level": "gold", "reason": "A test"},
    "create_segment": {"id": "made-here", "name": "Made here", "rules": []},
    "update_segment": {"name": "Changed"},
}
EVERY = list(OPERATIONS.values())
by_name = pytest.mark.parametrize("operation", EVERY, ids=lambda each: each.name)


def call(api: Api, operation: Operation) -> tuple[int, str]:
    path = operation.path.format(ref="1", id="1", reward=f"{1:024x}", segment="chosen")
    body = {"json": SOME_BODY[operation.name]} if operation.body is not None else {}
    answer = api.call(operation.method, path, **body)
    return answer.status_code, answer.data.decode(errors="replace")


def test_every_route_of_the_api_is_a_declared_operation_or_named_public(app: Flask) -> None:
    endpoints = {
        rule.endpoint.removeprefix("merchant_api.")
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1")
    }
    assert endpoints == set(OPERATIONS) | PUBLIC


def test_a_route_without_a_scope_stops_the_start() -> None:
    blueprint = MerchantApi("merchant_api", __name__)
    blueprint.add_url_rule("/backdoor", endpoint="backdoor", view_func=lambda: "open")
    with pytest.raises(RuntimeError, match="/backdoor of the merchant API has no scope"):
        Flask(__name__).register_blueprint(blueprint, url_prefix="/api/v1")


def test_another_blueprint_is_none_of_its_business() -> None:
    app = Flask(__name__)
    other = Blueprint("other", __name__)
    other.add_url_rule("/other", endpoint="other", view_func=lambda: "fine")
    app.register_blueprint(other)
    app.register_blueprint(MerchantApi("merchant_api", __name__))


@by_name
def test_without_a_key_nothing_answers(api: Api, operation: Operation) -> None:
    api.key = ""
    status, body = call(api, operation)
    assert status == 401
    assert '"code":"unauthorized"' in body


@by_name
def test_a_key_with_every_other_scope_is_refused(key_with: Callable[..., Api], operation: Operation) -> None:
    others = [scope for scope in shops.ALL_SCOPES if scope != operation.scope]
    status, body = call(key_with(*others), operation)
    assert status == 403
    assert f'"required_scope":"{operation.scope}"' in body


@by_name
def test_a_key_with_the_one_scope_gets_in(key_with: Callable[..., Api], operation: Operation) -> None:
    status, _ = call(key_with(operation.scope), operation)
    assert status in (operation.status, 404)


def test_a_key_that_may_only_view_cannot_assign_points(api: Api, key_with: Callable[..., Api]) -> None:
    member = api.member()
    viewer = key_with("read")
    assert viewer.get(f"/members/{member}/balance").status_code == 200
    assert viewer.adjust(member, 50).status_code == 403
    assert api.get(f"/members/{member}/balance").json["available"] == 0


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer lgn_1_short",
        "Bearer lgn_1_{wrong}",
        "Bearer lgn_999999999999999999_{wrong}",
        "Bearer lgn_99999999999999999999999_{wrong}",
        "Bearer lgn_١_{wrong}",
        "Bearer lgn_-1_{wrong}",
        "Basic {right}",
        "Token {right}",
        "{right}",
        "Bearer {right}x",
        "Bearer {right} {right}",
        "Bearer {revoked}",
        "Bearer {of_another_shop}",
    ],
)
def test_every_wrong_key_gets_the_same_answer(
    app: Flask, shop: TestShop, new_shop: Callable[..., TestShop], authorization: str
) -> None:
    with transaction() as session:
        revoked = shops.new_api_key(session, shop.id, clock.now(), label="old", scopes=shops.ALL_SCOPES)
        session.execute(text("update api_key set revoked_at = created_at where label = 'old'"))
    other = new_shop().made.api_key
    swapped = f"lgn_{shop.id}_{other.split('_', 2)[2]}"
    header = authorization.format(wrong="w" * 43, right=shop.made.api_key, revoked=revoked, of_another_shop=swapped)
    answer = app.test_client().get("/api/v1/shop", headers={"Authorization": header.encode().decode("latin-1")})
    assert answer.status_code == 401
    assert answer.mimetype == "application/problem+json"
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json == {
        "type": "urn:lagniappe:unauthorized",
        "title": "Who are you?",
        "status": 401,
        "detail": "Send a valid API key: Authorization: Bearer lgn_….",
        "code": "unauthorized",
    }


def test_a_key_in_the_address_is_not_a_key(api: Api) -> None:
    answer = api.shop.client.get(f"/api/v1/shop?access_token={api.key}&api_key={api.key}")
    assert answer.status_code == 401


def test_the_scheme_is_read_whatever_its_case(api: Api) -> None:
    answer = api.shop.client.get("/api/v1/shop", headers={"Authorization": f"bearer {api.key}"})
    assert answer.status_code == 200


def test_a_revoked_key_ends_at_once(api: Api) -> None:
    assert api.get("/shop").status_code == 200
    with transaction() as session:
        session.execute(text("update api_key set revoked_at = created_at where shop_id = :shop"), {"shop": api.shop.id})
    assert api.get("/shop").status_code == 401


def test_what_holds_personal_data_stays_out_of_caches(api: Api) -> None:
    answer = api.get("/members")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert api.shop.client.get("/api/v1/members").headers["Cache-Control"] == "no-store"
