"""One's own account: password, second factor, where one is signed in."""

from backend.admin.door import SIGNED_IN, Visit, page


@page("/account", right=SIGNED_IN)
def account(visit: Visit) -> str:
    return visit.render("soon.html")
