"""Who works here: invitations and rights."""

from backend.admin.door import Visit, page
from backend.staff.rights import Right


@page("/people", right=Right.STAFF)
def people(visit: Visit) -> str:
    return visit.render("soon.html")
