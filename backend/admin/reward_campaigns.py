"""Reward campaigns: list and form (S0.9 to S0.43)."""

from backend.admin.door import Visit, page
from backend.staff.rights import Right


@page("/reward-campaigns", right=Right.REWARDS)
def reward_campaigns(visit: Visit) -> str:
    return visit.render("soon.html")


@page("/reward-campaigns/new", right=Right.REWARDS)
def new_reward_campaign(visit: Visit) -> str:
    return visit.render("soon.html")


@page("/reward-campaigns/<reward_id:reward>", right=Right.REWARDS)
def reward_campaign(visit: Visit, reward: int) -> str:
    return visit.render("soon.html")
