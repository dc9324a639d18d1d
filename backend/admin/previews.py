"""The real widget as somebody else sees it, read-only (S4.20)."""

from backend.admin.door import SIGNED_IN, Visit, page


@page("/preview", right=SIGNED_IN)
def preview(visit: Visit) -> str:
    return visit.render("soon.html")
