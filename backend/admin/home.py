"""The first page: how the program is doing, and what waits for somebody."""

from backend.admin.door import SIGNED_IN, Visit, page


@page("", right=SIGNED_IN)
def home(visit: Visit) -> str:
    return visit.render("home.html")
