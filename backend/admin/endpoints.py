"""Webhooks out: where to, what was sent, and again."""

from backend.admin.door import Visit, page
from backend.staff.rights import Right


@page("/webhooks", right=Right.SETTINGS)
def endpoints(visit: Visit) -> str:
    return visit.render("soon.html")
