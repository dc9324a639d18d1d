"""Customers: search and profile (S3.20, S3.21)."""

from backend.admin.door import Visit, page
from backend.staff.rights import Right


@page("/customers", right=Right.VIEW_CUSTOMERS)
def customers(visit: Visit) -> str:
    return visit.render("soon.html")


@page("/customers/<row_id:member_id>", right=Right.VIEW_CUSTOMERS)
def customer(visit: Visit, member_id: int) -> str:
    return visit.render("soon.html")
