"""Tables for spreadsheets: whatever a text says, nothing is run where the file is opened (F-35)."""

import pytest

from backend.spreadsheets import harmless


@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "＋1", "－1", "＠A1"]
)
def test_no_text_becomes_a_formula(name: str) -> None:
    assert harmless(name) == f"'{name}"


@pytest.mark.parametrize("name", ["", "Order 1", "1=1", " =1", "(-1)"])
def test_other_texts_stay_as_they_are(name: str) -> None:
    assert harmless(name) == name
