"""All reward campaigns: the list, and what is done with one of them from there."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from flask import url_for
from pydantic import BaseModel

from backend.admin import reward_fields
from backend.admin.door import Answer, Visit, form, is_rehearsal, page
from backend.loyalty.rewards import reward_list, reward_shelf, rewards
from backend.loyalty.rewards.reward_list import Wanted
from backend.staff.rights import Right

PAGE_SIZE = 25


class Asked(BaseModel):
    """What the address of the list asks for."""

    search: str | None = None
    type: str | None = None
    status: reward_list.Status | None = None
    label: str | None = None
    category: str | None = None
    sort: reward_list.Sort = "rank"
    descending: bool = False
    after: int | None = None
    before: int | None = None


@page("/reward-campaigns", right=Right.REWARDS)
def reward_campaigns(visit: Visit) -> str:
    """The list, by rank unless another order is asked for, without those that are archived."""
    asked = visit.asked(Asked)
    kind = asked.type if asked.type in reward_fields.CAMPAIGN_TYPES else None
    wanted = Wanted(
        search=asked.search,
        kind=kind,
        status=asked.status,
        label=asked.label,
        category=asked.category,
        sort=asked.sort,
        descending=asked.descending,
        after=asked.after,
        before=asked.before if asked.after is None else None,
    )
    found = reward_list.page(visit.session, visit.shop_id, wanted, visit.now, PAGE_SIZE)
    labels, categories = reward_list.names_of(visit.session, visit.shop_id)
    said = {name: value for name, value in asked.model_dump(exclude={"after", "before"}).items() if value}
    is_asked = bool(said.keys() - {"sort", "descending"})
    return visit.render(
        "reward_campaigns.html",
        found=found.items,
        earlier=_address(said, before=found.items[0].id) if found.has_earlier and found.items else None,
        later=_address(said, after=found.items[-1].id) if found.has_later and found.items else None,
        asked=asked,
        is_asked=is_asked,
        sorted_by=lambda name: _address(said | {"sort": name, "descending": _turned(asked, name)}),
        types=[(name, label) for name, (_, _, label) in reward_fields.CAMPAIGN_TYPES.items()],
        labels=_with(labels, asked.label),
        categories=_with(categories, asked.category),
        label_of=reward_fields.label_of,
        most=reward_list.MOST_COUNTED,
        an_instant=timedelta(seconds=1),
    )


@form("/reward-campaigns/<reward_id:reward>/active", right=Right.REWARDS)
def switch_reward_campaign(visit: Visit, reward: int) -> Answer:
    """Make it active, or inactive (S0.19)."""
    is_active = visit.form.get("active") == "1"
    saved = rewards.update(
        visit.session, visit.shop, reward, {"is_active": is_active}, visit.now, rehearsal=is_rehearsal()
    )
    return _back(visit, f"“{saved.name}” is {'active' if is_active else 'inactive'} now.", reward)


@form("/reward-campaigns/<reward_id:reward>/copy", right=Right.REWARDS)
def duplicate_reward_campaign(visit: Visit, reward: int) -> Answer:
    made = reward_shelf.duplicate(visit.session, visit.shop, reward, visit.now, rehearsal=is_rehearsal())
    return visit.done(f"“{made.name}” was made. It is inactive until you say so.", "reward_campaign", reward=made.id)


def _list_again(visit: Visit, reward: int) -> Answer:
    return reward_campaigns(visit)


@form("/reward-campaigns/<reward_id:reward>/archive", right=Right.REWARDS, again=_list_again)
def archive_reward_campaign(visit: Visit, reward: int) -> Answer:
    archived = reward_shelf.archive(visit.session, visit.shop, reward, visit.now, rehearsal=is_rehearsal())
    said = f"“{archived.name}” is archived. What customers have of it goes on working."
    return visit.done(said, "reward_campaigns")


@form("/reward-campaigns/<reward_id:reward>/restore", right=Right.REWARDS)
def restore_reward_campaign(visit: Visit, reward: int) -> Answer:
    restored = reward_shelf.restore(visit.session, visit.shop, reward)
    return visit.done(f"“{restored.name}” is back, and inactive.", "reward_campaign", reward=reward)


def _with(known: list[str], asked: str | None) -> list[str]:
    """What can be chosen, and what is asked for though it is not among it."""
    return known if asked is None or asked in known else [asked, *known]


def _turned(asked: Asked, name: reward_list.Sort) -> bool:
    """Whether a click on that heading sorts downwards: the second one does, and of ages the first."""
    return not asked.descending if asked.sort == name else name == "created"


def _address(said: dict[str, Any], **more: Any) -> str:
    wanted = {name: "1" if value is True else value for name, value in (said | more).items() if value}
    return f"{url_for('admin.reward_campaigns')}?{urlencode(wanted)}"


def _back(visit: Visit, message: str, reward: int) -> Answer:
    """To where the button was."""
    if visit.form.get("from") == "list":
        return visit.done(message, "reward_campaigns")
    return visit.done(message, "reward_campaign", reward=reward)
