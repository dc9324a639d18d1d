"""Reports: points over time, liability, members and rewards."""

from backend.admin.door import Visit, page
from backend.staff.rights import Right


@page("/reports/points", right=Right.REPORTS)
def points_report(visit: Visit) -> str:
    return visit.render("soon.html")


@page("/reports/liability", right=Right.REPORTS)
def liability_report(visit: Visit) -> str:
    return visit.render("soon.html")


@page("/reports/program", right=Right.REPORTS)
def program_report(visit: Visit) -> str:
    return visit.render("soon.html")
