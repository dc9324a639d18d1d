"""Two customers whom the store made one: the same becomes of their accounts here (docs/decisions/0021)."""

from datetime import datetime

from sqlalchemy import text

from backend.ledger.posting import AnySession, Author
from backend.loyalty.members import members, merging
from backend.loyalty.shops.shops import ShopFacts
from backend.platforms.events import CustomersMerged

REASON = "The store merged two customers."


def follow(session: AnySession, shop: ShopFacts, merged: CustomersMerged, now: datetime) -> None:
    """Let whoever is gone be another name of whoever was kept, so that late deliveries reach them, too.

    Of two customers whom nobody has heard of nothing is kept; of one the account becomes the kept customer's. Following
    once more changes nothing. Raises Conflict `points_on_hold`: the delivery is tried again until the hold has ended.
    """
    kept = members.by_external_id(session, shop.id, merged.kept_id)
    gone = members.by_external_id(session, shop.id, merged.gone_id)
    if merged.kept_id == merged.gone_id or (kept is None and gone is None):
        return
    if kept is None and gone is not None:
        if members.erased_among(session, shop.id, [merged.kept_id]):
            return
        gone.external_id = merged.kept_id
        session.flush()
        kept, gone = gone, None
    assert kept is not None
    other = gone or members.enrol(session, shop.id, merged.gone_id, now)
    if other is None:  # erased: nobody is left to be named
        return
    into, from_ = members.living(session, kept), members.living(session, other)
    if into.id != from_.id:
        merging.merge(session, shop, into.id, from_.id, REASON, Author("platform"), now)


def has_something_to_bring(session: AnySession, shop_id: int, external_id: str) -> bool:
    """Whether a merge would bring this customer's orders or points to another: not once it was followed."""
    found = session.execute(
        text(
            "select 1 from member m where m.shop_id = :shop and m.external_id = :customer and m.status <> 'merged' and ("
            " exists (select 1 from entry e where e.shop_id = m.shop_id and e.member_id = m.id)"
            " or exists (select 1 from orders o where o.shop_id = m.shop_id and o.member_id = m.id))"
        ),
        {"shop": shop_id, "customer": external_id},
    )
    return found.first() is not None
