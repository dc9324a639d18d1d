"""Customers: found, listed, and all that is known of one (S3.20, S3.21)."""

import secrets
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from flask import url_for
from pydantic import BaseModel, Field

from backend.admin.door import Visit, page
from backend.loyalty.members import customer_list, customer_profile, member_notes
from backend.loyalty.members.customer_list import Wanted
from backend.loyalty.points import approvals
from backend.loyalty.program import programs
from backend.loyalty.segments import segments
from backend.models import Member
from backend.staff.rights import Right

PAGE_SIZE = 50
PART_SIZE = 10
"""Orders and rewards on the profile, page by page."""
STATUSES = {
    "active": ("Active", "good"),
    "blocked": ("Blocked", "bad"),
    "merged": ("Merged", "calm"),
    "erased": ("Erased", "calm"),
}
WHO = {"system": "Lagniappe", "customer": "The customer", "platform": "The store", "staff": "Your team"}
"""Who moved points, where no name says it better."""
GROUPS = (
    ("", "Everything"),
    ("earned", "Earned"),
    ("spent", "Spent"),
    ("returned", "Came back"),
    ("taken_back", "Taken back"),
    ("expired", "Expired"),
    ("by_hand", "Added and taken"),
    ("merged", "Moved with an account"),
)
REDEMPTIONS = {
    "requested": ("Being made", "calm"),
    "issued": ("Active", "good"),
    "returned": ("Given back", "calm"),
    "expired": ("Expired", "calm"),
    "failed": ("Failed", "bad"),
}
REFERRALS = {
    "registered": ("Signed up", "calm"),
    "qualified": ("Counts", "good"),
    "rewarded": ("Rewarded", "good"),
    "rejected": ("Not counted", "calm"),
}
MAILS = {"waiting": ("On its way", "calm"), "done": ("Sent", "good"), "parked": ("Not sent", "warn")}


class Asked(BaseModel):
    """What the address of the list asks for."""

    search: str | None = Field(default=None, max_length=320)
    tier: str | None = Field(default=None, max_length=64)
    segment: str | None = Field(default=None, max_length=64)
    status: customer_list.Status | None = None
    sort: customer_list.Sort = "newest"
    after: int | None = Field(default=None, ge=1, lt=2**63)
    below: int | None = Field(default=None, ge=0, lt=2**63)


class Parts(BaseModel):
    """Where the profile's own lists go on."""

    orders_before: int | None = Field(default=None, ge=1, lt=2**63)
    rewards_before: int | None = Field(default=None, ge=1, lt=2**63)
    notes_before: int | None = Field(default=None, ge=1, lt=2**63)


class AskedLog(BaseModel):
    kind: str | None = Field(default=None, max_length=16)
    before: int | None = Field(default=None, ge=1, lt=2**63)


@page("/customers", right=Right.VIEW_CUSTOMERS)
def customers(visit: Visit) -> str:
    """A search shows who fits; without one it is a list with filters."""
    asked = visit.asked(Asked)
    _, settings = programs.current(visit.shop_id)
    if asked.search:
        found, has_more = customer_list.search(visit.session, visit.shop_id, asked.search, visit.now), False
    else:
        wanted = Wanted(asked.tier, asked.segment, asked.status, asked.sort, asked.after, asked.below)
        found, has_more = customer_list.page(visit.session, visit.shop_id, wanted, visit.now, PAGE_SIZE)
    said = {name: value for name, value in asked.model_dump(exclude={"after", "below"}).items() if value}
    first = url_for("admin.customers") + (f"?{urlencode(said)}" if said else "")
    goes_on = {"below": found[-1].ranked} if asked.sort == "points" and has_more else {}
    levels = settings.tiers.levels if settings.tiers else []
    return visit.render(
        "customers.html",
        asked=asked,
        found=found,
        newer=first if asked.after else None,
        older=f"{url_for('admin.customers')}?{urlencode(said | goes_on | {'after': found[-1].id})}"
        if has_more
        else None,
        is_filtered=bool(asked.tier or asked.segment or asked.status or asked.after),
        most_found=customer_list.MOST_FOUND,
        levels=[("", "Every level"), *((each.id, _level(visit, each.id)) for each in levels)],
        segments=[
            ("", "Every segment"),
            *((each.id, each.name) for each in segments.all_of(visit.session, visit.shop_id)),
        ],
        statuses=STATUSES,
        level_of=lambda level_id: _level(visit, level_id),
    )


@page("/customers/<row_id:member_id>", right=Right.VIEW_CUSTOMERS)
def customer(visit: Visit, member_id: int, note_id: int | None = None) -> str:
    """`note_id` is the note whose form was refused."""
    session, shop_id, now = visit.session, visit.shop_id, visit.now
    member = customer_profile.find(session, shop_id, member_id)
    parts = visit.asked(Parts)
    orders = customer_profile.orders(session, shop_id, member_id, parts.orders_before, PART_SIZE + 1)
    had = customer_profile.had(session, shop_id, member_id, parts.rewards_before, PART_SIZE + 1, now)
    notes = member_notes.of_member(session, shop_id, member_id, parts.notes_before, PART_SIZE + 1)
    return visit.render(
        "customer.html",
        **about(visit, member),
        parts=parts,
        points=customer_profile.points(session, shop_id, member_id, now),
        most_lots=customer_profile.MOST_LOTS,
        level=customer_profile.level(session, visit.shop, member, now),
        entries=customer_profile.entries(session, shop_id, member_id, None, PART_SIZE),
        kinds=customer_profile.KINDS,
        who=WHO,
        orders=orders[:PART_SIZE],
        older_orders=orders[PART_SIZE - 1]["id"] if len(orders) > PART_SIZE else None,
        had=had[:PART_SIZE],
        older_rewards=had[PART_SIZE - 1].redemption.id if len(had) > PART_SIZE else None,
        redemptions=REDEMPTIONS,
        brought=customer_profile.referrals(session, shop_id, member_id),
        most_referrals=customer_profile.MOST_REFERRALS,
        referral_states=REFERRALS,
        segments=customer_profile.segments(session, shop_id, member_id),
        mails=customer_profile.mails(session, shop_id, member_id),
        mail_states=MAILS,
        notes=notes[:PART_SIZE],
        older_notes=notes[PART_SIZE - 1]["id"] if len(notes) > PART_SIZE else None,
        most_of_a_note=member_notes.MAX_CHARACTERS,
        me=visit.who.staff_id,
        may_delete_any=visit.may(Right.STAFF),
        waiting=approvals.waiting_for(session, shop_id, member_id, now),
        **changing(visit, member_id),
    )


@page("/customers/<row_id:member_id>/log", right=Right.VIEW_CUSTOMERS)
def customer_log(visit: Visit, member_id: int) -> str:
    """Every entry, with who did it and why (S3.21)."""
    member = customer_profile.find(visit.session, visit.shop_id, member_id)
    asked = visit.asked(AskedLog)
    group = asked.kind if asked.kind in customer_profile.GROUPS else None
    entries = customer_profile.entries(visit.session, visit.shop_id, member_id, asked.before, PAGE_SIZE + 1, group)
    return visit.render(
        "customer_log.html",
        **about(visit, member),
        kind=group,
        groups=GROUPS,
        before=asked.before,
        entries=entries[:PAGE_SIZE],
        older=entries[PAGE_SIZE - 1]["id"] if len(entries) > PAGE_SIZE else None,
        kinds=customer_profile.KINDS,
        who=WHO,
    )


def about(visit: Visit, member: Member) -> dict[str, Any]:
    """What every page of one customer shows of them."""
    return {
        "member": member,
        "name": customer_profile.name_of(member),
        "status": STATUSES.get(member.status, (member.status.capitalize(), "calm")),
        "level_of": lambda level_id: _level(visit, level_id),
        "an_instant": timedelta(microseconds=1),
    }


def changing(visit: Visit, member_id: int) -> dict[str, Any]:
    """What the forms that change something need: whether this person may, and a key that makes each count once."""
    may_assign = visit.may(Right.ASSIGN_POINTS)
    return {
        "may_assign": may_assign,
        "is_own": may_assign and approvals.is_own(visit.session, visit.shop_id, visit.who.staff_id, member_id),
        "left": approvals.left_today(visit.session, visit.shop, visit.who.staff_id, visit.now) if may_assign else None,
        "key": form_key(visit),
    }


def form_key(visit: Visit) -> str:
    """A new one, or that of the form that is shown again: nothing has come of it yet."""
    typed = visit.form.get("key", "")
    if visit.refusal is not None and visit.refusal.code != "form_reused" and 16 <= len(typed) <= 64:
        return typed
    return secrets.token_urlsafe(16)


def _level(visit: Visit, level_id: str | None) -> str | None:
    _, settings = programs.current(visit.shop_id)
    return customer_profile.level_name(settings, visit.shop, level_id)
