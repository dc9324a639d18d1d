"""Members, balances and codes from CSV."""

from backend.admin.door import Visit, page
from backend.staff.rights import Right


@page("/import", right=Right.EXPORT)
def imports(visit: Visit) -> str:
    return visit.render("soon.html")
