"""The program's settings: edited as a draft, in force by the Update button (S3.8)."""

from backend.admin.door import Visit, page
from backend.staff.rights import Right


@page("/member-points", right=Right.SETTINGS)
def member_points(visit: Visit) -> str:
    return visit.render("soon.html")


@page("/program", right=Right.SETTINGS)
def program(visit: Visit) -> str:
    return visit.render("soon.html")
