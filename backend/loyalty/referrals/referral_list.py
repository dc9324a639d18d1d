"""Referrals that a person looks at, or has looked at."""

from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy import text
from sqlalchemy.engine import RowMapping

from backend.ledger.posting import AnySession

Review = Literal["waiting", "approved", "refused"]


def reviewed(session: AnySession, shop_id: int, review: Review, before: int | None, limit: int) -> Sequence[RowMapping]:
    """Referrals whose review stands so, newest first, with both sides and what they would get or got."""
    statement, parameters = statement_for(shop_id, review, before, limit)
    return session.execute(text(statement), parameters).mappings().all()


def statement_for(shop_id: int, review: Review, before: int | None, limit: int) -> tuple[str, dict[str, Any]]:
    """The SQL of a page, and what goes into it."""
    statement = f"""
        select r.id, r.at, r.state, r.reason, r.evidence, r.due_at, r.reviewed_by, r.reviewed_at, r.review_reason,
            o.external_id as order_id, coalesce(o.number, o.external_id) as order_number,
            {_side("advocate")}, {_side("friend")}
        from (select * from referral where shop_id = :shop and review = :review and review <> 'none' and id < :before
            order by id desc limit :limit) r
        join member advocate on advocate.shop_id = r.shop_id and advocate.id = r.advocate_id
        join member friend on friend.shop_id = r.shop_id and friend.id = r.friend_id
        left join orders o on o.shop_id = r.shop_id and o.id = r.order_id
        order by r.id desc
    """  # noqa: S608 - our own words
    return statement, {"shop": shop_id, "review": review, "before": before or 2**63 - 1, "limit": limit}


def _side(who: str) -> str:
    return f"""{who}.id as {who}_id, {who}.email as {who}_email, {who}.status as {who}_status,
        btrim(coalesce({who}.first_name, '') || ' ' || coalesce({who}.last_name, '')) as {who}_name,
        coalesce({who}.registered_at, {who}.enrolled_at) as {who}_since,
        (select cast(coalesce(sum(p.points), 0) as bigint) from referral_payout p where p.shop_id = r.shop_id
            and p.referral_id = r.id and p.member_id = {who}.id and p.state <> 'taken_back') as {who}_points"""  # noqa: S608
