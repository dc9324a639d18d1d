"""The draft over the last twelve months of orders."""

from backend.admin.door import Visit, page
from backend.staff.rights import Right


@page("/program/dry-run", right=Right.SETTINGS)
def dry_run(visit: Visit) -> str:
    return visit.render("soon.html")
