"""Keys of the merchant API."""

from backend.admin.door import Visit, page
from backend.staff.rights import Right


@page("/api-keys", right=Right.SETTINGS)
def api_keys(visit: Visit) -> str:
    return visit.render("soon.html")
