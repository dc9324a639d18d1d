"""A shop with everything a program can have, and a member who has been there for a while: what the widget API says of
them (contract section 5). A state of the gallery is this, and what it changes."""

from typing import Any

from tests.widget.conftest import STORE, Store
from tests.widget.rewarding import cashback, redemption, reward, too_dear

AGO = "2026-11-10T10:00:00Z"

RULES_HTML = (
    "<p>Every euro spent on goods counts; delivery and gift cards do not. Points arrive three days after you have your "
    "order and stay until the end of the next year.</p><ul><li>One account for each person.</li><li>Points are never sold."
    "</li></ul>"
)


def rule(number: int, kind: str, title: str, points: str, **more: Any) -> dict[str, Any]:
    """A way to earn, as program and member see it."""
    return {
        "id": str(number),
        "kind": kind,
        "title": title,
        "text": None,
        "points_text": points,
        "button": None,
        "network": None,
        "is_claim": False,
        "limit_text": None,
        "active_to": None,
        "done": False,
        "limit": None,
        "is_claimable": False,
        **more,
    }


def rules() -> list[dict[str, Any]]:
    claim: dict[str, Any] = {"is_claim": True, "is_claimable": True}
    buy = {"label": "Purchase", "url": f"{STORE}/shop"}
    return [
        rule(1, "order", "Complete an order", "1 point for every €1", id="order", button=buy),
        rule(2, "product", "Buy a moon jar", "50 points per item", button={"label": "See it", "url": f"{STORE}/jar"}),
        rule(3, "multiplier", "Double points on teaware", "2× points", active_to="2026-11-30T23:00:00Z"),
        rule(4, "signup", "Create an account", "50 points", done=True),
        rule(5, "follow", "Follow us on Instagram", "20 points", network="instagram",
             button={"label": "Follow", "url": "https://instagram.com/maison"}, **claim),
        rule(6, "birthday", "Your birthday", "100 points", birthday_known=False, is_claimable=True),
        rule(7, "review", "Write a review", "15 points", limit={"times": 3, "per": "month", "used": 1},
             limit_text="Up to 3× a month", button={"label": "Write one", "url": f"{STORE}/reviews"}),
    ]  # fmt: skip


def rewards() -> list[dict[str, Any]]:
    money = {"kind": "fixed_amount", "minimum_subtotal": None}
    return [
        reward(1, "€5 off", cost=500, value_text="€5", discount={**money, "value": "5.00"}, featured=True,
               description_html="<p>From <a href='/x'>€20</a> on, on everything in the shop.</p>"),
        too_dear(2, "€10 off", cost=1000, missing=380, value_text="€10", discount={**money, "value": "10.00"}),
        reward(5, "Free delivery", cost=150, sub_type="free_shipping", brand={"name": "Maison Verte"}),
        too_dear(6, "A chair at the kiln opening", cost=2500, missing=1880, type="event_invitation", sub_type=None,
                 more_info_url="/kiln"),
        reward(8, "A tea bowl", cost=400, type="gift", sub_type=None, redeemable=False,
               message="All of these are gone for now."),
        cashback(point_value="0.01"),
    ]  # fmt: skip


LEVELS: list[dict[str, Any]] = [
    {"id": "silver", "name": "Silver", "from": 500, "from_text": "500 points", "multiplier": "1.25",
     "multiplier_text": "1.25× points", "perks": ["Early look at new pieces"]},
    {"id": "gold", "name": "Gold", "from": 1000, "from_text": "1,000 points", "multiplier": "1.5",
     "multiplier_text": "1.5× points", "perks": ["Early look at new pieces", "Free delivery"]},
    {"id": "kiln", "name": "Kiln circle", "from": 5000, "from_text": "5,000 points", "multiplier": "2",
     "multiplier_text": "2× points", "perks": ["Free delivery", "A seat at every kiln opening"]},
]  # fmt: skip


def tier(**more: Any) -> dict[str, Any]:
    """Silver, and on the way to gold."""
    gold = {"id": "gold", "name": "Gold", "at": 1000, "missing": 380, "missing_text": "380 points to Gold"}
    return {
        "level": {"id": "silver", "name": "Silver", "multiplier_text": "1.25× points", "perks": LEVELS[0]["perks"]},
        "basis": "points_earned",
        "value": 620,
        "value_text": "620 points",
        "next": gold,
        "fraction": 0.62,
        "keeps_until": "2027-12-31T23:00:00Z",
        "leaves_at": None,
        "is_manual": False,
        **more,
    }


def friends() -> list[dict[str, Any]]:
    told = [
        ("Bea", "rewarded", "Bea has joined, and you have got 100 points."),
        ("Chidi", "qualified", "Chidi has joined. You get 100 points on December 2."),
        ("Dora", "registered", "Dora has joined. You get 100 points after the first order."),
        (None, "rejected", "This one did not count: only people who are new to the shop do."),
        (None, "visited", "Several people opened your link."),
    ]
    return [
        {"id": str(number), "name": name, "state": state, "at": AGO, "text": text,
         "due_at": "2026-12-02T10:00:00Z" if state == "qualified" else None}
        for number, (name, state, text) in enumerate(told, 1)
    ]  # fmt: skip


def referral(**more: Any) -> dict[str, Any]:
    return {
        "url": "https://points.example/r/ADA7K2",
        "code": "ADA7K2",
        "share_text": "I buy my bowls at Maison Verte. With this link you begin with 50 points:",
        "reward_when": "first_order",
        "advocate": {"text": "100 points"},
        "friend": {"text": "50 points"},
        "counts": {"visited": 9, "registered": 3, "qualified": 2, "rewarded": 1, "rejected": 1},
        "earned_text": "100 points",
        "friends": friends(),
        "next": None,
        **more,
    }


def entry(number: int, kind: str, points: int, title: str, after: int, **why: Any) -> dict[str, Any]:
    return {
        "id": str(number), "at": AGO, "kind": kind, "points": points, "balance_after": after, "title": title,
        "expires_at": None, "why": why,
    }  # fmt: skip


def activity(store: Store) -> list[dict[str, Any]]:
    """The store's own first entry has the longest why."""
    first = store.answers["me/activity"]["items"][0]
    return [
        entry(15, "promise", 30, "Order #1002: points on their way", 620),
        first,
        entry(14, "adjust", 149, "For your tenth visit to the workshop", 520, reason="Tenth visit", actor="staff"),
        entry(13, "spend", -500, "€5 off", 371),
        entry(12, "clawback", -40, "Refund of order #0998", 871, note="refunded"),
        entry(11, "expire", -20, "Expired", 911),
    ]


def everything(store: Store) -> None:
    """The whole program, for visitors and for Ada."""
    program, me = store.answers["program"], store.answers["session"]["me"]
    program["program"]["rules_html"] = RULES_HTML
    program["shop"].update(signup_url=f"{STORE}/register", login_url=f"{STORE}/login")
    sides = {"advocate_text": "100 points", "friend_text": "50 points"}
    program.update(
        earn=[{**one, "done": False, "is_claimable": False} for one in rules()],
        rewards=[{**one, "missing_points": 0} for one in rewards()],
        campaign=None,
        referral={"enabled": True, "reward_when": "first_order", **sides},
        tiers={"basis": "points_earned", "window": "year", "levels": LEVELS},
    )
    me["balance"].update(available=620, on_hold=0)
    me["balance"]["expiring"] = [
        {"points": 120, "expires_at": "2026-12-31T23:00:00Z"},
        {"points": 500, "expires_at": "2027-12-31T23:00:00Z"},
    ]
    me.update(
        earn=rules(),
        rewards=rewards(),
        campaign=None,
        tier=tier(),
        referral={"enabled": True, "url": "https://points.example/r/ADA7K2", "code": "ADA7K2"},
    )
    me["member"]["tier"] = "silver"
    store.answers["me/referral"] = referral()
    store.answers["me/activity"] = {"items": activity(store), "next": "more"}
    store.answers["me/redemptions"] = {"items": [redemption()], "next": None}
    store.answers["me/cashback/quote"] = {
        "campaign": {"id": cashback()["id"], "point_value": "0.01"},
        "max_points": 620, "points": 620, "discount": "6.20", "to_pay": "58.70",
    }  # fmt: skip
