"""Finding the order that somebody asks about, and the facts that `missing_points.verdict` judges."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text

from backend import strict_json
from backend.errors import BadInput
from backend.ledger.posting import AnySession
from backend.loyalty.calendar_rules import timezone
from backend.loyalty.members import members
from backend.loyalty.orders import awards
from backend.loyalty.orders.missing_points import Facts, Known, Owner, StuckDelivery
from backend.loyalty.program import programs
from backend.loyalty.shops.shops import ShopFacts
from backend.models import Order
from backend.platforms.known_orders import KnownOrder, known_from_document

MOST_FOUND = 20
LOOKED_AT = 1000
"""Of how many of the newest deliveries that were not handled it is asked whether they are about the order."""


@dataclass(frozen=True, slots=True)
class Found:
    """An order that may be meant."""

    id: int
    external_id: str
    number: str | None
    placed_at: datetime
    member_id: int | None


_FOUND = "select id, external_id, number, placed_at, member_id from orders where shop_id = :shop"


def find(session: AnySession, shop_id: int, asked: str) -> list[Found]:
    """The orders that a number, a platform's id or an e-mail address may mean, newest first, at most `MOST_FOUND`.

    An id that fits exactly is the one: numbers are asked for only if no id fits.
    """
    if "@" in asked:
        return _of_address(session, shop_id, asked.lower())
    for condition, wanted in (("external_id = :wanted", asked), ("number = :wanted", asked.lstrip("#"))):
        found = session.execute(
            text(f"{_FOUND} and {condition} order by placed_at desc limit :limit"),
            {"shop": shop_id, "wanted": wanted, "limit": MOST_FOUND},
        ).all()
        if found:
            return [Found(**row._mapping) for row in found]
    return []


def _of_address(session: AnySession, shop_id: int, address: str) -> list[Found]:
    rows = session.execute(
        text(
            f"""
            with person as (
                select id from member where shop_id = :shop and lower(email) = :address
                union select member_id from verified_address where shop_id = :shop and email = :address
            )
            (select o.* from person p cross join lateral ({_FOUND} and member_id = p.id
                order by placed_at desc limit :limit) o)
            union all
            (select o.* from ({_FOUND} and member_id is null and guest_email = :address
                order by placed_at desc limit :limit) o)
            order by placed_at desc limit :limit
            """  # noqa: S608 - our own words
        ),
        {"shop": shop_id, "address": address, "limit": MOST_FOUND},
    )
    return [Found(**row._mapping) for row in rows]


def facts(session: AnySession, shop: ShopFacts, asked: str, order_id: int | None, now: datetime) -> Facts:
    """All that is known of an order; of one that never arrived, what else names it."""
    tz = timezone(shop.timezone)
    if order_id is None:
        return Facts(
            asked=asked,
            now=now,
            tz=tz,
            stuck=_stuck(session, shop.id, {asked, asked.lstrip("#"), f"#{asked.lstrip('#')}"}),
            has_refund=bool(
                session.execute(
                    text("select 1 from refund where shop_id = :shop and order_external_id = :order limit 1"),
                    {"shop": shop.id, "order": asked},
                ).scalar()
            ),
        )
    row = session.get_one(Order, (shop.id, order_id))
    known = known_from_document(row.known)
    customer = known.order.customer
    names_customer = customer is not None and customer.external_id is not None
    return Facts(
        asked=asked,
        now=now,
        tz=tz,
        order=_known(session, shop, row, known),
        owner=_owner(session, row),
        stuck=_stuck(session, shop.id, {row.external_id}),
        is_erased_customer=row.member_id is None
        and names_customer
        and bool(members.erased_among(session, shop.id, [customer.external_id])),  # type: ignore[union-attr,list-item]
    )


def entries_of(session: AnySession, shop_id: int, order_id: int) -> list[Any]:
    """The movements of an order's points, oldest first."""
    return list(
        session.execute(
            text(
                "select id, member_id, at, kind, from_bucket, to_bucket, points, available_after, reason from entry"
                " where shop_id = :shop and order_id = :order order by id limit 200"
            ),
            {"shop": shop_id, "order": order_id},
        ).all()
    )


def _known(session: AnySession, shop: ShopFacts, row: Order, known: KnownOrder) -> Known:
    should_have, why = awards.explain(session, shop, row, known)
    settings = programs.settings_of(programs.by_number(session, shop.id, row.program_version))
    sums = session.execute(
        text(
            """
            select coalesce(sum(points) filter (where kind = 'promise'), 0) as promised,
                coalesce(sum(points) filter (where kind = 'post'), 0) as posted,
                coalesce(sum(points) filter (where kind in ('void', 'claw_back')), 0) as taken_back,
                coalesce(sum(points) filter (where kind = 'expire'), 0) as expired,
                max(at) filter (where kind = 'post') as posted_at,
                max(id) filter (where kind = 'post') as entry_id
            from entry where shop_id = :shop and order_id = :order and member_id in (select id from member
                where shop_id = :shop and (id = :member or merged_into = :member))
            """
        ),
        {"shop": shop.id, "order": row.id, "member": row.member_id},
    ).one()
    pending = session.execute(
        text(
            "select coalesce(sum(pending), 0) from award where shop_id = :shop and order_id = :order"
            " and member_id in (select id from member where shop_id = :shop and (id = :member or merged_into = :member))"
            " and state = 'pending'"
        ),
        {"shop": shop.id, "order": row.id, "member": row.member_id},
    ).scalar_one()
    after = session.execute(
        text("select available_after from entry where shop_id = :shop and id = :entry"),
        {"shop": shop.id, "entry": sums.entry_id},
    ).scalar()
    order = known.order
    return Known(
        called=order.number or order.external_id,
        external_id=row.external_id,
        placed_at=row.placed_at,
        counts_when=settings.assign.on,
        received_at=row.received_at,
        due_at=row.due_at,
        expires_at=row.expires_at,
        first_shown=known.first_shown,
        payment_status=order.payment_status,
        delivery_status=order.delivery_status,
        names_customer=order.customer is not None and order.customer.external_id is not None,
        should_have=should_have,
        why=why,
        promised=int(sums.promised),
        pending=int(pending),
        posted=int(sums.posted),
        taken_back=int(sums.taken_back),
        expired=int(sums.expired),
        posted_at=sums.posted_at,
        available_after=after,
        entry_id=sums.entry_id,
    )


def _owner(session: AnySession, row: Order) -> Owner | None:
    if row.member_id is None:
        return None
    owner = session.execute(
        text(
            "select k.id, k.status from member m join member k on k.shop_id = m.shop_id"
            " and k.id = coalesce(m.merged_into, m.id) where m.shop_id = :shop and m.id = :member"
        ),
        {"shop": row.shop_id, "member": row.member_id},
    ).one()
    return Owner(owner.id, owner.status)


def _stuck(session: AnySession, shop_id: int, names: set[str]) -> tuple[StuckDelivery, ...]:
    """Deliveries about the order that failed, were refused, or still wait, newest first."""
    rows = session.execute(
        text(
            """
            select id, type, state, error, received_at, body from (
                (select * from delivery where shop_id = :shop and state = 'failed' order by id desc limit :most)
                union all
                (select * from delivery where shop_id = :shop and state = 'rejected' order by id desc limit :most)
                union all
                (select * from delivery where shop_id = :shop and state = 'received' and next_try_at is not null
                    order by next_try_at desc, id desc limit :most)
            ) unhandled
            where body is not null and exists (
                select 1 from unnest(cast(:names as text[])) name where position('"' || name || '"' in body) > 0)
            order by id desc
            """
        ),
        {"shop": shop_id, "most": LOOKED_AT, "names": sorted(names)},
    )
    states: dict[str, Any] = {"received": "waiting"}
    return tuple(
        StuckDelivery(row.id, row.type, states.get(row.state, row.state), row.error, row.received_at)
        for row in rows
        if _is_about(row.body, names)
    )


def _is_about(body: str, names: set[str]) -> bool:
    """Whether what was said is about that order. A body that cannot be read at all may be."""
    try:
        document = strict_json.parse(body.encode())
    except BadInput:
        return True
    data = document.get("data") if isinstance(document, dict) else None
    if not isinstance(data, dict):
        return False
    said: Sequence[Any] = [data.get(name) for name in ("id", "number", "order_id")]
    return any(isinstance(each, str) and each in names for each in said)
