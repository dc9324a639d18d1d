"""The whole shop out, and into a new one, at the merchant's desk."""

import io
import zipfile
from collections.abc import Callable

from backend.jobs import upkeep
from backend.staff.rights import Right
from tests.admin.conftest import Desk, said
from tests.conftest import TestShop


def test_an_export_is_made_in_the_background_and_downloaded(
    desk: Desk, sign_in: Callable[..., Desk], new_shop: Callable[..., TestShop]
) -> None:
    assert "being made" in desk.done("/export")
    assert desk.page("/export").select_one("[data-poll]") is not None
    assert desk.post("/export").status_code == 409
    upkeep.make_exports()
    page = desk.page("/export")
    link = page.select_one("a[download]")
    assert link is not None
    where = str(link["href"]).removeprefix("/admin")
    answer = desk.get(where)
    with zipfile.ZipFile(io.BytesIO(answer.data)) as opened:
        assert "manifest.json" in opened.namelist()
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    assert sign_in(of=new_shop()).get(where).status_code == 404
    assert sign_in(Right.REPORTS).get(where).status_code == 403

    other = sign_in(of=new_shop())
    taken = other.post("/import/shop", file=(io.BytesIO(answer.data), "shop.zip"))
    assert taken.status_code == 303, said(taken)
    upkeep.make_exports()
    assert "were brought in" in other.page(str(taken.headers["Location"]).removeprefix("/admin")).text
    assert "not a zip" in said(other.post("/import/shop", file=(io.BytesIO(b"hello"), "shop.zip")))
