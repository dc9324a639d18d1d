"""The demo shop's months before the demo begins, so that its reports have something to show.

Regulars of the workshop, who gave a telephone number at the till and no address (so nobody's mailbox fills): they buy, bring
friends, redeem gifts, let points expire. It goes through the same verbs as everything else, with the business clock put back;
the pretend store, which opens when the demo begins, knows nothing of it. Always the same.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import count
from random import Random

from sqlalchemy import select, text

from backend import clock
from backend.db import transaction
from backend.errors import Conflict
from backend.jobs import points
from backend.ledger import posting
from backend.ledger.posting import AnySession, Author
from backend.loyalty.deliveries import deliveries
from backend.loyalty.orders import awards
from backend.loyalty.points import expiry
from backend.loyalty.redemptions import marks, redemptions
from backend.loyalty.redemptions.redemptions import Redeemer
from backend.loyalty.referrals import referral_rewards, referral_visits
from backend.loyalty.rewards import rewards
from backend.loyalty.shops import shops
from backend.loyalty.shops.shops import ShopFacts
from backend.models import Member
from backend.platforms.custom import adapter

DAYS = 170
_SEED = 1759
"""The year in which Josiah Wedgwood opened his pottery."""
_REGULARS = (
    "Agathe Morel", "Bruno Keller", "Chiara Conti", "Daan de Vries", "Elif Aydin", "Farid Benali", "Greta Lindqvist",
    "Hugo Lefebvre", "Ines Ferreira", "Jonas Weber", "Katarzyna Nowak", "Leo Martin", "Maya Rosen", "Nils Andersen",
    "Olivia Grant", "Paolo Ricci", "Quentin Dubois", "Rosa Jimenez", "Sota Tanaka", "Theo Vogel", "Uma Patel",
    "Vera Novotna", "Wim Jansen", "Yann Le Goff",
)  # fmt: skip
_GOODS = (
    ("tea-bowls", "Pair of tea bowls", "Stoneware", 60),
    ("dripper", "Pour-over dripper", "Coffee things", 50),
    ("teapot", "Cobalt teapot", "Stoneware", 120),
    ("plate", "Plate", "Stoneware", 34),
    ("sencha", "Sencha", "Tea", 18),
    ("guji", "Guji", "Coffee", 15),
)
_MERCHANT = Author("staff", "Kit Owner")
_FESTIVALS, _FESTIVAL_POINTS, _FESTIVAL_DAYS = (60, 130), 25, 7
_CUP = {"reward_name": "Espresso cup, last summer's", "reward_type": "gift", "points_to_be_redeemed": 45}
_VOUCHER = {
    "reward_name": "Summer voucher",
    "reward_type": "coupon_based_reward",
    "reward_sub_type": "fixed_amount_discount",
    "reward_value": "5.00",
    "points_to_be_redeemed": 30,
    "coupons": [f"SUMMER-{number:03d}" for number in range(1, 81)],
}
_REDEEMING, _USED, _LYING = 0.35, 0.8, timedelta(days=20)
"""How likely somebody redeems on a day, how likely it was used since, and what is too young for that."""
_ENDED = timedelta(days=2)
"""How long before the demo begins these two were to be had last: nobody sees them in the widget."""


@dataclass
class _Regular:
    """Somebody who comes by now and then."""

    external_id: str
    name: str
    phone: str
    since: int
    """The day on which they are seen first."""
    rhythm: float
    """How likely they are to buy on a day."""
    by: "_Regular | None" = None
    """Who brought them."""
    orders: Iterator[int] = field(default_factory=lambda: count(1))


def live(shop_id: int) -> None:
    """Let the days pass. Nothing happens in a shop that has members already."""
    with transaction() as session:
        if session.execute(select(Member.id).where(Member.shop_id == shop_id).limit(1)).first():
            return
    shop, random = shops.facts(shop_id), Random(_SEED)  # noqa: S311 - a story, no secret
    begins = clock.now() - timedelta(days=DAYS)
    with transaction() as session:  # so that its days can be looked back at
        session.execute(
            text("update shop set created_at = :begins where id = :shop"), {"begins": begins, "shop": shop_id}
        )
    offered = [_offer(shop, terms, begins) for terms in (_CUP, _VOUCHER)]
    regulars = _people(random)
    for day in range(DAYS - 1):
        morning = (begins + timedelta(days=day)).replace(hour=8, minute=0, second=0, microsecond=0)
        with _standing_at(morning + timedelta(hours=12)):
            _spend_the_day(shop, regulars, day, morning, random)
            if random.random() < _REDEEMING:
                _redeem(shop, random.choice(offered), morning + timedelta(hours=13), random)
    _tidy(shop_id)


def _offer(shop: ShopFacts, terms: Mapping[str, object], since: datetime) -> int:
    """One of the rewards of then; its id."""
    until = clock.now() - _ENDED
    with transaction() as session:
        made = rewards.create(
            session,
            shop,
            {**terms, "active_from": since.isoformat(), "active_to": until.isoformat()},
            since,
            rehearsal=True,
        )
        return made.id


def _people(random: Random) -> list[_Regular]:
    found: list[_Regular] = []
    for number, name in enumerate(_REGULARS, start=1):
        since = max(0, int(random.triangular(-60, DAYS - 12, 20)))
        by = random.choice(found) if number % 5 == 0 else None
        if by is not None:
            since = max(since, by.since + 5)
        found.append(
            _Regular(
                f"till_{number}",
                name,
                f"+33612{number:02d}{random.randrange(1000):03d}",
                since,
                random.uniform(0.01, 0.04),
                by,
            )
        )
    return found


def _spend_the_day(shop: ShopFacts, regulars: list[_Regular], day: int, morning: datetime, random: Random) -> None:
    for regular in regulars:
        if regular.since == day:
            _enrol(shop, regular, morning, random)
    with transaction() as session:
        for regular in regulars:
            at = morning + timedelta(minutes=random.randrange(600))
            if regular.since <= day and (regular.since == day or random.random() < _appetite(regular, day)):
                _buy(session, shop, regular, at, random)
        if day in _FESTIVALS:
            _celebrate(session, shop, morning)
        evening = morning + timedelta(hours=12)
        awards.post_due(session, evening)
        if any(regular.by is not None and regular.since == day for regular in regulars):
            referral_rewards.reward_due(session, evening)
        if day - _FESTIVAL_DAYS in _FESTIVALS:
            expiry.expire_due(session, evening)


def _appetite(regular: _Regular, day: int) -> float:
    """Towards the winter people buy more tea."""
    return regular.rhythm * (0.7 + 0.8 * day / DAYS)


def _enrol(shop: ShopFacts, regular: _Regular, at: datetime, random: Random) -> None:
    data = {
        "id": regular.external_id,
        "first_name": regular.name.partition(" ")[0],
        "last_name": regular.name.partition(" ")[2],
        "phone": regular.phone,
        "created_at": at.isoformat(),
    }
    if regular.by is not None:
        with transaction() as session:
            code = session.execute(
                select(Member.referral_code).where(
                    Member.shop_id == shop.id, Member.external_id == regular.by.external_id
                )
            ).scalar_one_or_none()
        if code is not None:
            data["referral_code"] = code
            for visitor in range(random.randint(1, 4)):
                digest = sha256(f"{regular.external_id}:{visitor}".encode()).digest()[:16]
                referral_visits.shop_of_link(code, digest, at.date(), at)
    with transaction() as session:
        _tell(session, shop, "customer.created", at, data)


def _buy(session: AnySession, shop: ShopFacts, regular: _Regular, at: datetime, random: Random) -> None:
    number = f"{regular.external_id.removeprefix('till_')}-{next(regular.orders)}"
    lines = [
        {"id": slug, "product_id": slug, "title": title, "quantity": quantity, "unit_price": f"{price}.00",
         "total": f"{price * quantity}.00", "categories": [category]}
        for slug, title, category, price in random.sample(_GOODS, random.randint(1, 2))
        for quantity in [random.choice((1, 1, 2))]
    ]  # fmt: skip
    total = f"{sum(int(str(line['total']).removesuffix('.00')) for line in lines)}.00"
    data = {
        "id": f"till_{number}", "number": f"T{number}", "customer": {"id": regular.external_id}, "currency": shop.currency,
        "created_at": at.isoformat(), "updated_at": at.isoformat(), "source": "pos", "payment_status": "paid",
        "delivery_status": "collected", "collected_at": at.isoformat(), "subtotal": total, "total": total,
        "line_items": lines,
    }  # fmt: skip
    _tell(session, shop, "order.collected", at, data)


def _tell(session: AnySession, shop: ShopFacts, topic: str, at: datetime, data: Mapping[str, object]) -> None:
    for event in adapter.interpret(topic, {"type": topic, "timestamp": at.isoformat(), "data": dict(data)}):
        deliveries.apply(session, shop, event, at)


def _celebrate(session: AnySession, shop: ShopFacts, at: datetime) -> None:
    """Points by hand for a festival, for a week: whoever does not come by loses them."""
    members = session.execute(select(Member.id).where(Member.shop_id == shop.id).order_by(Member.id)).scalars()
    for member_id in members:
        posting.grant(
            session, shop.id, member_id, _FESTIVAL_POINTS, at=at, key=f"demo:festival:{at:%Y-%m-%d}:{member_id}",
            author=_MERCHANT, reason="The festival by the canal", why={}, expires_at=at + timedelta(days=_FESTIVAL_DAYS),
        )  # fmt: skip


def _redeem(shop: ShopFacts, reward_id: int, at: datetime, random: Random) -> None:
    """Somebody who can takes it. A while later it was used, or sent; what was taken lately still lies there."""
    with transaction() as session:
        able = (
            session.execute(
                text("select member_id from account where shop_id = :shop and available >= 45 order by member_id"),
                {"shop": shop.id},
            )
            .scalars()
            .all()
        )
    if not able:
        return
    member_id = random.choice(able)
    try:
        had = redemptions.redeem(shop, Redeemer(member_id, Author("customer")), reward_id, {}, f"demo:{at:%j}", at)
    except Conflict:
        return  # it has ended, or the codes have: the demo goes on without
    if at < clock.wall() - _LYING and random.random() < _USED:
        with transaction() as session:
            marks.mark(session, shop, int(had["id"]), at + timedelta(hours=20), use_state="used")
            if had["frozen"]["type"] == "gift":
                for hours, status in ((44, "shipped"), (90, "delivered")):
                    marks.mark(session, shop, int(had["id"]), at + timedelta(hours=hours), delivery_status=status)  # type: ignore[arg-type]


def _tidy(shop_id: int) -> None:
    """Levels are settled as of today, and what would have been written to people then is not written now."""
    points.tiers()
    with transaction() as session:
        session.execute(
            text("delete from outbox where shop_id = :shop and kind in ('mail', 'staff_mail') and state = 'waiting'"),
            {"shop": shop_id},
        )


@contextmanager
def _standing_at(moment: datetime) -> Iterator[None]:
    """The business clock of this process shows that moment."""
    behind = moment - clock.wall()
    source = clock._offset_source
    clock.use_offset(lambda: behind)
    try:
        yield
    finally:
        clock.use_offset(source)
