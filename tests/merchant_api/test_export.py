"""GET /export: everything of the shop as a zip (contract section 6)."""

import io
import zipfile

from flask.testing import FlaskClient

from tests.conftest import TestShop


def test_everything_of_the_shop_comes_as_a_zip(shop: TestShop, client: FlaskClient) -> None:
    answer = client.get("/api/v1/export", headers={"Authorization": f"Bearer {shop.made.api_key}"})
    assert answer.status_code == 200
    assert answer.mimetype == "application/zip"
    assert f"shop-{shop.id}-" in answer.headers["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.data)) as opened:
        assert opened.testzip() is None
        assert {"manifest.json", "data/member.jsonl", "csv/member.csv"} <= set(opened.namelist())
