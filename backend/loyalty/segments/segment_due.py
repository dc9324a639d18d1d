"""Who has to be judged again by the segments of the shop. Shops without any pay one look into an empty table for it."""

from collections.abc import Collection

from sqlalchemy import text

from backend.ledger.posting import AnySession
from backend.queue import enqueue_after_commit

JUDGE = "points.segments"

_NOTE = text(
    "insert into segment_due (shop_id, member_id) select w.shop_id, t.member_id"
    " from segment_walk w cross join unnest(cast(:members as bigint[])) as t (member_id)"
    " where w.shop_id = :shop order by t.member_id returning 1"
)


def note(session: AnySession, shop_id: int, member_ids: Collection[int]) -> None:
    """What is known of these members has changed."""
    if member_ids and session.execute(_NOTE, {"shop": shop_id, "members": list(member_ids)}).first():
        enqueue_after_commit(JUDGE)


def forget(session: AnySession, shop_id: int, member_id: int) -> None:
    """An erased member is in no segment."""
    session.execute(
        text(
            """
            with gone as (
                delete from segment_member where shop_id = :shop and member_id = :member returning segment_number
            )
            update segment set members_count = members_count - 1
            where shop_id = :shop and number in (select segment_number from gone)
            """
        ),
        {"shop": shop_id, "member": member_id},
    )
