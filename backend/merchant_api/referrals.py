"""Referrals: who brought whom, whether it counted and why, and the merchant's decision where one is asked for."""

from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy import text

from backend.errors import NotFound
from backend.ledger.posting import Author
from backend.loyalty.referrals import referral_reviews
from backend.loyalty.shops import shops
from backend.merchant_api.operations import Call, operation
from backend.merchant_api.paging import Page, PageQuery, cut
from backend.merchant_api.shapes import A_LINE, LARGEST_ID, Given, Id, Shown, Time, example

State = Literal["registered", "qualified", "rewarded", "rejected"]
Reason = Literal["self", "cycle", "existing", "erased", "off", "cap", "refunded", "review"]
Review = Literal["none", "waiting", "approved", "refused"]


class ReferralSide(Shown):
    """The advocate, or the friend; all null once erased, but for the id. Points: promised or paid, and not taken back."""

    id: Id
    external_id: str | None
    email: str | None
    first_name: str | None
    last_name: str | None
    points: Annotated[int, Field(ge=0)]


class Referral(Shown):
    """One friend whom one advocate brought. A friend is brought once for life."""

    model_config = example(
        id="5",
        advocate={
            "id": "17",
            "external_id": "4711",
            "email": "ada@mail.example",
            "first_name": "Ada",
            "last_name": "Diaz",
            "points": 100,
        },
        friend={
            "id": "18",
            "external_id": "4712",
            "email": "bea@mail.example",
            "first_name": "Bea",
            "last_name": "Diaz",
            "points": 50,
        },
        state="qualified",
        reason=None,
        review="approved",
        evidence={"review": ["address"]},
        order="gid-1001",
        came_at="2026-11-23T06:50:00Z",
        qualified_at="2026-11-25T10:00:00Z",
        due_at="2026-11-27T23:00:00Z",
        rewarded_at=None,
        reviewed_by="API key “back office”",
        reviewed_at="2026-11-25T11:00:00Z",
        review_reason="they are sisters",
    )

    id: Id
    advocate: ReferralSide
    friend: ReferralSide
    state: Annotated[
        State,
        Field(
            description="registered: waits for an order; qualified: waits for the end of the hold, or for a review;"
            " rewarded: both have what they get"
        ),
    ]
    reason: Annotated[Reason | None, Field(description="why it is rejected; null otherwise")]
    review: Annotated[Review, Field(description="waiting: nothing is given until somebody decides")]
    evidence: Annotated[dict[str, Any], Field(description="which signals matched, never what they hold")]
    order: Annotated[str | None, Field(description="the platform's id of the order that decided")]
    came_at: Annotated[Time, Field(description="when the friend came by the link")]
    qualified_at: Time | None
    due_at: Annotated[Time | None, Field(description="when the hold is over")]
    rewarded_at: Time | None
    reviewed_by: str | None
    reviewed_at: Time | None
    review_reason: str | None


class Referrals(Page[Referral]):
    """A page of referrals."""


class ReferralsQuery(PageQuery):
    state: Annotated[State | None, Field(description="only those of this state")] = None
    review: Annotated[Review | None, Field(description="only those whose review stands so")] = None
    advocate: Annotated[
        Annotated[str, Field(pattern="^[0-9]{1,19}$")] | None, Field(description="only this member's, by our id")
    ] = None


class ReviewReferral(Given):
    """The decision, and why."""

    review: Literal["approved", "refused"]
    reason: Annotated[
        Annotated[str, Field(min_length=1, max_length=500, pattern=A_LINE)] | None,
        Field(description="kept with the decision; the members do not see it", examples=["they are sisters"]),
    ] = None
    actor_name: Annotated[
        Annotated[str, Field(min_length=1, max_length=120, pattern=A_LINE)] | None,
        Field(description="the person who decided; without it the name of the API key is noted"),
    ] = None


def _side(table: str, who: str) -> str:
    return f"""json_build_object('id', {table}.id::text, 'external_id', {table}.external_id, 'email', {table}.email,
        'first_name', {table}.first_name, 'last_name', {table}.last_name, 'points', coalesce((
            select sum(p.points) from referral_payout p where p.shop_id = r.shop_id and p.referral_id = r.id
                and p.member_id = r.{who} and p.state <> 'taken_back'), 0)) as {table}"""  # noqa: S608 - our own words


_REFERRALS = f"""
    select r.id, {_side("advocate", "advocate_id")}, {_side("friend", "friend_id")}, r.state, r.reason, r.review,
        r.evidence, o.external_id as "order", r.at as came_at, r.qualified_at, r.due_at, r.rewarded_at, r.reviewed_by,
        r.reviewed_at, r.review_reason
    from referral r
    join member advocate on advocate.shop_id = r.shop_id and advocate.id = r.advocate_id
    join member friend on friend.shop_id = r.shop_id and friend.id = r.friend_id
    left join orders o on o.shop_id = r.shop_id and o.id = r.order_id
    where r.shop_id = :shop"""  # noqa: S608

_FILTERS = {"state": "r.state = :state", "review": "r.review = :review", "advocate": "r.advocate_id = :advocate"}


@operation("GET", "/referrals", scope="read", tag="Referrals", summary="List referrals")
def list_referrals(call: Call, query: ReferralsQuery) -> Referrals:
    """Who brought whom, newest first. `review=waiting` are those that somebody should decide."""
    given = [condition for name, condition in _FILTERS.items() if getattr(query, name) is not None]
    rows = call.session.execute(
        text(" and ".join([_REFERRALS, *given, "r.id < :position order by r.id desc limit :limit"])),
        {
            "shop": call.shop_id,
            "state": query.state,
            "review": query.review,
            "advocate": query.advocate and min(int(query.advocate), LARGEST_ID),
            "position": query.position,
            "limit": query.limit + 1,
        },
    ).all()
    page, following = cut(rows, query.limit)
    return Referrals(items=[Referral.model_validate(row._mapping) for row in page], next=following)


@operation("GET", "/referrals/{id}", scope="read", tag="Referrals", summary="One referral")
def show_referral(call: Call, id: int) -> Referral:
    """A referral with both sides, what decided it and what is known against it."""
    row = call.session.execute(text(f"{_REFERRALS} and r.id = :id"), {"shop": call.shop_id, "id": id}).one_or_none()
    if row is None:
        raise NotFound()
    return Referral.model_validate(row._mapping)


@operation(
    "PATCH",
    "/referrals/{id}",
    scope="points:assign",
    tag="Referrals",
    summary="Approve or refuse a referral",
    refusals={"not_reviewable": "the rules have decided it, or there is nothing held that could be approved"},
)
def review_referral(call: Call, id: int, body: ReviewReferral) -> Referral:
    """Decides a referral that is held for a review; any other that counts can be refused. What is approved is given when the
    hold is over, what is refused is taken back. The other decision replaces this one; the same again changes nothing."""
    referral_reviews.decide(
        call.session,
        shops.facts(call.shop_id),
        id,
        body.review,
        body.reason,
        Author("staff", body.actor_name or call.caller.name),
        call.now,
    )
    call.session.flush()
    return show_referral(call, id)
