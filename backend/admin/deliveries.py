"""What arrived from the platform, what became of it, and what is missing."""

from backend.admin.door import Visit, page
from backend.staff.rights import Right


@page("/deliveries", right=Right.SETTINGS)
def deliveries(visit: Visit) -> str:
    return visit.render("soon.html")


@page("/deliveries/<row_id:delivery_id>", right=Right.SETTINGS)
def delivery(visit: Visit, delivery_id: int) -> str:
    return visit.render("soon.html")
