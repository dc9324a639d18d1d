"""The grid of redeemed rewards (S1.8 to S1.42): who had what, whether it was used, and how far its delivery is."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from flask import Response, redirect, url_for
from pydantic import BaseModel, Field

from backend.admin.door import Answer, Visit, form, page
from backend.admin.redeemed_file import redeemed_file
from backend.errors import BadInput, Conflict, NotFound
from backend.loyalty.calendar_rules import instant_of, timezone
from backend.loyalty.members import postal
from backend.loyalty.redemptions import endings, issuing, redemption_grid
from backend.loyalty.redemptions.marks import DeliveryStatus, UseState
from backend.loyalty.redemptions.redemption_grid import TYPES, Sort, Wanted
from backend.loyalty.rewards import rewards
from backend.models import Member, Redemption
from backend.staff import marking
from backend.staff.rights import Right

PAGE_SIZE = 50
A_MINUTE = timedelta(minutes=1)
BULK: Mapping[str, tuple[UseState | None, DeliveryStatus | None, str]] = {
    "used": ("used", None, "Mark used"),
    "unused": ("delivered", None, "Unmark"),
    "shipped": (None, "shipped", "Set to Shipped"),
    "delivered": (None, "delivered", "Set to Delivered"),
    "canceled": (None, "canceled", "Set to Canceled"),
}


class Asked(BaseModel):
    """What the address of the grid asks for. Times are those of the shop's wall."""

    redeemed_from: datetime | None = None
    redeemed_to: datetime | None = None
    used_from: datetime | None = None
    used_to: datetime | None = None
    use: UseState | None = None
    delivery: DeliveryStatus | None = None
    type: str | None = None
    reward: str | None = Field(default=None, pattern="^[0-9a-f]{24}$")
    member: int | None = Field(default=None, ge=1, lt=2**63)
    search: str | None = Field(default=None, max_length=320, pattern="^[^\\x00]*$")
    sort: Sort = "redeemed"
    ascending: bool = False
    after: str | None = Field(default=None, max_length=400)
    before: str | None = Field(default=None, max_length=400)
    last: bool = False


class Marked(BaseModel):
    use: UseState | None = None
    delivery: DeliveryStatus | None = None


class Chosen(BaseModel):
    chosen: list[Annotated[int, Field(ge=1, lt=2**63)]] = Field(default=[], max_length=PAGE_SIZE)
    do: Literal["used", "unused", "shipped", "delivered", "canceled"]


@page("/redeemed-rewards", right=Right.REDEMPTIONS)
def redeemed_rewards(visit: Visit) -> str:
    """Newest first, delivered and used, unless something else is asked for (S1.20)."""
    asked = visit.asked(Asked)
    wanted = _wanted(visit, asked)
    found = redemption_grid.page(visit.session, visit.shop_id, wanted, visit.now, PAGE_SIZE)
    said = _said(asked)
    member = visit.session.get(Member, (visit.shop_id, asked.member)) if asked.member else None
    return visit.render(
        "redeemed_rewards.html",
        found=found,
        asked=asked,
        is_filtered=wanted.is_filtered,
        types=list(TYPES.items()),
        member=member,
        reward=_reward(visit, wanted.reward_id),
        bulk=[(name, label) for name, (_, _, label) in BULK.items()],
        file=f"{url_for('admin.download_redeemed_rewards')}?{urlencode(said)}",
        sorted_by=lambda name: _address(said | {"sort": name, "ascending": _turned(asked, name)}),
        first=_address(said) if found.earlier else None,
        earlier=_address(said, before=redemption_grid.written(found.earlier)) if found.earlier else None,
        later=_address(said, after=redemption_grid.written(found.later)) if found.later else None,
        last=_address(said, last="1") if found.later else None,
    )


@page("/redeemed-rewards.csv", right=Right.EXPORT)
def download_redeemed_rewards(visit: Visit) -> Response:
    """Everything that the grid shows with these filters, in its order."""
    return redeemed_file(visit.shop, _wanted(visit, visit.asked(Asked)), visit.now)


@page("/redeemed-rewards/<row_id:redemption_id>", right=Right.REDEMPTIONS)
def redeemed_reward(visit: Visit, redemption_id: int) -> str:
    """The address that it is sent to (S1.16, S1.41), of a gift as it was then, and how far it is."""
    found = redemption_grid.one(visit.session, visit.shop_id, redemption_id, visit.now)
    if found is None:
        raise NotFound()
    redemption = visit.session.get_one(Redemption, (visit.shop_id, redemption_id))
    member = visit.session.get_one(Member, (visit.shop_id, found.member_id))
    return visit.render(
        "redeemed_reward.html",
        each=found,
        member=member,
        address=postal.lines(redemption.address or member.address),
        is_as_it_was=redemption.address is not None,
        attributes=redemption.attributes,
        problem=redemption.problem,
    )


def marked_again(visit: Visit, redemption_id: int) -> Answer:
    """Where the button was, with the reason why nothing happened."""
    return redeemed_reward(visit, redemption_id) if visit.form.get("from") else redeemed_rewards(visit)


@form("/redeemed-rewards/<row_id:redemption_id>", right=Right.REDEMPTIONS, again=marked_again)
def mark_redeemed_reward(visit: Visit, redemption_id: int) -> Answer:
    """Mark it used, take the mark away, or say how far a gift's delivery is."""
    asked = visit.checked(Marked)
    marked = marking.mark(visit.session, visit.shop, redemption_id, visit.now, asked.use, asked.delivery)
    if asked.use is None and asked.delivery is None:
        raise BadInput("Say what became of it.", [{"field": "use", "message": "is missing"}])
    name = marked.frozen["name"]
    if asked.delivery is not None:
        said = f"The delivery of “{name}” is {asked.delivery} now."
        if asked.delivery == "canceled" and marked.points:
            is_over = endings.are_days_over(marked, visit.now)  # then it keeps its mark
            way = "assign them on" if is_over else "take the mark away, then give it back on"
            said += f" The points stay spent: if they should return, {way} the customer’s profile."
    elif asked.use == "used":
        said = f"“{name}” is marked as used." + (" Your team is told to send it." if _is_gift(marked) else "")
    else:
        said = f"“{name}” is not marked as used any more."
    match visit.form.get("from"):
        case "reward":
            return visit.done(said, "redeemed_reward", redemption_id=redemption_id)
        case "customer" if visit.may(Right.VIEW_CUSTOMERS):
            return visit.done(said, "customer", member_id=marked.member_id)
    return _back(visit, said)


@form("/redeemed-rewards/marks", right=Right.REDEMPTIONS, again=redeemed_rewards)
def mark_redeemed_rewards(visit: Visit) -> Answer:
    """The same for several; those that cannot be marked stay as they are, and it is said how many."""
    asked = visit.checked(Chosen)
    if not asked.chosen:
        raise BadInput("Choose at least one line.", [{"field": "chosen", "message": "Choose at least one line."}])
    use_state, delivery_status, _ = BULK[asked.do]
    issuing.lock_all(visit.session, visit.shop_id, asked.chosen)  # all at once: in the one order of accounts
    done, refusals = 0, []
    for redemption_id in sorted(set(asked.chosen)):
        try:
            with visit.session.begin_nested():
                marking.mark(visit.session, visit.shop, redemption_id, visit.now, use_state, delivery_status)
            done += 1
        except (Conflict, NotFound) as refusal:
            refusals.append(refusal.detail or "There is no such reward.")
    if not done:
        raise Conflict(refusals[0])
    said = f"{done} {'reward was' if done == 1 else 'rewards were'} marked."
    if refusals:
        said += f" {len(refusals)} stayed as {'it was' if len(refusals) == 1 else 'they were'}: {refusals[0]}"
    return _back(visit, said)


def _wanted(visit: Visit, asked: Asked) -> Wanted:
    zone = timezone(visit.shop.timezone)

    def instant(at: datetime | None, later: timedelta = timedelta(0)) -> datetime | None:
        if at is None:
            return None
        return (at if at.tzinfo else instant_of(at, zone)) + later

    wanted = Wanted(
        redeemed_from=instant(asked.redeemed_from),
        redeemed_to=instant(asked.redeemed_to, A_MINUTE),  # the minute that is named belongs to it
        used_from=instant(asked.used_from),
        used_to=instant(asked.used_to, A_MINUTE),
        use_state=asked.use,
        delivery_status=asked.delivery,
        kind=asked.type if asked.type in TYPES else None,
        reward_id=rewards.parse_public_id(asked.reward) if asked.reward else None,
        member_id=asked.member,
        search=asked.search,
        sort=asked.sort,
        descending=not asked.ascending,
        is_last=asked.last,
    )
    after = redemption_grid.read_place(asked.after, wanted)
    before = redemption_grid.read_place(asked.before, wanted) if after is None else None
    return replace(wanted, after=after, before=before)


def _said(asked: Asked) -> dict[str, str]:
    """The filters and the order as an address says them."""
    said = asked.model_dump(exclude={"after", "before", "last"}, exclude_defaults=True)
    return {
        name: value.isoformat(timespec="minutes")
        if isinstance(value, datetime)
        else "1"
        if value is True
        else str(value)
        for name, value in said.items()
        if value is not None
    }


def _turned(asked: Asked, name: Sort) -> str:
    """A second click on a heading turns the order round."""
    return "1" if asked.sort == name and not asked.ascending else ""


def _address(said: dict[str, str], **more: str) -> str:
    wanted = {name: value for name, value in (said | more).items() if value and (name, value) != ("sort", "redeemed")}
    return url_for("admin.redeemed_rewards") + (f"?{urlencode(wanted)}" if wanted else "")


def _back(visit: Visit, said: str) -> Response:
    """To the same page of the grid: a form's address carries what the grid was asked for."""
    answer = visit.done(said, "redeemed_rewards")
    query = visit.query_text
    if query:
        answer = redirect(f"{url_for('admin.redeemed_rewards')}?{query}", 303)  # type: ignore[assignment]
    return answer


def _reward(visit: Visit, reward_id: int | None) -> Any:
    if reward_id is None:
        return None
    try:
        return rewards.find(visit.session, visit.shop_id, reward_id)
    except NotFound:
        return None


def _is_gift(redemption: Redemption) -> bool:
    return bool(redemption.frozen["type"] == "gift")
