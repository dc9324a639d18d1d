"""What customer accounts at Shopify show of a member (backend/shopify/metafields.py) goes when the member is erased here.

Shopify erases it with the customer by itself. A person who is erased here alone is still a customer there.
"""

from sqlalchemy import text

from backend import outbox
from backend.ledger.posting import AnySession

OUTBOX_KIND = "shopify_forget"


def forget(session: AnySession, shop_id: int, member_id: int, customer_id: str) -> None:
    """Have what was written for this customer taken away at Shopify, if anything was and we may still speak there.

    Nothing else knows the customer's id any more, so the outbox keeps it until it has been done or cannot be done.
    """
    was_written = session.execute(
        text(
            "delete from customer_metafield where shop_id = :shop and member_id = :member and not is_gone and exists ("
            "select from metafield_run r join shopify_shop s on s.shop_id = r.shop_id"
            " where r.shop_id = :shop and not r.is_ending and s.state = 'installed') returning 1"
        ),
        {"shop": shop_id, "member": member_id},
    ).scalar()
    if was_written:
        outbox.put(session, shop_id, OUTBOX_KIND, f"forget:{member_id}", {"customer_id": customer_id})
