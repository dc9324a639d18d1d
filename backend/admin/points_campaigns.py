"""Points campaigns: gifts between two moments (S3.9 to S3.19)."""

from backend.admin.door import Visit, page
from backend.staff.rights import Right


@page("/points-campaigns", right=Right.REWARDS)
def points_campaigns(visit: Visit) -> str:
    return visit.render("soon.html")
