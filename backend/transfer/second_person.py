"""Imports of points and the people who bring them: a second person where the shop has a limit, and nobody's own account.

A file can hold any number of points, so the shop's limit for changes by hand (docs/decisions/0020) has no number here: where
there is one, somebody else must let every import of points in.
"""

from collections.abc import Collection

from sqlalchemy import text

from backend.errors import Conflict
from backend.ledger.posting import AnySession
from backend.loyalty.points import approvals

ASKED_OF = "points:assign"
"""The right that both need (`backend/staff/rights.py`)."""


def is_needed(session: AnySession, shop_id: int, kind: str) -> bool:
    """Whether somebody else has to agree to imports of this kind."""
    limit = approvals.limit_of(session, shop_id) if kind == "balances" else None
    return limit is not None and limit.points is not None


def refuse_same(session: AnySession, shop_id: int, person_id: int, asked_by: int | None) -> None:
    """Raises Conflict `own_request` if this is whoever asked, be it by another account; `asker_gone` if they may not
    bring points any more."""
    rows = session.execute(
        text(
            "select id, status = 'active' and :right = any(rights) as may, email_key_of(email) as person from staff"
            " where shop_id = :shop and id in (:person, :asker)"
        ),
        {"shop": shop_id, "person": person_id, "asker": asked_by, "right": ASKED_OF},
    ).all()
    if len({row.person for row in rows}) < 2:
        raise Conflict("You asked for this: somebody else has to decide.", code="own_request")
    if not next(row.may for row in rows if row.id == asked_by):
        raise Conflict(
            "Who asked for this may not change points any more. Stop it; who may can ask.", code="asker_gone"
        )


def own_among(session: AnySession, shop_id: int, people: Collection[int], member_ids: Collection[int]) -> set[int]:
    """Those of the members that are one of these people of the team, as `approvals.is_own` judges."""
    if not people or not member_ids:
        return set()
    rows = session.execute(
        text(
            """
            with keys as materialized (
                select array_agg(email_key_of(email)) as them from staff where shop_id = :shop and id = any(:people)
            )
            select m.id, m.email_key = any(k.them) or exists (select from verified_address v
                    where v.shop_id = m.shop_id and v.member_id = m.id and email_key_of(v.email) = any(k.them)) as is_own
            from keys k, member m where m.shop_id = :shop and m.id = any(:members) and (
                m.email_key = any(k.them)
                or exists (select from verified_address v where v.shop_id = m.shop_id and v.member_id = m.id
                    and email_key_of(v.email) = any(k.them))
                or exists (select from same_person s where s.shop_id = m.shop_id and s.kept_id = m.id)
                or exists (select from same_person s where s.shop_id = m.shop_id and s.gone_id = m.id))
            """
        ),
        {"shop": shop_id, "people": list(people), "members": sorted(member_ids)},
    ).all()
    return {
        row.id
        for row in rows
        if row.is_own or any(approvals.is_own(session, shop_id, person, row.id) for person in people)
    }
