"""What eligibility rules may ask of a member, read from where it is known."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from backend.errors import NotFound
from backend.ledger.balance import spendable
from backend.ledger.posting import AnySession
from backend.loyalty.eligibility.eligibility import Facts
from backend.loyalty.shops.shops import ShopFacts

_COUNTRY_FIELDS = ("country_code", "country")
"""Of an address, as stores write it; the code first."""


def _bought_by(member: str) -> str:
    """How many orders that member has, and their sum. The newest state stands first (platforms/known_orders.py); an
    order that was cancelled once stays so."""
    return f"""
    select count(*) as orders, sum(amount) filter (where currency = :currency) as spend
    from (
        select known #>> '{{states,0,order,currency}}' as currency,
            coalesce(known #>> '{{states,0,order,total}}', known #>> '{{states,0,order,subtotal}}')::numeric as amount
        from orders
        where shop_id = :shop and member_id = {member} and not known -> 'first_shown' ? 'cancelled'
    ) bought
    """  # noqa: S608 - our own words


MEMBER_JSON = """json_build_object('enrolled_at', m.enrolled_at, 'tags', m.tags, 'tier', m.tier, 'segments', m.segments,
        'address', m.address, 'locale', m.locale, 'birthday', m.birthday, 'email_verified', m.email_verified)"""
"""What of a row `m` of the table member the facts are made of."""


@dataclass(frozen=True, slots=True)
class Bought:
    """The member's orders: how many, and their sum in the shop's currency."""

    orders: int
    spend: Decimal


def facts(session: AnySession, shop: ShopFacts, member_id: int, with_orders: bool, now: datetime) -> Facts:
    """The member's facts at `now`; orders only if asked, since they cost as much as there are. Raises NotFound."""
    known = session.execute(
        text(f"select {MEMBER_JSON} from member m where m.shop_id = :shop and m.id = :member"),  # noqa: S608 - our own words
        {"shop": shop.id, "member": member_id},
    ).scalar_one_or_none()
    if known is None:
        raise NotFound()
    available = spendable(session, shop.id, member_id, now)
    return from_json(shop, known, available, bought(session, shop, member_id) if with_orders else None)


def bought(session: AnySession, shop: ShopFacts, member_id: int) -> Bought:
    """What the member has ordered. Cancelled orders count for nothing."""
    row = session.execute(
        text(_bought_by(":member")), {"shop": shop.id, "member": member_id, "currency": shop.currency}
    ).one()
    return Bought(row.orders, row.spend or Decimal(0))


def of_many(
    session: AnySession, shop: ShopFacts, member_ids: Collection[int], with_orders: bool, now: datetime
) -> dict[int, Facts]:
    """The facts of these members by their ids, with one statement; of those who are erased none."""
    rows = session.execute(
        text(
            f"""
            select m.id, {MEMBER_JSON} as known, bought.*, a.available - coalesce((
                select sum(l.remaining) from lot l
                where l.shop_id = a.shop_id and l.member_id = a.member_id and l.open and l.expires_at <= :now), 0
            ) as available
            from member m join account a on a.shop_id = m.shop_id and a.member_id = m.id
            cross join lateral ({_bought_by("m.id") if with_orders else "select 0 as orders, 0 as spend"}) bought
            where m.shop_id = :shop and m.id = any(cast(:members as bigint[])) and m.status = 'active'
            """  # noqa: S608 - our own words
        ),
        {"shop": shop.id, "members": list(member_ids), "now": now, "currency": shop.currency},
    )
    return {
        row.id: from_json(
            shop,
            row.known,
            int(row.available),
            Bought(row.orders, row.spend or Decimal(0)) if with_orders else None,
        )
        for row in rows
    }


def from_json(shop: ShopFacts, known: Mapping[str, Any], available: int, orders: Bought | None) -> Facts:
    """The facts of a row that came as `MEMBER_JSON`."""
    return Facts(
        timezone=ZoneInfo(shop.timezone),
        enrolled_at=datetime.fromisoformat(known["enrolled_at"]),
        tags=tuple(known["tags"]),
        tier=known["tier"],
        segments=tuple(known["segments"]),
        orders_count=orders.orders if orders is not None else None,
        total_spend=orders.spend if orders is not None else None,
        available_points=available,
        country=_country(known["address"]),
        language=known["locale"],
        birthday=date.fromisoformat(known["birthday"]) if known["birthday"] is not None else None,
        email_verified=known["email_verified"],
        currency=shop.currency,
    )


def _country(address: dict[str, Any] | None) -> str | None:
    said = (str(address[name]) for name in _COUNTRY_FIELDS if address.get(name)) if address else iter(())
    return next(said, None)
