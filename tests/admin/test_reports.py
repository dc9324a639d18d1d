"""What reports show, and to whom."""

import csv
import io
from collections.abc import Callable
from urllib.parse import parse_qsl

import pytest

from backend.staff.rights import Right
from tests.admin.conftest import Desk


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/reports/points",
        "/reports/points?first=2024-02-29&step=month&prove=1",
        "/reports/liability",
        "/reports/program",
    ],
)
def test_a_new_shop_has_every_report(desk: Desk, path: str) -> None:
    address, _, query = path.partition("?")
    found = desk.page(address, **dict(parse_qsl(query)))
    assert found.h1 is not None
    assert not found.select("svg.chart script, svg.chart style, svg.chart [style]")


def test_days_of_the_csv_open_as_the_day_before_closed(desk: Desk) -> None:
    answer = desk.get("/reports/points.csv", first="2026-01-01", last="2026-03-31")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 90
    assert all(later["opening"] == earlier["closing"] for earlier, later in zip(rows, rows[1:], strict=False))  # noqa: RUF007


def test_without_the_right_there_are_no_figures(sign_in: Callable[..., Desk]) -> None:
    desk = sign_in(Right.VIEW_CUSTOMERS)
    assert "outstanding" not in desk.page("").get_text()
    for path in ("/reports/points", "/reports/points.csv", "/reports/liability", "/reports/program"):
        assert desk.get(path).status_code == 403
