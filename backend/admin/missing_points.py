"""An order number in, the exact reason or the credit out."""

from backend.admin.door import Visit, page
from backend.staff.rights import Right


@page("/missing-points", right=Right.VIEW_CUSTOMERS)
def missing_points(visit: Visit) -> str:
    return visit.render("soon.html")
