"""Posting awards the plain way: the ORM, in RQ jobs that carry the award's id, or in batches as one unit of work.

Each writes what the product writes for a member who owes nothing: entry, lot, account, award, mail.
"""

import os
from functools import cache
from typing import Any

from flask import Flask
from sqlalchemy import select

from backend import clock
from backend.db import db
from backend.models import Account, Award, Entry, Lot, Member, OutboxMessage


@cache
def app() -> Flask:
    """The models on DATABASE_URL, made once in each worker."""
    made = Flask("reference", static_folder=None)
    url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1)
    made.config["SQLALCHEMY_DATABASE_URI"] = url
    db.init_app(made)
    return made


def post_award(shop_id: int, award_id: int) -> None:
    """One job for one award."""
    with app().app_context():
        award = db.session.get_one(Award, (shop_id, award_id), with_for_update=True)
        if award.state != "pending":
            return
        account = db.session.get_one(Account, (shop_id, award.member_id), with_for_update=True)
        member = db.session.get_one(Member, (shop_id, award.member_id))
        entry = _post(award, account)
        db.session.add(entry)
        db.session.flush()
        _follow(award, entry, member)
        db.session.commit()


def post_batch(shop_id: int, award_ids: list[int]) -> None:
    """One job for many awards: read together, changed as objects, written by one unit of work."""
    with app().app_context():
        chosen = select(Award).where(Award.shop_id == shop_id, Award.id.in_(award_ids), Award.state == "pending")
        awards = db.session.scalars(chosen.order_by(Award.member_id).with_for_update()).all()
        ids = [award.member_id for award in awards]
        accounts = _by_member(
            select(Account).where(Account.shop_id == shop_id, Account.member_id.in_(ids)), "member_id"
        )
        members = _by_member(select(Member).where(Member.shop_id == shop_id, Member.id.in_(ids)), "id")
        posted = [(award, _post(award, accounts[award.member_id])) for award in awards]
        db.session.add_all(entry for _, entry in posted)
        db.session.flush()
        for award, entry in posted:
            _follow(award, entry, members[award.member_id])
        db.session.commit()


def _by_member(query: Any, name: str) -> dict[int, Any]:
    locked = query.order_by(name).with_for_update() if name == "member_id" else query
    return {getattr(row, name): row for row in db.session.scalars(locked)}


def _post(award: Award, account: Account) -> Entry:
    account.pending -= award.pending
    account.available += award.pending
    return Entry(
        shop_id=award.shop_id,
        member_id=award.member_id,
        at=clock.now(),
        kind="post",
        from_bucket="pending",
        to_bucket="available",
        points=award.pending,
        available_after=account.available,
        source_key=f"award:{award.id}:post",
        actor="system",
        reason=award.reason,
        award_id=award.id,
        program_version=award.program_version,
        expires_at=award.expires_at,
        why=award.why,
    )


def _follow(award: Award, entry: Entry, member: Member) -> None:
    db.session.add(
        Lot(
            shop_id=award.shop_id,
            member_id=award.member_id,
            entry_id=entry.id,
            points=award.pending,
            remaining=award.pending,
            open=True,
            earned_at=award.due_at,
            expires_at=award.expires_at,
            reminder="waiting",
            reminded_early=False,
        )
    )
    if member.email is not None:
        db.session.add(mail(entry, "points_earned"))
    award.state = "posted"
    award.pending = 0


def mail(entry: Entry, purpose: str) -> OutboxMessage:
    """The mail about an entry."""
    wall = clock.wall()
    return OutboxMessage(
        shop_id=entry.shop_id,
        kind="mail",
        key=f"mail:{purpose}:{entry.id}",
        payload={
            "purpose": purpose,
            "member_id": entry.member_id,
            "entry_id": entry.id,
            "points": entry.points,
        },
        state="waiting",
        attempts=0,
        next_try_at=wall,
        created_at=wall,
    )
