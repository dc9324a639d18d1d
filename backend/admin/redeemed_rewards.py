"""The grid of redeemed rewards (S1.8 to S1.42)."""

from backend.admin.door import Visit, page
from backend.staff.rights import Right


@page("/redeemed-rewards", right=Right.REDEMPTIONS)
def redeemed_rewards(visit: Visit) -> str:
    return visit.render("soon.html")
