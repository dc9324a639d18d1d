"""The guide that sets a program up in five minutes."""

from backend.admin.door import Visit, page
from backend.staff.rights import Right


@page("/guide", right=Right.SETTINGS)
def guide(visit: Visit) -> str:
    return visit.render("soon.html")
