"""Every version of the program, and what changed from one to the next."""

from backend.admin.door import Visit, page
from backend.staff.rights import Right


@page("/program/versions", right=Right.SETTINGS)
def program_versions(visit: Visit) -> str:
    return visit.render("soon.html")
