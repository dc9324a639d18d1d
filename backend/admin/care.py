"""Block, merge, erase, and all that is kept of one person."""

from backend.admin.door import Visit, page
from backend.staff.rights import Right


@page("/customers/<row_id:member_id>/care", right=Right.MANAGE_CUSTOMERS)
def care(visit: Visit, member_id: int) -> str:
    return visit.render("soon.html")
