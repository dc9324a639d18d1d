"""Rewards, redemptions and a campaign as the widget API tells of them (contract section 5)."""

from typing import Any

from playwright.sync_api import Locator, expect

from tests.widget.conftest import STORE, Store

FIVE_OFF = f"{1:024x}"
TEN_PERCENT = f"{2:024x}"
CASHBACK = f"{3:024x}"
MUG = f"{4:024x}"


def reward(number: int, name: str, **more: Any) -> dict[str, Any]:
    """One that this member can have now."""
    cost = more.get("cost", 100)
    return {
        "id": f"{number:024x}",
        "reward_id": name,
        "name": name,
        "type": "coupon_based_reward",
        "sub_type": "fixed_amount_discount",
        "cost": cost,
        "cost_text": f"{cost:,} points",
        "value_text": None,
        "description_html": None,
        "brand": None,
        "image_url": None,
        "more_info_url": None,
        "featured": False,
        "categories": [],
        "confirmation_html": None,
        "attributes": [],
        "discount": None,
        "point_value": None,
        "active_to": None,
        "affordable": True,
        "redeemable": True,
        "missing_points": 0,
        "message": None,
        **more,
    }


def too_dear(number: int, name: str, *, cost: int, missing: int, **more: Any) -> dict[str, Any]:
    """One that needs more points."""
    message = f"You must have {missing} more points to get reward"
    state = {"affordable": False, "redeemable": False, "missing_points": missing, "message": message}
    return reward(number, name, cost=cost, **state, **more)


def redemption(number: int = 12, name: str = "€5 off", **more: Any) -> dict[str, Any]:
    """One that is ready to be used."""
    reward_type = more.pop("type", "coupon_based_reward")
    sub_type = more.pop("sub_type", "fixed_amount_discount" if reward_type == "coupon_based_reward" else None)
    code = more.pop("code", f"LGN-7F3K-Q2M8-{number:04}")
    use = {"label": "Use it now", "url": f"{STORE}/discount/{code}"} if code else None
    return {
        "id": str(number),
        "reward": {
            "id": FIVE_OFF, "reward_id": name, "name": name, "type": reward_type, "sub_type": sub_type, "image_url": None,
        },
        "code": code,
        "status": "issued",
        "use_state": "delivered",
        "delivery_status": None,
        "points": 100,
        "value_text": "€5",
        "given_as": "code",
        "redeemed_at": "2026-11-25T10:00:00Z",
        "issued_at": "2026-11-25T10:00:00Z",
        "used_at": None,
        "ended_at": None,
        "expires_at": "2026-12-31T23:00:00Z",
        "use": use,
        "use_text": None,
        "can_return": True,
        "ending": None,
        "post_confirmation_html": None,
        "is_ready": True,
        "discount": None,
        **more,
    }  # fmt: skip


def gift_card(**more: Any) -> dict[str, Any]:
    """A gift card of the store that is ready to be used."""
    words = "Use it as a gift card at the checkout, at once or bit by bit."
    state = {"name": "€10 gift card", "sub_type": "value_code", "code": "LGN7F3KQ2M8TWDX", "value_text": "€10"}
    return redemption(13, **state | {"given_as": "gift_card", "use": None, "use_text": words} | more)


def credit(**more: Any) -> dict[str, Any]:
    """Store credit that is in the member's account at the store."""
    words = "€10 of store credit is in your account at the store. Sign in there, and the checkout uses it by itself."
    state = {"name": "€10 of store credit", "sub_type": "value_code", "code": None, "value_text": "€10"}
    return redemption(14, **state | {"given_as": "store_credit", "use_text": words} | more)


def cashback(**more: Any) -> dict[str, Any]:
    state = {"cost": 0, "cost_text": "", "sub_type": None, "point_value": "2", "redeemable": False, **more}
    return reward(3, "Points are money", type="cashback", **state)


def held(**more: Any) -> dict[str, Any]:
    """20 points set aside for a checkout, as the list of redemptions tells it."""
    state = {"status": "requested", "issued_at": None, "points": 20, "value_text": None, "discount": "40.00", **more}
    return redemption(40, "Points are money", type="cashback", **state)


def offer(store: Store, *rewards: dict[str, Any], available: int = 120, **campaign: Any) -> None:
    """The rewards of the shop, to visitors and to the member; and what the campaign is to both, if one is on."""
    me = store.answers["session"]["me"]
    for document in (store.answers["program"], me):
        document["rewards"] = list(rewards)
        document["campaign"] = campaign.get("told")
    me["campaign"] = campaign.get("mine")
    me["balance"]["available"] = available
    me["balance"]["on_hold"] = 0


def had(store: Store, *redemptions: dict[str, Any], more: str | None = None) -> None:
    store.answers["me/redemptions"] = {"items": list(redemptions), "next": more}


def refusal(code: str, detail: str, status: int = 409) -> tuple[int, dict[str, Any], dict[str, str]]:
    return status, {"title": "Conflict", "status": status, "code": code, "detail": detail}, {}


def tab(store: Store, name: str) -> Locator:
    return store.page.get_by_role("tab", name=name, exact=True)


def panel(store: Store, name: str) -> Locator:
    return store.page.get_by_role("tabpanel", name=name, exact=True)


def open_at(store: Store, name: str, *, identity: str | None = "jwt", **data: str) -> Locator:
    """The panel, open at a tab that has been loaded."""
    store.visit(**{**({"identity": identity} if identity else {}), **data})
    store.open()
    tab(store, name).click()
    expect(panel(store, name).locator(".skeleton")).to_have_count(0)
    return panel(store, name)


def card(store: Store, name: str) -> Locator:
    """The card of the reward of that name."""
    heading = store.page.get_by_role("heading", name=name, exact=True)
    return store.page.get_by_role("listitem").filter(has=heading)


def step(store: Store) -> Locator:
    """The step that is open over the tab."""
    return store.page.locator(".sheet[role=dialog]")
