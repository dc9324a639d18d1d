"""Deliveries: what was received becomes what it means, each exactly once.

`drain` takes a batch of stored deliveries and applies their events. Everything that the batch touches is locked first in
one global order, so that two drains never wait for each other in a ring (54 deadlocks in the prototype, none since). Each
delivery has its own savepoint: one that fails stays alone, is tried again with back-off, and is shown to the merchant.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert

from backend import clock, strict_json
from backend.db import RETRIED_SQLSTATES, sqlstate
from backend.errors import BadInput, Conflict, LagniappeError, NotFound
from backend.ledger import posting
from backend.ledger.posting import AnySession
from backend.loyalty import name_locks
from backend.loyalty.bonuses import occasions
from backend.loyalty.coupons import coupons
from backend.loyalty.members import customer_merges, data_requests, members, redactions
from backend.loyalty.name_locks import WHOLE_SHOP
from backend.loyalty.orders import order_looks, orders
from backend.loyalty.referrals import referral_codes, referrals
from backend.loyalty.shops import shopify_shops, shops
from backend.loyalty.shops.shops import ShopFacts
from backend.models import Delivery, Installation
from backend.platforms.base import NotForUs
from backend.platforms.events import (
    AddressErased,
    AppInstalled,
    AppUninstalled,
    Customer,
    CustomerErased,
    CustomerSeen,
    CustomersMerged,
    DataRequested,
    Event,
    OrderChanged,
    OrderRefunded,
    OrderSeen,
    ScopesChanged,
    ShopChanged,
    ShopErased,
)
from backend.platforms.registry import platform

DRAIN = "inbox.drain"
BATCH = 50
FIRST_RETRY = timedelta(seconds=5)
LONGEST_RETRY = timedelta(hours=1)
GIVE_UP_AFTER_TRIES = 80
"""About three days of trying; then the merchant's replay is what is left."""

MERGES_ARE_TOLD_WITHIN = timedelta(minutes=5)
LOOK_FOR_MERGE_EVERY = timedelta(seconds=30)

_ACCEPTED_ELSEWHERE = "This version of Lagniappe does not know what it is about, and another one took it."

Name = tuple[int, str, str]
"""A shop, a kind of thing and what the platform calls it."""
Tell = Callable[[AnySession, int, DataRequested], None]
"""Lets the team of a shop know, in the same transaction; letters are written above the rules of the business."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Claimed:
    """A delivery of this batch with what it says."""

    delivery: Delivery
    shop: ShopFacts
    events: tuple[Event, ...]


def drain(session: AnySession, now: datetime, limit: int = BATCH, *, tell: Tell | None = None) -> int:
    """Apply at most `limit` waiting deliveries, oldest first, and return how many were dealt with.

    Safe to run in any number of workers at once. A delivery whose transaction rolls back is simply claimed again.
    """
    wall = clock.wall()
    waiting = list(
        session.execute(
            select(Delivery)
            .where(Delivery.next_try_at <= wall)
            .order_by(Delivery.next_try_at, Delivery.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).scalars()
    )
    batch = [claimed for delivery in waiting if (claimed := _read(delivery, wall)) is not None]
    _lock(session, batch)
    for claimed in batch:
        if _may_yet_be_a_merge(session, claimed, now):
            claimed.delivery.next_try_at = wall + LOOK_FOR_MERGE_EVERY
            continue
        try:
            with session.begin_nested():
                for event in claimed.events:
                    apply(session, claimed.shop, event, now)
                    if tell is not None and isinstance(event, DataRequested):
                        tell(session, claimed.shop.id, event)
                session.flush()
        except Exception as error:
            if sqlstate(error) in RETRIED_SQLSTATES:
                raise  # the whole batch runs again
            log.exception("delivery %s of shop %s failed", claimed.delivery.delivery_id, claimed.shop.id)
            _postpone(claimed.delivery, error, wall)
        else:
            claimed.delivery.state = "handled"
            claimed.delivery.error = None
            claimed.delivery.next_try_at = None
            claimed.delivery.handled_at = now
            if any(isinstance(each, AddressErased) for each in claimed.events):
                claimed.delivery.body = None  # it names whom it has erased
    return len(waiting)


def apply(session: AnySession, shop: ShopFacts, event: Event, now: datetime) -> None:
    """Let one event have its effect. The caller holds the locks of what it touches."""
    match event:
        case OrderSeen():
            orders.see(session, shop, event, now)
        case OrderRefunded():
            orders.refund(session, shop, event, now)
        case CustomerSeen():
            _see_customer(session, shop, event, now)
        case OrderChanged():
            order_looks.ask_for(session, shop.id, event.order_id, clock.wall())
        case CustomerErased():
            redactions.erase_customer(session, shop.id, event, now)
        case AddressErased():
            redactions.erase_address(session, shop.id, event, now)
        case CustomersMerged():
            customer_merges.follow(session, shop, event, now)
        case DataRequested():
            data_requests.note(session, shop.id, event, now)
        case AppInstalled():
            _note_installation(session, shop, event.at, "installed", now)
        case AppUninstalled():
            _note_installation(session, shop, event.at, "uninstalled", now)
            shopify_shops.uninstall(session, shop.id, event.at, clock.wall())
        case ScopesChanged():
            if shopify_shops.take_over_scopes(session, shop.id, event.scopes):
                coupons.look_after_all(session, shop.id)
        case ShopChanged():
            shopify_shops.take_over_facts(session, shop.id, event)
        case ShopErased():
            shopify_shops.ask_for_redaction(session, shop.id, event.at, clock.wall())


def replay(session: AnySession, shop_id: int, delivery_id: int, wall: datetime) -> Delivery | None:
    """Have a failed delivery tried again now. None if there is no such delivery; others are left as they are."""
    delivery = session.get(Delivery, (shop_id, delivery_id), with_for_update=True)
    if delivery is not None and delivery.state == "failed" and delivery.body is not None:
        delivery.next_try_at = wall
    return delivery


def judge_again(session: AnySession, shop: ShopFacts, delivery_id: int, wall: datetime) -> Delivery:
    """Look anew at a delivery that was refused: what we understand may have grown since. Then it waits to be handled.

    Raises NotFound; Conflict that says why it is still refused, or that there is nothing to look at.
    """
    delivery = session.get(Delivery, (shop.id, delivery_id), with_for_update=True)
    if delivery is None:
        raise NotFound()
    if delivery.state != "rejected":
        raise Conflict(
            f"This delivery is {delivery.state}: only what was refused is looked at anew.", code="not_rejected"
        )
    if delivery.body is None:
        raise Conflict("What this delivery said has been cleared away.", code="cleared_away")
    adapter = platform(shop.platform)
    try:
        document = strict_json.parse(delivery.body.encode())
        topic = delivery.type or adapter.topic({}, document)
        adapter.check(topic, document)
        if shop.platform == shops.SHOPIFY:
            shopify_shops.check_body(session, shop.id, document)
    except NotForUs as passed_over:
        why = passed_over.reason or "It is about something that the program does not know."
        raise Conflict(why, code="still_rejected") from None
    except BadInput as refusal:
        raise Conflict(f"It is still refused. {refusal.detail}", code="still_rejected") from None
    delivery.type, delivery.state, delivery.error, delivery.next_try_at = topic, "received", None, wall
    return delivery


def replay_failed(session: AnySession, wall: datetime, shop_id: int | None, row_id: int | None) -> int:
    """Have failed deliveries tried again now: one, a shop's, or all. Returns how many."""
    replayed = session.execute(
        text(
            "update delivery set next_try_at = :wall where state = 'failed' and body is not null"
            " and (cast(:shop as bigint) is null or shop_id = :shop) and (cast(:id as bigint) is null or id = :id)"
        ),
        {"wall": wall, "shop": shop_id, "id": row_id},
    )
    return int(replayed.rowcount)  # type: ignore[attr-defined]


def newest(session: AnySession, shop_id: int | None, state: str | None, limit: int) -> list[Delivery]:
    """The newest deliveries, of all shops if no shop is named."""
    query = select(Delivery).order_by(Delivery.id.desc()).limit(limit)
    if shop_id is not None:
        query = query.where(Delivery.shop_id == shop_id)
    if state is not None:
        query = query.where(Delivery.state == state)
    return list(session.execute(query).scalars())


def _see_customer(session: AnySession, shop: ShopFacts, seen: CustomerSeen, now: datetime) -> None:
    customer = seen.customer
    assert customer.external_id is not None
    member = members.enrol(session, shop.id, customer.external_id, now)
    if member is None:
        return
    orders.take_over_profile(session, shop, member, customer, seen.at, now)
    occasions.customer_seen(session, shop, member, seen, now)
    referrals.customer_seen(session, shop, member, seen, now)


def _note_installation(session: AnySession, shop: ShopFacts, at: datetime, event: str, now: datetime) -> None:
    session.execute(insert(Installation).values(shop_id=shop.id, at=at, event=event).on_conflict_do_nothing())
    orders.reckon_since(session, shop, at, now)


def _read(delivery: Delivery, wall: datetime) -> Claimed | None:
    """The delivery with its events. It was checked when it was accepted, so a failure here is ours: it is kept, and stays
    alone."""
    try:
        shop = shops.facts(delivery.shop_id)
        document = strict_json.parse((delivery.body or "").encode())
        events = platform(shop.platform).interpret(delivery.type or "", document, delivery.received_at)
        return Claimed(delivery, shop, tuple(events))
    except NotForUs:  # code of another version has accepted it: while a new one is rolled out, or back
        failure: Exception = LagniappeError(_ACCEPTED_ELSEWHERE)
    except Exception as error:
        failure = error
    log.error("delivery %s of shop %s cannot be read", delivery.delivery_id, delivery.shop_id, exc_info=failure)
    _postpone(delivery, failure, wall)
    return None


def _may_yet_be_a_merge(session: AnySession, claimed: Claimed, now: datetime) -> bool:
    """Whether somebody is deleted who has something to lose, and of whom a merge may be about to be told: what is erased
    cannot be merged any more. Looked at again for a few minutes, then the deletion is one."""
    return now - claimed.delivery.received_at < MERGES_ARE_TOLD_WITHIN and any(
        isinstance(event, CustomerErased)
        and event.may_be_merged
        and customer_merges.has_something_to_bring(session, claimed.shop.id, event.external_id)
        for event in claimed.events
    )


def _postpone(delivery: Delivery, error: Exception, wall: datetime) -> None:
    """Failed: kept, shown and tried again, each time after twice as long, until it is given up."""
    delivery.tries += 1
    delivery.state = "failed"
    delivery.error = error.detail if isinstance(error, LagniappeError) else f"{type(error).__name__} on our side"
    pause = min(FIRST_RETRY * 2 ** min(delivery.tries - 1, 20), LONGEST_RETRY)
    delivery.next_try_at = wall + pause if delivery.tries < GIVE_UP_AFTER_TRIES else None


def _lock(session: AnySession, batch: Iterable[Claimed]) -> None:
    """Lock all that the batch touches in one global order: the names that events carry, then orders, then accounts.

    The names are advisory locks, because what they stand for may not exist yet. With them held, the orders of each name
    are known, and with these held the members behind them cannot change; both are locked by id. An event about the
    whole shop has it alone: an order handled beside it would be counted by neither.
    """
    alone: set[Name] = set()
    shops_touched: set[int] = set()
    whole: set[Name] = set()  # customers of whom everything is touched
    for claimed in batch:
        shops_touched.add(claimed.shop.id)
        for event in claimed.events:
            touched = {(claimed.shop.id, kind, name) for kind, name in _touched(event)}
            alone |= touched
            if isinstance(event, CustomerErased | CustomersMerged | AddressErased):
                whole |= touched
    if not shops_touched:
        return
    for shop_id in {shop_id for shop_id, kind, _ in whole if kind == "customer"}:
        alone |= _other_names(session, shop_id, whole)
    # A code is no such name: who has it is locked below, and popular codes would make all orders wait for each other.
    name_locks.hold_all(
        session,
        alone=[name_locks.key(*name) for name in alone if name[1] not in ("code", "advocate")],
        shared=[name_locks.key(shop_id, *WHOLE_SHOP) for shop_id in shops_touched],
    )
    for shop_id in sorted(shops_touched):
        _lock_orders(session, shop_id, alone, whole)
    for shop_id in sorted(shops_touched):
        posting.lock_accounts(session, shop_id, _member_ids(session, shop_id, alone, whole))


def _touched(event: Event) -> list[tuple[str, str]]:
    match event:
        case OrderSeen(order=order):
            touched = [("order", order.external_id)]
            if order.customer is not None and order.customer.external_id is not None:
                touched.append(("customer", order.customer.external_id))
                if order.customer.email is not None:
                    touched.append(("address", order.customer.email.lower()))
                touched += _link_of(order.customer)
            if order.guest_email is not None:
                touched.append(("address", order.guest_email.lower()))
            touched += [("code", code) for code in order.discount_codes or ()]
            return touched
        case OrderRefunded():
            return [("order", event.order_id)]
        case CustomerSeen(customer=customer):
            touched = [("customer", customer.external_id or "")]
            if customer.email is not None:
                touched.append(("address", customer.email.lower()))
            return touched + _link_of(customer)
        case CustomerErased():
            return [("customer", event.external_id)]
        case CustomersMerged():
            return [("customer", event.kept_id), ("customer", event.gone_id), referrals.LINKS]
        case AddressErased():
            touched = [("order", each) for each in event.order_ids]
            return touched if event.email is None else [*touched, ("address", event.email.lower())]
        case OrderChanged():
            return [("order", event.order_id)]
        case DataRequested() | ScopesChanged() | ShopErased():
            return []  # no order and no member is touched
        case _:
            return [WHOLE_SHOP]


def _link_of(customer: Customer) -> list[tuple[str, str]]:
    """What is touched where the customer came by a friend's link. Nothing by what cannot be the code of one."""
    code = referral_codes.read(customer.referral_code or "")
    return [referrals.LINKS, ("advocate", code)] if code else []


def _other_names(session: AnySession, shop_id: int, customers: set[Name]) -> set[Name]:
    """The customers whose accounts were merged into these."""
    rows = session.execute(
        text(
            "select g.external_id from member k join member g on g.shop_id = k.shop_id and g.merged_into = k.id"
            " where k.shop_id = :shop and k.external_id = any(cast(:names as text[])) and g.external_id is not null"
        ),
        {"shop": shop_id, "names": _of("customer", shop_id, customers)},
    )
    return {(shop_id, "customer", each) for each in rows.scalars()}


def _lock_orders(session: AnySession, shop_id: int, names: set[Name], whole: set[Name]) -> None:
    """The orders that are named, that wait for an address, and all that a customer made who is erased or merged."""
    session.execute(
        text(
            """
            select 1 from orders where shop_id = :shop and id in (
                select id from orders where shop_id = :shop and external_id = any(cast(:orders as text[]))
                union select id from orders where shop_id = :shop and member_id is null
                    and guest_email = any(cast(:addresses as text[]))
                union select o.id from orders o join member m on m.shop_id = o.shop_id and m.id = o.member_id
                    where m.shop_id = :shop and (m.external_id = any(cast(:whole as text[]))
                        or lower(m.email) = any(cast(:erased_addresses as text[]))))
            order by id for no key update
            """
        ),
        {
            "shop": shop_id,
            "orders": _of("order", shop_id, names),
            "addresses": _of("address", shop_id, names),
            "whole": _of("customer", shop_id, whole),
            "erased_addresses": _of("address", shop_id, whole),
        },
    )


def _member_ids(session: AnySession, shop_id: int, names: set[Name], whole: set[Name]) -> list[int]:
    rows = session.execute(
        text(
            """
            with said as (
            select id from member where shop_id = :shop and external_id = any(cast(:customers as text[]))
            union select id from member where shop_id = :shop and referral_code = any(cast(:advocates as text[]))
            union select member_id from orders where shop_id = :shop and external_id = any(cast(:orders as text[]))
                and member_id is not null
            union select member_id from verified_address where shop_id = :shop
                and email = any(cast(:addresses as text[]))
            union select id from member where shop_id = :shop and lower(email) = any(cast(:erased_addresses as text[]))
            union select member_id from redemption where shop_id = :shop
                and upper(code) = any(array(select upper(c) from unnest(cast(:codes as text[])) c))
            union select r.member_id from orders o
                join coupon_use u on u.shop_id = o.shop_id and u.order_id = o.id
                join redemption r on r.shop_id = u.shop_id and r.id = u.redemption_id
                where o.shop_id = :shop and o.external_id = any(cast(:orders as text[]))
            union select r.friend_id from orders o
                join referral_payout p on p.shop_id = o.shop_id and p.order_id = o.id
                join referral r on r.shop_id = p.shop_id and r.id = p.referral_id
                where o.shop_id = :shop and o.external_id = any(cast(:orders as text[]))
            ), named as (  -- who came by a friend's link before they were merged is judged as well
                select id from said
                union select g.id from said s join member g on g.shop_id = :shop and g.merged_into = s.id
            )
            select coalesce(a.merged_into, a.id) as id from (
                select id from named
                union select c.advocate_id from named n join referral_claim c on c.shop_id = :shop and c.friend_id = n.id
            ) touched join member a on a.shop_id = :shop and a.id = touched.id
            union select id from named
            union select c.advocate_id from named n join referral_claim c on c.shop_id = :shop and c.friend_id = n.id
            """
        ),
        {
            "shop": shop_id,
            "advocates": _of("advocate", shop_id, names),
            "customers": _of("customer", shop_id, names),
            "orders": _of("order", shop_id, names),
            "addresses": _of("address", shop_id, names),
            "erased_addresses": _of("address", shop_id, whole),
            "codes": _of("code", shop_id, names),
        },
    )
    return [row.id for row in rows]


def _of(kind: str, shop_id: int, names: set[Name]) -> list[str]:
    return [name for shop, name_kind, name in names if (shop, name_kind) == (shop_id, kind)]
