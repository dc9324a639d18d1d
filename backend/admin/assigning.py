"""Points added and taken by hand (S3.22), redeeming and giving back on behalf, two people above a limit."""

from backend.admin.door import Visit, page
from backend.staff.rights import Right


@page("/approvals", right=Right.ASSIGN_POINTS)
def approvals(visit: Visit) -> str:
    return visit.render("soon.html")
