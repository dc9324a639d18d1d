"""What belongs to one person, held at once: before a member is merged or erased, nothing else can be on its way.

In the one global order (deliveries.py): the names that events carry, then orders, then accounts, each sorted.
"""

from collections.abc import Sequence

from sqlalchemy import text

from backend.ledger import posting
from backend.ledger.posting import AnySession
from backend.loyalty import name_locks
from backend.loyalty.members import blocking
from backend.models import Member


def hold(session: AnySession, shop_id: int, member_ids: Sequence[int], *names: tuple[str, str]) -> list[Member]:
    """Hold these members, first in a transaction, with the accounts that were merged into them and those of everybody whose
    link one of these came by. In this order.

    `names` are held as well. Raises NotFound.
    """
    external = session.execute(
        text(
            "select external_id from member where shop_id = :shop and external_id is not null"
            " and (id = any(:members) or merged_into = any(:members))"
        ),
        {"shop": shop_id, "members": list(member_ids)},
    ).scalars()
    alone = {name_locks.key(shop_id, *name) for name in (*(("customer", each) for each in external), *names)}
    name_locks.hold_all(session, alone, shared=[name_locks.key(shop_id, *name_locks.WHOLE_SHOP)])
    session.execute(
        text("select 1 from orders where shop_id = :shop and member_id = any(:members) order by id for no key update"),
        {"shop": shop_id, "members": list(member_ids)},
    )
    others = session.execute(
        text(
            "with claim as (select c.advocate_id from referral_claim c join member f on f.shop_id = c.shop_id"
            " and f.id = c.friend_id where c.shop_id = :shop and (f.id = any(:members) or f.merged_into = any(:members)))"
            " select coalesce(m.merged_into, m.id) from claim c join member m on m.shop_id = :shop and m.id = c.advocate_id"
            " union select advocate_id from claim"
            " union select id from member where shop_id = :shop and merged_into = any(:members)"
        ),
        {"shop": shop_id, "members": list(member_ids)},
    ).scalars()
    posting.lock_accounts(session, shop_id, [*member_ids, *others.all()])
    return blocking.held(session, shop_id, member_ids)
