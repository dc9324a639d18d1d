"""Segments: members who meet the same conditions."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, WithJsonSchema

from backend.loyalty.segments import segments
from backend.merchant_api import eligibility_schema
from backend.merchant_api.operations import Call, operation
from backend.merchant_api.paging import Page, PageQuery, cut
from backend.merchant_api.shapes import A_LINE, Given, Shown, Time, example
from backend.models import Segment as Row


def _rules_schema() -> dict[str, Any]:
    """Eligibility rules that do not ask for segments: two that ask for each other could never be judged."""
    rules = deepcopy(eligibility_schema.RULES)
    for condition in rules["items"]["properties"]["conditions"]["items"]["anyOf"]:
        attributes = condition.get("properties", {}).get("attribute", {}).get("enum", [])
        attributes[:] = [name for name in attributes if name != "Segments"]
    return rules


_Rules = Annotated[list[Any], WithJsonSchema(_rules_schema())]
_Name = Annotated[str, Field(min_length=1, max_length=200, pattern=A_LINE)]
_EXAMPLE_RULES = [
    {
        "show_on_member_dashboard": True,
        "include_in_api_response": True,
        "conditions": [{"operator": "At least", "attribute": "Total Spend", "value": "500"}],
    }
]


class Segment(Shown):
    """A segment, and how many members are in it."""

    model_config = example(
        id="big-spenders",
        name="Big spenders",
        rules=_EXAMPLE_RULES,
        members_count=128,
        counted_at="2026-11-23T06:50:00Z",
        created_at="2026-11-23T06:49:58Z",
        modified_at="2026-11-23T06:49:58Z",
    )

    id: Annotated[str, Field(description="what rewards target, and what members' `segments` hold")]
    name: str
    rules: Annotated[list[dict[str, Any]], Field(description="alternatives, as a reward's `member_eligibility_rules`")]
    members_count: Annotated[int, Field(ge=0)]
    counted_at: Annotated[
        Time | None, Field(description="when the count was last true of every member; null: they are being judged")
    ]
    created_at: Time
    modified_at: Time


class Segments(Page[Segment]):
    """A page of segments."""


class NewSegment(Given):
    """A segment to be made."""

    model_config = example(id="big-spenders", name="Big spenders", rules=_EXAMPLE_RULES)

    id: Annotated[str, Field(pattern="^[a-z0-9_-]{1,64}$", examples=["big-spenders"])]
    name: _Name
    rules: _Rules


class SegmentChanges(Given):
    """What is to change; what is left out stays."""

    model_config = example(name="Very big spenders")

    name: _Name | None = None
    rules: _Rules | None = None


@dataclass(frozen=True, slots=True)
class _Listed:
    """A row by what pages are cut by."""

    id: int
    row: Row


@operation("GET", "/segments", scope="read", tag="Segments", summary="List segments")
def list_segments(call: Call, query: PageQuery) -> Segments:
    """The shop's segments, newest first."""
    rows = [_Listed(row.number, row) for row in reversed(segments.all_of(call.session, call.shop_id))]
    page, following = cut([each for each in rows if each.id < query.position][: query.limit + 1], query.limit)
    return Segments(items=[_shown(each.row) for each in page], next=following)


@operation("GET", "/segments/{segment}", scope="read", tag="Segments", summary="One segment")
def show_segment(call: Call, segment: str) -> Segment:
    """A segment by its id."""
    return _shown(segments.find(call.session, call.shop_id, segment))


@operation(
    "POST",
    "/segments",
    scope="write",
    tag="Segments",
    summary="Make a segment",
    status=201,
    refusals={
        "contradiction": "conditions that do not go together, or that ask for segments; `errors` names the fields",
        "id_taken": "the shop has a segment of this id",
        "too_many": f"the shop has {segments.MAX_SEGMENTS} segments already",
    },
)
def create_segment(call: Call, body: NewSegment) -> Segment:
    """Makes a segment. Its members are found within seconds; `counted_at` says when that is done. It follows what
    changes about members within seconds as well. Rules that ask for segments are refused."""
    return _shown(segments.create(call.session, call.shop_id, body.id, body.name, body.rules, call.now))


@operation(
    "PATCH",
    "/segments/{segment}",
    scope="write",
    tag="Segments",
    summary="Change a segment",
    refusals={
        "contradiction": "conditions that do not go together, or that ask for segments; `errors` names the fields",
    },
)
def update_segment(call: Call, segment: str, body: SegmentChanges) -> Segment:
    """Changes the fields that are sent. Other rules have every member judged again."""
    return _shown(segments.update(call.session, call.shop_id, segment, call.now, body.name, body.rules))


@operation(
    "DELETE",
    "/segments/{segment}",
    scope="write",
    tag="Segments",
    summary="Drop a segment",
    refusals={"in_use": "rewards or ways to earn ask for it; `errors` names them"},
)
def delete_segment(call: Call, segment: str) -> Segment:
    """Drops a segment that nothing asks for, and answers it as it was."""
    gone = _shown(segments.find(call.session, call.shop_id, segment))
    segments.delete(call.session, call.shop_id, segment, call.now)
    return gone


def _shown(row: Row) -> Segment:
    return Segment(
        id=row.id,
        name=row.name,
        rules=row.rules,
        members_count=row.members_count,
        counted_at=row.counted_at,
        created_at=row.created_at,
        modified_at=row.modified_at,
    )
