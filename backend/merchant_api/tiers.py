"""A member's level: where they stand, and a level that is given by hand."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy import text

from backend.loyalty.shops import shops
from backend.loyalty.tiers import tiers
from backend.loyalty.tiers.tier_changes import ByHand
from backend.merchant_api.members import MemberRef, find
from backend.merchant_api.operations import Call, operation
from backend.merchant_api.paging import Page, PageQuery, cut
from backend.merchant_api.shapes import A_LINE, Given, GivenTime, Id, Shown, Time, example

_LevelId = Annotated[str, Field(pattern="^[a-z0-9_-]{1,64}$", examples=["gold"])]


class Manual(Shown):
    """A level that a merchant gave."""

    level: str
    until: Annotated[Time | None, Field(description="null: for ever")]


class MemberTier(Shown):
    """Where a member stands. Their level is the higher of what was reached and what was given by hand."""

    model_config = example(
        level="gold",
        reached="silver",
        leaves_at=None,
        manual={"level": "gold", "until": "2027-01-01T00:00:00Z"},
        basis="points_earned",
        value="620",
    )

    level: Annotated[str | None, Field(description="null: at no level")]
    reached: Annotated[str | None, Field(description="the level by what counts")]
    leaves_at: Annotated[
        Time | None, Field(description="when `reached` is left, because too little counts for it; null: it is not")
    ]
    manual: Manual | None
    basis: Annotated[
        Literal["points_earned", "spend", "orders"] | None, Field(description="what counts; null: nothing does yet")
    ]
    value: Annotated[str, Field(description="how much counts now")]


class GivenTier(Given):
    """A level by hand."""

    model_config = example(level="gold", until="2027-01-01T00:00:00Z", reason="A loyal customer of our old program")

    level: _LevelId
    until: Annotated[GivenTime | None, Field(description="when it ends; left out: never")] = None
    reason: Annotated[str, Field(min_length=1, max_length=500, pattern=A_LINE, description="kept with the change")]


class TierChange(Shown):
    """One change of a member's level, or one decision about it."""

    model_config = example(
        id="12",
        from_level="silver",
        to_level="gold",
        at="2026-11-23T06:50:00Z",
        cause="manual",
        manual={"level": "gold", "until": "2027-01-01T00:00:00Z"},
        actor="API key “planner”",
        reason="A loyal customer of our old program",
    )

    id: Id
    from_level: str | None
    to_level: str | None
    at: Time
    cause: Annotated[
        Literal["reached", "fell", "program", "manual", "manual_ended"],
        Field(description="program: the levels changed; manual: a merchant decided; manual_ended: its time was over"),
    ]
    manual: Annotated[Manual | None, Field(description="what was decided; null: that no level is given any more")]
    actor: Annotated[str | None, Field(description="who decided")]
    reason: str | None


class TierChanges(Page[TierChange]):
    """A page of changes."""


_REFUSALS = {
    "erased": "the member has been erased",
    "member_merged": "the account was merged into another one",
}


@operation("GET", "/members/{ref}/tier", scope="read", tag="Members", summary="Where a member stands")
def show_member_tier(call: Call, ref: MemberRef) -> MemberTier:
    """The member's level, and what it rests on."""
    return _shown(call, find(call.session, call.shop_id, ref))


@operation("GET", "/members/{ref}/tier/changes", scope="read", tag="Members", summary="How a member's level changed")
def list_tier_changes(call: Call, ref: MemberRef, query: PageQuery) -> TierChanges:
    """Every change of the member's level and every decision about it, newest first."""
    rows = call.session.execute(
        text(
            "select * from tier_change where shop_id = :shop and member_id = :member and id < :position"
            " order by id desc limit :limit"
        ),
        {
            "shop": call.shop_id,
            "member": find(call.session, call.shop_id, ref),
            "position": query.position,
            "limit": query.limit + 1,
        },
    ).all()
    page, following = cut(rows, query.limit)
    return TierChanges(items=[_change(row) for row in page], next=following)


@operation(
    "PUT",
    "/members/{ref}/tier",
    scope="write",
    tag="Members",
    summary="Give a member a level",
    refusals={
        **_REFUSALS,
        "no_such_level": "the program has no level of this id",
        "is_past": "`until` is not yet to come",
    },
)
def give_member_tier(call: Call, ref: MemberRef, body: GivenTier) -> MemberTier:
    """Gives a level by hand. It holds until `until` even if less counts; a higher level that is reached goes above it.
    Who gave it and why is kept."""
    return _by_hand(call, ref, body.level, body.until, body.reason)


@operation(
    "DELETE",
    "/members/{ref}/tier",
    scope="write",
    tag="Members",
    summary="Take back a level that was given",
    refusals=_REFUSALS,
)
def take_back_member_tier(call: Call, ref: MemberRef) -> MemberTier:
    """Ends a level that was given by hand; the member is at the level that they have reached."""
    return _by_hand(call, ref, None, None, "Taken back")


def _by_hand(call: Call, ref: MemberRef, level: str | None, until: datetime | None, reason: str) -> MemberTier:
    member_id = find(call.session, call.shop_id, ref)
    given = ByHand(level, until, call.caller.name, reason)
    tiers.give_by_hand(call.session, shops.facts(call.shop_id), member_id, given, call.now)
    return _shown(call, member_id)


def _shown(call: Call, member_id: int) -> MemberTier:
    row = call.session.execute(
        text(
            "select m.tier, s.reached, s.leaves_at, s.manual_level, s.manual_until, s.basis, s.value from member m"
            " left join tier_standing s on s.shop_id = m.shop_id and s.member_id = m.id"
            " where m.shop_id = :shop and m.id = :member"
        ),
        {"shop": call.shop_id, "member": member_id},
    ).one()
    return MemberTier(
        level=row.tier,
        reached=row.reached,
        leaves_at=row.leaves_at,
        manual=_manual(row),
        basis=row.basis,
        value=f"{row.value.normalize():f}" if row.value is not None else "0",
    )


def _change(row: Any) -> TierChange:
    return TierChange(
        id=row.id,
        from_level=row.from_level,
        to_level=row.to_level,
        at=row.at,
        cause=row.cause,
        manual=_manual(row),
        actor=row.actor_name,
        reason=row.reason,
    )


def _manual(row: Any) -> Manual | None:
    return Manual(level=row.manual_level, until=row.manual_until) if row.manual_level is not None else None
