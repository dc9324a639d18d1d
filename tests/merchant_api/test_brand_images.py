"""The picture of a reward's brand, uploaded over the API (S0.35)."""

from base64 import b64encode
from collections.abc import Callable
from io import BytesIO
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from PIL import Image

from backend import clock
from backend.db import direct, transaction
from backend.loyalty.rewards import rewards
from tests.conftest import BusinessTime, TestShop
from tests.merchant_api.conftest import Api
from tests.races.crew import eventually
from tests.races.test_interleavings import somebody_waits_for_a_lock

BASE_URL = "http://127.0.0.1:8000"
BRAND = {"name": "Maison Thé", "description": "<p>Since 1887</p>"}


def picture(width: int = 60, height: int = 40, kind: str = "PNG") -> str:
    written = BytesIO()
    Image.new("RGB", (width, height), (200, 30, 30)).save(written, kind)
    return b64encode(written.getvalue()).decode()


def make(api: Api, **more: Any) -> str:
    """The id of a new reward."""
    answer = api.post("/rewards", {"reward_name": "Tea", "reward_type": "gift", "points_to_be_redeemed": 300, **more})
    assert answer.status_code == 201, answer.text
    reward: str = answer.json["id"]
    return reward


def upload(api: Api, reward: str, content: object, key: str | None = None) -> Any:
    return api.post(f"/rewards/{reward}/brand_image", {"content_base64": content}, key=key)


def one(api: Api, reward: str) -> dict[str, Any]:
    shown: dict[str, Any] = api.get(f"/rewards/{reward}").json
    return shown


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_the_picture_can_be_seen_by_everybody_at_the_brand_s_address(api: Api, kind: str) -> None:
    reward = make(api)
    answer = upload(api, reward, picture(kind=kind))
    assert answer.status_code == 200
    assert answer.json == one(api, reward)
    brand = answer.json["brand"]
    assert (brand["name"], brand["description"]) == (None, None)
    assert brand["image_url"].startswith(f"{BASE_URL}/widget/v1/images/{api.shop.facts.widget_key}/")
    seen = api.shop.client.get(brand["image_url"].removeprefix(BASE_URL))
    assert (seen.status_code, seen.content_type) == (200, f"image/{kind.lower()}")
    with Image.open(BytesIO(seen.data)) as shown:
        assert shown.size == (60, 40)


def test_shoppers_are_shown_it_with_the_reward(api: Api) -> None:
    def shown() -> list[str | None]:
        document = api.shop.client.get(f"/widget/v1/{api.shop.facts.widget_key}/program").json
        return [each["brand"]["image_url"] for each in document["rewards"]]

    reward = make(api, brand=BRAND, show_on_guest_dashboard=True)
    assert shown() == [None]
    address = upload(api, reward, picture()).json["brand"]["image_url"]
    assert shown() == [address]


def test_what_else_is_said_of_the_brand_and_the_reward_stays(api: Api, time: BusinessTime) -> None:
    time.set("2026-11-23T06:50:00Z")
    reward = make(api, brand=BRAND, categories=["food"])
    before = one(api, reward)
    time.advance(hours=1)
    address = upload(api, reward, picture()).json["brand"]["image_url"]
    assert one(api, reward) == before | {
        "brand": {**BRAND, "image_url": address},
        "last_modified_date": "11/23/2026 07:50:00",
    }
    time.advance(hours=1)
    assert upload(api, reward, picture()).json["last_modified_date"] == "11/23/2026 07:50:00"  # the same picture


def test_what_is_said_of_the_brand_while_the_picture_is_on_its_way_stays(api: Api, app: Flask) -> None:
    reward = make(api, brand=BRAND)
    status: list[int] = []

    def upload_it() -> None:
        with app.app_context():
            status.append(
                upload(Api(TestShop(api.shop.made, app.test_client()), api.key), reward, picture()).status_code
            )
            direct().close()

    meanwhile = Thread(target=upload_it)
    with transaction() as session:
        renamed = {"brand": {**BRAND, "name": "Another house"}}
        rewards.update(session, api.shop.facts, int(reward, 16), renamed, clock.now(), rehearsal=True)
        meanwhile.start()
        eventually(lambda: not meanwhile.is_alive() or somebody_waits_for_a_lock(), "the upload waits for the change")
    meanwhile.join()
    assert status == [200]
    brand = one(api, reward)["brand"]
    assert (brand["name"], bool(brand["image_url"])) == ("Another house", True)


def test_another_picture_takes_its_place_and_a_change_takes_it_away(api: Api) -> None:
    reward = make(api, brand=BRAND)
    first, second = (upload(api, reward, picture(width)).json["brand"]["image_url"] for width in (10, 20))
    assert first != second
    assert one(api, reward)["brand"]["image_url"] == second
    for address in (first, second):
        assert api.shop.client.get(address.removeprefix(BASE_URL)).status_code == 200
    api.call("PATCH", f"/rewards/{reward}", json={"brand": BRAND})
    assert one(api, reward)["brand"] == {**BRAND, "image_url": None}


@pytest.mark.parametrize(
    ("content", "status", "code", "reason"),
    [
        ("*", 422, "bad_input", "should be the file's bytes in base64"),
        ("é", 422, "bad_input", "should be the file's bytes in base64"),
        (5, 422, "bad_input", "should be the file's bytes in base64"),
        (None, 422, "bad_input", "should be the file's bytes in base64"),
        ("A" * 1_000_004, 422, "bad_input", "should have at most 1,000,000 characters"),
        ("", 409, "picture_refused", "The file is empty"),
        (b64encode(b"<svg onload='x'/>").decode(), 409, "picture_refused", "The file is not a JPEG or PNG picture"),
        (picture()[:80], 409, "picture_refused", "The file is a damaged picture: its end is missing"),
        (picture(1201, 1), 409, "picture_refused", "The picture is too large: at most 1200 x 1200 pixels are allowed"),
    ],
)
def test_what_is_no_such_picture_is_refused_by_the_field_and_nothing_changes(
    api: Api, content: object, status: int, code: str, reason: str
) -> None:
    reward = make(api, brand=BRAND)
    before = one(api, reward)
    answer = upload(api, reward, content)
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert answer.json["errors"] == [{"field": "content_base64", "message": reason}]
    assert f"content_base64{':' if status == 409 else ''} {reason}." in answer.json["detail"]
    assert one(api, reward) == before


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "content_base64"), ({"content_base64": "", "alt": "Tea"}, "alt"), ([], "")],
)
def test_a_body_of_another_shape_is_refused_by_the_field(api: Api, body: Any, field: str) -> None:
    answer = api.post(f"/rewards/{make(api)}/brand_image", body)
    assert (answer.status_code, [each["field"] for each in answer.json["errors"]]) == (422, [field])


def test_the_same_key_again_gets_the_same_answer(api: Api) -> None:
    reward = make(api)
    first, again = (upload(api, reward, picture(), "once") for _ in range(2))
    assert (first.status_code, again.data) == (200, first.data)
    assert again.headers["Idempotency-Replayed"] == "true"


def test_another_shop_s_reward_gets_no_picture(api: Api, new_shop: Callable[..., TestShop]) -> None:
    other = new_shop()
    owner = Api(other, other.made.api_key)
    foreign = make(owner)
    assert upload(api, foreign, picture()).status_code == 404
    assert one(owner, foreign)["brand"] is None
