"""Members: the list, one of them, and the three ways to name one in a path."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer
from sqlalchemy import text

from backend.errors import Conflict, NotFound
from backend.ledger.posting import AnySession
from backend.loyalty.members.members import owner_of_address
from backend.merchant_api.operations import Call, operation
from backend.merchant_api.paging import Page, PageQuery, cut
from backend.merchant_api.shapes import LARGEST_ID, NO_CONTROLS, Id, Shown, Time, example

Status = Literal["active", "blocked", "merged", "erased"]
_Slug = Annotated[str, Field(pattern="^[a-z0-9_-]{1,64}$")]
_Text = Annotated[str, Field(max_length=320, pattern=NO_CONTROLS)]

_COLUMNS = """m.id, external_id, email, email_verified, phone, first_name, last_name, locale, birthday, tags, segments, tier,
    status, enrolled_at"""


_OF_SEGMENT = """segment g
    join segment_member s on s.shop_id = g.shop_id and s.segment_number = g.number and g.id = :segment
    join member m on m.shop_id = s.shop_id and m.id = s.member_id"""


@dataclass(frozen=True, slots=True)
class MemberRef:
    """How a path names a member."""

    kind: Literal["id", "external", "email"]
    value: str

    @classmethod
    def parse(cls, text_of_path: str) -> "MemberRef":
        kind, colon, value = text_of_path.partition(":")
        if not colon:
            return cls("id", text_of_path)
        return cls("external" if kind == "external" else "email", value)


class Member(Shown):
    """A customer of the shop who takes part."""

    model_config = example(
        id="17",
        external_id="4711",
        email="ada@mail.example",
        email_verified=True,
        phone=None,
        first_name="Ada",
        last_name="Diaz",
        locale="en",
        birthday="1990-05-17",
        tags=["newsletter"],
        segments=["big-spenders"],
        tier=None,
        status="active",
        enrolled_at="2026-11-23T06:50:00Z",
    )

    id: Id
    external_id: Annotated[str | None, Field(description="the platform's id; null once erased")]
    email: str | None
    email_verified: Annotated[bool, Field(description="whether the platform has verified the address")]
    phone: str | None
    first_name: str | None
    last_name: str | None
    locale: str | None
    birthday: Annotated[date | None, PlainSerializer(lambda day: day and day.isoformat(), return_type=str | None)]
    tags: list[str]
    segments: Annotated[list[str], Field(description="the `id` of each segment that the member is in")]
    tier: Annotated[str | None, Field(description="the `id` of the level that the member is at")]
    status: Status
    enrolled_at: Time


class Members(Page[Member]):
    """A page of members."""


class MembersQuery(PageQuery):
    email: Annotated[_Text | None, Field(description="only members with this address, whatever its case")] = None
    external_id: Annotated[_Text | None, Field(description="only the member with this id on the platform")] = None
    status: Annotated[Status | None, Field(description="only members of this status")] = None
    segment: Annotated[_Slug | None, Field(description="only members in the segment of this id")] = None
    tier: Annotated[_Slug | None, Field(description="only members at the level of this id")] = None


@operation("GET", "/members", scope="read", tag="Members", summary="List members")
def list_members(call: Call, query: MembersQuery) -> Members:
    """The shop's members, newest first."""
    conditions, source, position = ["m.shop_id = :shop"], "member m", "m.id"
    if query.email is not None:
        conditions.append("email is not null and lower(email) = lower(:email)")
    if query.external_id is not None:
        conditions.append("external_id = :external_id")
    if query.status is not None:
        conditions.append("status = :status")
    if query.tier is not None:
        conditions.append("tier = :tier")
    if query.segment is not None:
        source, position = _OF_SEGMENT, "s.member_id"  # in its own order, so that a page costs as much as it shows
    rows = call.session.execute(
        text(
            f"select {_COLUMNS} from {source} where {' and '.join(conditions)}"  # noqa: S608 - our own words
            f" and {position} < :position order by {position} desc limit :limit"
        ),
        {
            "shop": call.shop_id,
            "position": query.position,
            "limit": query.limit + 1,
            "email": query.email,
            "external_id": query.external_id,
            "status": query.status,
            "tier": query.tier,
            "segment": query.segment,
        },
    ).all()
    shown, following = cut(rows, query.limit)
    return Members(items=[_member(row) for row in shown], next=following)


@operation("GET", "/members/{ref}", scope="read", tag="Members", summary="One member")
def show_member(call: Call, ref: MemberRef) -> Member:
    """A member, named by id, by the platform's id or by e-mail address."""
    row = call.session.execute(
        text(f"select {_COLUMNS} from member m where shop_id = :shop and id = :id"),  # noqa: S608 - our own words
        {"shop": call.shop_id, "id": find(call.session, call.shop_id, ref)},
    ).one()
    return _member(row)


def find(session: AnySession, shop_id: int, ref: MemberRef) -> int:
    """The id of the member that the path names. Raises NotFound, the same for none and for another shop's.

    An address is the member's for whom the platform has verified it: anybody could have signed up with it. If nobody
    has proved it, it counts only while one member alone has it; otherwise Conflict `ambiguous_address`.
    """
    if ref.kind == "email":
        return _by_address(session, shop_id, ref.value)
    if ref.kind == "id" and int(ref.value) > LARGEST_ID:
        raise NotFound()
    column, value = ("id", int(ref.value)) if ref.kind == "id" else ("external_id", ref.value)
    found = session.execute(
        text(  # the store's id of a merged account is that of the member who was kept
            f"select {'id' if column == 'id' else 'coalesce(merged_into, id)'} from member"  # noqa: S608 - our own words
            f" where shop_id = :shop and {column} = :value"
        ),
        {"shop": shop_id, "value": value},
    ).scalar()
    if found is None:
        raise NotFound()
    return int(found)


def _by_address(session: AnySession, shop_id: int, address: str) -> int:
    owner = owner_of_address(session, shop_id, address)
    if owner is not None:
        return owner
    ids = session.execute(
        text(
            "select id from member where shop_id = :shop and email is not null and lower(email) = lower(:address) limit 2"
        ),
        {"shop": shop_id, "address": address},
    ).scalars()
    match list(ids):
        case []:
            raise NotFound()
        case [only]:
            return int(only)
    raise Conflict(
        "Several members have this address and none has proved it: name the member by id.", code="ambiguous_address"
    )


def _member(row: Any) -> Member:
    return Member.model_validate(dict(row._mapping))
