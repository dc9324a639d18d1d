"""Redemptions: which member had which reward, whether it was used, and how far its delivery is (S1)."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import Field
from sqlalchemy import select, text

from backend.errors import NotFound
from backend.ledger.posting import AnySession
from backend.loyalty.redemptions import endings, marks
from backend.loyalty.redemptions.cashback_status import cashback_status
from backend.loyalty.redemptions.marks import DeliveryStatus, UseState
from backend.loyalty.redemptions.redemption_grid import TYPES
from backend.loyalty.rewards.reward_definition import RewardSubType, RewardType
from backend.loyalty.rewards.rewards import public_id
from backend.loyalty.shops import shops
from backend.merchant_api.operations import Call, operation
from backend.merchant_api.paging import Page, PageQuery, cursor
from backend.merchant_api.shapes import LARGEST_ID, NO_CONTROLS, Given, GivenTime, Id, Shown, Time, example
from backend.models import Redemption as Row
from backend.staff import marking

Type = Literal[
    "Percentage discount code",
    "Cashback",
    "Discount code",
    "Free delivery",
    "Gift",
    "Invitation for the event",
    "Value code",
    "Custom campaign",
]
"""The eight that there are (S1.31): those of `redemption_grid.TYPES`."""
Status = Literal["requested", "issued", "returned", "expired", "failed"]
Sort = Literal["newest", "delivery_status", "-delivery_status"]

_STEPS = (None, "ordered", "shipped", "delivered", "canceled")
"""A delivery's way, beginning with what has none yet."""
_FIRST_STEP = 7
_STEP_BITS = 60
_BEFORE_ALL_OF_A_STEP = 2**_STEP_BITS - 1


class RedeemedBy(Shown):
    """The member; all null once erased, but for the id."""

    id: Id
    external_id: str | None
    email: str | None
    phone: str | None
    first_name: str | None
    last_name: str | None


class RedeemedReward(Shown):
    """The reward as it was named then."""

    id: Annotated[str, Field(pattern="^[0-9a-f]{24}$")]
    reward_id: str
    name: str


class Redemption(Shown):
    """A reward that a member has, or had."""

    model_config = example(
        id="12",
        member={
            "id": "17",
            "external_id": "4711",
            "email": "ada@mail.example",
            "phone": None,
            "first_name": "Ada",
            "last_name": "Diaz",
        },
        reward={"id": "000000000000000000000011", "reward_id": "$5_OFF", "name": "$5 OFF"},
        reward_text="$5 OFF (LGN-7F3K-Q2M8-0TWD)",
        type="Discount code",
        reward_type="coupon_based_reward",
        reward_sub_type="fixed_amount_discount",
        code="LGN-7F3K-Q2M8-0TWD",
        worth={"kind": "fixed_amount", "value": "5", "currency": "USD", "product_id": None, "minimum_subtotal": None},
        origin="points",
        status="issued",
        ending=None,
        use_state="used",
        unused_used=True,
        delivery_status="ordered",
        redeemed_at="2026-11-23T06:50:00Z",
        issued_at="2026-11-23T06:50:00Z",
        used_at="2026-11-25T10:00:00Z",
        ended_at=None,
        expires_at="2027-02-21T23:00:00Z",
        points=500,
        points_after=120,
        tax_value=None,
        cashback_status="-",
        discount=None,
        address={"country": "FR", "city": "Paris"},
        order="gid-1001",
        attributes={"source_of_redemption": "newsletter"},
        problem=None,
    )

    id: Id
    member: RedeemedBy
    reward: RedeemedReward
    reward_text: Annotated[str, Field(description="the reward's name with the code in round brackets")]
    type: Type
    reward_type: RewardType
    reward_sub_type: RewardSubType | None
    code: Annotated[str | None, Field(description="null if it needs none, and while it is being made")]
    worth: Annotated[dict[str, Any] | None, Field(description="what the code is worth at the store")]
    origin: Annotated[Literal["points", "earned"], Field(description="had for points, or for doing something")]
    status: Annotated[Status, Field(description="expired: from its `expires_at` on, if it was not used")]
    ending: Annotated[
        Literal["returned", "expired", "released", "order_undone"] | None,
        Field(description="its code is being disabled for this; its points follow then"),
    ]
    use_state: Annotated[UseState, Field(description="delivered: the member has it and has not used it yet")]
    unused_used: Annotated[bool, Field(description="the checkbox: marked once it was used")]
    delivery_status: Annotated[
        DeliveryStatus | None, Field(description="null until it is used; only a gift's goes on from `ordered`")
    ]
    redeemed_at: Time
    issued_at: Time | None
    used_at: Time | None
    ended_at: Time | None
    expires_at: Annotated[Time | None, Field(description="usable until then; null: for ever")]
    points: Annotated[int, Field(ge=0, description="what it cost")]
    points_after: Annotated[int, Field(description="the member's available points right after it")]
    tax_value: str | None
    cashback_status: Annotated[
        str, Field(description="`-` for all but cashback; a provider's is `code: message`, as it came")
    ]
    discount: Annotated[str | None, Field(description="of cashback: the money off the order")]
    address: Annotated[dict[str, Any] | None, Field(description="where it goes; of a gift, as it was then")]
    order: Annotated[str | None, Field(description="the platform's id of the order that used it")]
    attributes: Annotated[dict[str, Any], Field(description="what the member was asked for")]
    problem: Annotated[str | None, Field(description="why it failed, or could not be given back")]


class Redemptions(Page[Redemption]):
    """A page of redemptions."""


class RedemptionsQuery(PageQuery):
    redeemed_from: Annotated[GivenTime | None, Field(description="only those redeemed then or later")] = None
    redeemed_to: Annotated[GivenTime | None, Field(description="only those redeemed before")] = None
    used_from: Annotated[GivenTime | None, Field(description="only those used then or later")] = None
    used_to: Annotated[GivenTime | None, Field(description="only those used before")] = None
    use_state: Annotated[UseState | None, Field(description="only those that were not used yet, or were")] = None
    delivery_status: Annotated[DeliveryStatus | None, Field(description="only those of this delivery status")] = None
    status: Annotated[Status | None, Field(description="only those of this status")] = None
    type: Annotated[Type | None, Field(description="only those of this type")] = None
    member: Annotated[
        Annotated[str, Field(pattern="^[0-9]{1,19}$")] | None, Field(description="only this member's, by our id")
    ] = None
    reward: Annotated[
        Annotated[str, Field(pattern="^[0-9a-f]{24}$")] | None, Field(description="only of this reward, by its `id`")
    ] = None
    code: Annotated[
        Annotated[str, Field(max_length=255, pattern=NO_CONTROLS)] | None,
        Field(description="only the one with this code, whatever its case"),
    ] = None
    sort: Annotated[
        Sort,
        Field(
            description="`delivery_status`: what was not used yet, then ordered, shipped, delivered, canceled, newest"
            " first in each; `-` the other way round. What changes its delivery status meanwhile may be met twice or never"
        ),
    ] = "newest"


class Payout(Given):
    """What a provider that pays the cashback out has said of it, such as PayTM: shown as it came."""

    provider: Annotated[str, Field(min_length=1, max_length=60, pattern=NO_CONTROLS)]
    code: Annotated[str, Field(min_length=1, max_length=60, pattern=NO_CONTROLS)]
    message: Annotated[str, Field(max_length=500, pattern=NO_CONTROLS)] = ""


class MarkRedemption(Given):
    """What became of it. What is left out stays as it is."""

    use_state: Annotated[
        UseState | None, Field(description="used: from now on, with the delivery status `ordered`; delivered: not used")
    ] = None
    delivery_status: Annotated[
        DeliveryStatus | None,
        Field(description="of a used gift: on from ordered to shipped and delivered, or canceled at any time"),
    ] = None
    payout: Annotated[
        Payout | None,
        Field(description="of cashback, whatever its status: `cashback_status` is `code: message` from then on"),
    ] = None


_RUN_OUT = (
    "r.status = 'issued' and r.use_state = 'delivered' and r.expires_at <= :now"
    " and coalesce(r.ending, 'expired') = 'expired'"
)
"""Only `expires_at` decides, whether or not the sweep has run (`endings.has_run_out`)."""
_COLUMNS = f"""r.id, r.member_id, m.external_id, m.email, m.phone, m.first_name, m.last_name, r.reward_id, r.frozen,
    r.code, coalesce(c.worth, r.frozen->'worth') as worth, r.origin,
    case when {_RUN_OUT} then 'expired' else r.status end as status, r.ending, r.use_state, r.delivery_status,
    r.requested_at as redeemed_at, r.issued_at, r.used_at, r.ended_at, r.expires_at, r.points, r.points_after,
    cast(r.discount as text) as discount, coalesce(r.address, m.address) as address, o.external_id as "order",
    r.attributes, r.problem"""
_JOINS = """join member m on m.shop_id = r.shop_id and m.id = r.member_id
    left join coupon c on c.shop_id = r.shop_id and c.id = r.coupon_id
    left join orders o on o.shop_id = r.shop_id and o.id = r.order_id"""

_FILTERS = {
    "redeemed_from": "r.requested_at >= :redeemed_from",
    "redeemed_to": "r.requested_at < :redeemed_to",
    "used_from": "r.used_at >= :used_from",
    "used_to": "r.used_at < :used_to",
    "use_state": "r.use_state = :use_state",
    "delivery_status": "r.delivery_status = :delivery_status",
    "member": "r.member_id = :member",
    "reward": "r.reward_id = :reward",
    "code": "r.code is not null and upper(r.code) = upper(:code)",
}


@operation("GET", "/redemptions", scope="read", tag="Redemptions", summary="List redemptions")
def list_redemptions(call: Call, query: RedemptionsQuery) -> Redemptions:
    """Who had which reward, used or not, newest first. A store that is not told of codes looks them up here by `code`."""
    arms, position = _arms(query)
    conditions = " and ".join(["r.shop_id = :shop", *_conditions(query)])
    page = " union all ".join(
        f"(select {step} as step, r.id from redemption r where {conditions} and {arm}"  # noqa: S608 - our own words
        f" order by r.id desc limit :limit)"
        for step, arm in arms
    )
    rows = call.session.execute(
        text(
            f"select page.step, {_COLUMNS} from (select * from ({page}) a order by step desc, id desc limit :limit) page"  # noqa: S608
            f" join redemption r on r.shop_id = :shop and r.id = page.id {_JOINS}"
            " order by page.step desc, r.id desc"
        ),
        {
            **query.model_dump(include=set(_FILTERS)),
            "position": position,
            "shop": call.shop_id,
            "now": call.now,
            "limit": query.limit + 1,
            "member": query.member and min(int(query.member), LARGEST_ID),
            "reward": query.reward and min(int(query.reward, 16), LARGEST_ID),
        },
    ).all()
    return Redemptions(items=[_redemption(row) for row in rows[: query.limit]], next=_next(rows, query))


@operation("GET", "/redemptions/{id}", scope="read", tag="Redemptions", summary="One redemption")
def show_redemption(call: Call, id: int) -> Redemption:
    """A redemption with the member and the address that its reward is sent to, whatever its type."""
    row = call.session.execute(
        text(f"select {_COLUMNS} from redemption r {_JOINS} where r.shop_id = :shop and r.id = :id"),  # noqa: S608 - our own words
        {"shop": call.shop_id, "id": id, "now": call.now},
    ).one_or_none()
    if row is None:
        raise NotFound()
    return _redemption(row)


@operation(
    "PATCH",
    "/redemptions/{id}",
    scope="write",
    tag="Redemptions",
    summary="Mark a redemption used or unused, or tell of its delivery or payout",
    refusals={
        "not_active": "it is not `issued`: waiting, given back, expired or failed; or its days are over; cashback is marked"
        " by its order alone",
        "delivery_status_not_allowed": "it is not used, or not a gift, or its delivery is further already",
        "not_cashback": "nobody pays it out",
    },
)
def update_redemption(call: Call, id: int, body: MarkRedemption) -> Redemption:
    """Marks a reward as used, such as a gift that is sent off, or takes the mark away; tells how far a gift's delivery is.
    Only while the reward is active: neither is possible once it has expired. Of cashback it notes what a provider that
    pays it out has said."""
    shop = shops.facts(call.shop_id)
    if body.payout is not None:
        marks.note_payout(call.session, shop, id, body.payout.provider, body.payout.code, body.payout.message)
    if body.payout is None or body.use_state is not None or body.delivery_status is not None:
        marking.mark(call.session, shop, id, call.now, body.use_state, body.delivery_status)
    return show_redemption(call, id)


@operation(
    "POST",
    "/redemptions/{id}/return",
    scope="points:assign",
    tag="Redemptions",
    summary="Give an unused reward back",
    refusals={"not_returnable": "it was used, also by an order that stands, has expired, or is over already"},
)
def return_redemption(call: Call, id: int) -> Redemption:
    """Gives a reward back on behalf of its member: its code is disabled, then the points come back with their old dates.
    Until the store has disabled the code, `ending` is `returned`. Doing it again changes nothing."""
    endings.give_back(
        call.session,
        shops.facts(call.shop_id),
        _member_of(call.session, call.shop_id, id),
        id,
        call.now,
        staff=call.caller.name,
    )
    return show_redemption(call, id)


def _member_of(session: AnySession, shop_id: int, redemption_id: int) -> int:
    found = session.execute(
        select(Row.member_id).where(Row.shop_id == shop_id, Row.id == redemption_id)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound()
    return found


def _conditions(query: RedemptionsQuery) -> list[str]:
    """Statuses stand in the statement itself, so that the planner sees which index holds them."""
    conditions = [condition for name, condition in _FILTERS.items() if getattr(query, name) is not None]
    if query.type is not None:
        kind = next(kind for kind, label in TYPES.items() if label == query.type)
        column = "sub_type" if kind in get_args(RewardSubType) else "type"
        # A reward's type never changes. By its rewards: an index on the type itself cost each redemption a quarter more.
        of_type = f"select w.id from reward w where w.shop_id = :shop and w.{column} = '{kind}'"  # noqa: S608 - our own words
        conditions.append(f"r.reward_id = any (array({of_type}))")
    match query.status:
        case None:
            return conditions
        case "expired":
            return [*conditions, f"(r.status = 'expired' or {_RUN_OUT})"]
        case "issued":
            return [*conditions, f"r.status = 'issued' and ({_RUN_OUT}) is not true"]
    return [*conditions, f"r.status = '{query.status}'"]


def _arms(query: RedemptionsQuery) -> tuple[list[tuple[int, str]], int]:
    """The lists that follow one another, each newest first, and the id below which the first one goes on.

    Sorted by delivery status a position holds the step in its highest bits, falling from 7, and the id below: positions
    fall along the list as they do when it is sorted by id, so that every cursor is good for every list.
    """
    if query.sort == "newest":
        return [(0, "r.id < :position")], query.position
    first, below = query.position >> _STEP_BITS, query.position & _BEFORE_ALL_OF_A_STEP
    arms = []
    for place, status in enumerate(_STEPS if query.sort == "delivery_status" else reversed(_STEPS)):
        step = _FIRST_STEP - place
        if step <= first:
            arm = "r.delivery_status is null" if status is None else f"r.delivery_status = '{status}'"
            arms.append((step, f"{arm} and r.id < :position" if step == first else arm))
    return arms or [(0, "false")], below


def _next(rows: Sequence[Any], query: RedemptionsQuery) -> str | None:
    """The one row too many says that there are more."""
    if len(rows) <= query.limit:
        return None
    last = rows[query.limit - 1]
    return cursor((last.step << _STEP_BITS) + last.id)


def _redemption(row: Any) -> Redemption:
    frozen = row.frozen
    shown = {name: getattr(row, name) for name in Redemption.model_fields if hasattr(row, name)}
    return Redemption.model_validate(
        {
            **shown,
            "member": {
                "id": row.member_id,
                **{name: getattr(row, name) for name in RedeemedBy.model_fields if name != "id"},
            },
            "reward": {"id": public_id(row.reward_id), "reward_id": frozen["reward_id"], "name": frozen["name"]},
            "reward_text": frozen["name"] if row.code is None else f"{frozen['name']} ({row.code})",
            "type": TYPES[frozen["sub_type"] or frozen["type"]],
            "reward_type": frozen["type"],
            "reward_sub_type": frozen["sub_type"],
            "unused_used": row.use_state == "used",
            "tax_value": frozen["tax_value"],
            "cashback_status": cashback_status(row),
        }
    )
