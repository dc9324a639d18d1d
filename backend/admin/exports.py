"""The whole shop as a zip."""

from backend.admin.door import Visit, page
from backend.staff.rights import Right


@page("/export", right=Right.EXPORT)
def exports(visit: Visit) -> str:
    return visit.render("soon.html")
