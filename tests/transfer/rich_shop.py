"""A shop in which a little of everything has happened, by the same verbs and deliveries as in life."""

from base64 import b64decode
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.jobs import points
from backend.ledger.posting import Author
from backend.loyalty.bonuses import told_events
from backend.loyalty.members import blocking, member_notes, merging
from backend.loyalty.members import members as customers
from backend.loyalty.program import drafts
from backend.loyalty.redemptions import endings
from backend.loyalty.referrals import referrals
from backend.loyalty.rewards import brand_images, campaigns, reward_shelf
from backend.loyalty.segments import segments
from backend.loyalty.shops import shops
from backend.shopify import payouts
from backend.staff import accounts
from backend.staff.rights import Right
from tests.conftest import PROGRAM, BusinessTime, TestShop
from tests.loyalty import rewards_world as world
from tests.loyalty.earn_world import received, rule
from tests.loyalty.referral_world import code_of, join, settle
from tests.loyalty.test_campaigns import picture

RICH = {
    **PROGRAM,
    "expiry": {"kind": "days", "days": 60},
    "referral": {"enabled": True, "reward_when": "first_order", "hold_days": 3},
    "rules": [
        rule("signup", 25),
        rule("event", 3, "stamp", event="stamped"),
        rule("follow", 5, network="instagram", button={"label": {"en": "Go"}, "url": "https://instagram.com/x"}),
    ],
    "tiers": {
        "window": "lifetime",
        "levels": [
            {"id": "silver", "from": 10, "name": {"en": "Silver"}},
            {"id": "gold", "from": 1000, "name": {"en": "Gold"}, "multiplier": "1.5"},
        ],
    },
}
CODED = {**world.FIVE_OFF, "points_to_be_redeemed": 40}
KINDS: dict[str, dict[str, Any]] = {
    "fixed": CODED,
    "percentage": {
        **CODED,
        "reward_name": "A tenth off",
        "reward_sub_type": "percentage_discount",
        "reward_value": "10",
    },
    "free delivery": {
        **CODED,
        "reward_name": "Sent free",
        "reward_sub_type": "free_shipping",
        "reward_value": None,
    },
    "pool": {
        **CODED,
        "reward_name": "Partner's code",
        "reward_sub_type": "value_code",
        "coupons": [f"PARTNER-{number}" for number in range(8)],
    },
    "event": {
        "reward_name": "Tasting",
        "reward_type": "event_invitation",
        "points_to_be_redeemed": 30,
        "coupons": ["T1"],
    },
    "gift": {
        "reward_name": "Bowl",
        "reward_type": "gift",
        "points_to_be_redeemed": 35,
        "push_notification_text": "A bowl.",
        "labels": [{"key": "colour", "value": "blue"}],
    },
    "custom": {"reward_name": "Tea for two", "reward_type": "custom", "points_to_be_redeemed": 20},
    "cashback": world.CASHBACK,
}


def fill(shop: TestShop, time: BusinessTime) -> dict[str, int]:
    """Let it all happen; the members by their ids at the store."""
    shop.set_program(**RICH)
    time.advance(minutes=1)
    who = _people(shop, time)
    shelf = {name: world.reward(shop, document) for name, document in KINDS.items()}
    _pictures(shop, shelf["gift"])
    _orders(shop, time)
    _redeemed(shop, time, who["ada"], shelf)
    _later(shop, time, who["ada"], shelf)
    return who


def _people(shop: TestShop, time: BusinessTime) -> dict[str, int]:
    who = {"ada": join(shop, "ada", email="ada@example.com", email_verified=True, tags=["vip"], birthday="1990-05-17")}
    code = code_of(shop, who["ada"])
    who |= {
        name: join(shop, name, code, email=f"{name}@example.org", first_name="=Zoë") for name in ("ben", "cleo", "eve")
    }
    who["gone"] = join(shop, "gone", email="gone@example.com")
    with transaction() as session:
        segments.create(session, shop.id, "vip", "VIP", [_tagged("vip")], clock.now())
        world.grant(session, shop, who["ada"], 700)
        world.grant(session, shop, who["ben"], 20, datetime(2090, 11, 25, 12, tzinfo=UTC))
        said: dict[str, Any] = {"external_id": "e-1", "at": clock.now(), "reason": None, "now": clock.now()}
        told_events.tell(session, shop.facts, who["ben"], "stamped", **said)
        referrals.merged(session, shop.facts, who["eve"], who["cleo"], clock.now())
    points.segments()
    points.tiers()
    with transaction() as session:
        customers.erase(session, shop.id, "gone", clock.now())
    for customer in ("fay", "fay-again"):
        who[customer] = join(shop, customer)
    with transaction() as session:
        world.grant(session, shop, who["fay-again"], 30)
    by = Author("staff", "Ada Admin")
    with transaction() as session:
        merging.merge(session, shop.facts, who["fay"], who["fay-again"], "One person", by, clock.now())
    with transaction() as session:
        blocking.block(session, shop.id, who["fay"], "A chargeback", by, clock.now())
    time.advance(seconds=1)  # the clock of a test that stands still jitters by a microsecond
    with transaction() as session:
        ada = accounts.create(
            session,
            shop.id,
            clock.now(),
            email=f"ada.of{shop.id}@shop.example",
            name="Ada",
            password="correct horse battery staple",
            rights=(Right.ASSIGN_POINTS,),
        )
        member_notes.add(session, shop.id, who["fay"], "Has paid since.", "n" * 16, ada.id, by, clock.now())
    with transaction() as session:
        blocking.unblock(session, shop.id, who["fay"], "A mistake", by, clock.now())
    return who


def _tagged(tag: str) -> dict[str, Any]:
    return {"conditions": [{"attribute": "User Tags", "operator": "Contain any of", "value": [tag]}]}


def _pictures(shop: TestShop, gift: Any) -> None:
    with transaction() as session:
        content = b64decode(picture(60, 60)["content_base64"])
        brand_images.put(session, shop.facts, gift.id, content, "http://127.0.0.1:8000", clock.now(), rehearsal=True)
        wanted = {
            "names": {"en": "Now", "fr": "Maintenant"},
            "starts_at": (clock.now().date()).isoformat(),
            "ends_at": None,
            "gifts": [gift.public_id],
            "banner": picture(64, 32),
        }
        campaigns.create(session, shop.facts, wanted, clock.now())


def _orders(shop: TestShop, time: BusinessTime) -> None:
    """Posted, refunded in part, refunded after it was spent, pending, expected, a guest's, and one in another currency."""
    lines = [{"id": "l-1", "quantity": 2, "total": "150.00"}, {"id": "l-2", "quantity": 1, "total": "50.00"}]
    for number, customer in enumerate(("ada", "ben", "cleo")):
        order = received(f"o-{number}", clock.now(), customer, "200.00", number=f"#10{number}", line_items=lines)
        shop.tell("order.collected", order)
    guest = received("o-guest", clock.now(), None, "90.00") | {"customer": {"email": "Guest@example.com"}}
    shop.tell("order.collected", guest)
    shop.tell("order.collected", received("o-usd", clock.now(), "ben", currency="USD"))
    settle()
    time.advance(days=4)
    points.post_due()
    settle()
    _refund(shop, "o-0", "r-1", "30.00")
    _refund(shop, "o-1", "r-2", "150.00")
    _refund(shop, "o-unknown", "r-3", "1.00")
    shop.tell("order.collected", received("o-due", clock.now(), "ada", "120.00"))
    waits = received("o-waits", clock.now(), "ada", "80.00") | {"delivery_status": "shipped", "collected_at": None}
    shop.tell("order.created", waits)
    settle()


def _refund(shop: TestShop, order_id: str, refund_id: str, amount: str) -> None:
    line = {"line_item_id": "l-1", "quantity": 1, "amount": amount}
    shop.tell("order.refunded", {"order_id": order_id, "refund": {"id": refund_id, "line_items": [line]}})


def _redeemed(shop: TestShop, time: BusinessTime, ada: int, shelf: dict[str, Any]) -> None:
    """In each state: issued, used, returned, expired, requested, failed; a gift on its way; a hold, one captured."""
    for name in ("fixed", "percentage", "free delivery", "pool", "event", "custom"):
        world.redeem(shop, ada, shelf[name])
    returned = world.redeem(shop, ada, shelf["pool"])
    world.give_back(shop, ada, returned.id)
    used = world.redeem(shop, ada, shelf["fixed"])
    world.buy(shop, used.code, order_id="o-used", customer={"id": "ada"})
    gift = world.redeem(shop, ada, shelf["gift"])
    world.mark(shop, gift.id, use_state="used")
    world.mark(shop, gift.id, delivery_status="shipped")
    short = world.reward(shop, {**CODED, "reward_name": "Short", "coupon_valid_days": 1})
    world.redeem(shop, ada, short)
    time.advance(days=3)
    with transaction() as session:
        while endings.expire_due(session, clock.now()):
            pass  # this shop's, and what other tests have left
    captured = world.hold(shop, ada, "100.00", 5)
    world.buy(shop, captured.code, order_id="o-cashback", customer={"id": "ada"})
    world.hold(shop, ada, "50.00", 3)
    world.hold(shop, ada, "50.00", 2, "let go")
    time.advance(minutes=45)
    world.hold(shop, ada, "50.00", 4)
    with transaction() as session:
        endings.release_holds(session, clock.now())


def _later(shop: TestShop, time: BusinessTime, ada: int, shelf: dict[str, Any]) -> None:
    """Points expire, a reward is put away, a draft waits, people are told, and a code could not be made."""
    with transaction() as session:
        reward_shelf.archive(session, shop.facts, shelf["custom"].id, clock.now(), rehearsal=True)
        leaves = {**RICH, "points_name": {"en": {"one": "leaf", "other": "leaves"}}}
        drafts.save(session, shop.id, leaves, author="Ada", now=clock.now(), rehearsal=True)
    points.segments()
    points.tiers()
    points.announce_rewards()
    points.remind()
    points.expire()
    # as of a shop that came from Shopify, where a reward was paid as a gift card
    (paid,) = world.rows(shop, "select max(coupon_id) as coupon from redemption where shop_id = :shop")
    payouts.keep_card(shop.id, paid.coupon, "gid://shopify/GiftCard/5001")
    # last of all, the shop's store takes codes, and has not been told of these
    with transaction() as session:
        session.execute(
            text("update shop set discounts_url = 'http://127.0.0.1:1/' where id = :shop"), {"shop": shop.id}
        )
    shops.forget_facts()
    untold = world.reward(shop, {**CODED, "reward_name": "Not told yet"})
    waits = world.redeem(shop, ada, untold)
    assert waits.status == "requested"
    time.set(waits.hold_until)
    with transaction() as session:
        endings.release_holds(session, clock.now())
