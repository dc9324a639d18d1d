"""Gift campaigns over the API (S3.9 to S3.17)."""

from base64 import b64encode
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from tests.conftest import NEXT_YEAR, BusinessTime, TestShop
from tests.merchant_api.conftest import Api

DECEMBER: dict[str, Any] = {"names": {"en": "December"}, "starts_at": "2026-12-01", "ends_at": "2026-12-31"}


def make(api: Api, **more: Any) -> dict[str, Any]:
    answer = api.post("/campaigns", {**DECEMBER, **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json
    return made


def make_gift(api: Api, name: str = "Water bottle", kind: str = "gift") -> str:
    answer = api.post("/rewards", {"reward_name": name, "reward_type": kind, "points_to_be_redeemed": 300})
    assert answer.status_code == 201, answer.text
    gift: str = answer.json["id"]
    return gift


def picture(width: int, height: int, *, noise: bool = False) -> str:
    written = BytesIO()
    image = Image.effect_noise((width, height), 100) if noise else Image.new("RGB", (width, height), (200, 30, 30))
    image.save(written, "PNG")
    return b64encode(written.getvalue()).decode()


def test_a_campaign_is_made_and_read_back(api: Api, time: BusinessTime) -> None:
    time.set("2026-11-25T10:00:00Z")
    gift = make_gift(api)
    made = make(
        api, names={"en": "December", "fr": "Décembre"}, terms={"en": "<p>One<script>x</script></p>"}, gifts=[gift]
    )
    assert made == {
        "id": made["id"],
        "names": {"en": "December", "fr": "Décembre"},
        "terms": {"en": "<p>One</p>"},
        "starts_at": "2026-11-30T23:00:00Z",
        "ends_at": "2026-12-31T23:00:00Z",
        "timezone": "Europe/Paris",
        "state": "planned",
        "gifts": [gift],
        "banner_url": None,
        "created_at": "2026-11-25T10:00:00Z",
        "modified_at": "2026-11-25T10:00:00Z",
    }
    assert api.get(f"/campaigns/{made['id']}").json == made
    assert api.get("/campaigns").json == {"items": [made], "next": None}


@pytest.mark.parametrize(
    ("at", "state"),
    [
        ("2026-11-30T22:59:58Z", "planned"),
        ("2026-11-30T23:00:00Z", "on"),
        ("2026-12-31T22:59:58Z", "on"),
        ("2026-12-31T23:00:00Z", "over"),
    ],
)
def test_it_says_whether_it_is_on(api: Api, time: BusinessTime, at: str, state: str) -> None:
    made = make(api)
    time.set(at)
    assert api.get(f"/campaigns/{made['id']}").json["state"] == state


def test_every_answer_names_the_zone_that_its_times_are_meant_in(new_shop: Callable[..., TestShop]) -> None:
    shop = new_shop(timezone_name="Asia/Taipei")
    made = make(Api(shop, shop.made.api_key), starts_at="2026-12-01T09:30", ends_at=None)
    assert (made["starts_at"], made["ends_at"], made["timezone"]) == ("2026-12-01T01:30:00Z", None, "Asia/Taipei")


def test_the_list_is_newest_first_in_pages(api: Api) -> None:
    made = [make(api, starts_at=f"20{year}-01-01", ends_at=f"20{year}-01-31")["id"] for year in (30, 28, 29)]
    first = api.get("/campaigns", limit=2).json
    assert [each["id"] for each in first["items"]] == [made[2], made[1]]
    second = api.get("/campaigns", limit=2, after=first["next"]).json
    assert ([each["id"] for each in second["items"]], second["next"]) == ([made[0]], None)


def test_an_overlap_is_told_in_one_sentence(api: Api) -> None:
    make(api)
    answer = api.post("/campaigns", {"names": {"en": "New Year"}, "starts_at": "2026-12-31T23:30"})
    assert (answer.status_code, answer.json["code"]) == (409, "campaign_overlaps")
    assert answer.json["detail"] == (
        "Campaigns cannot overlap, and at that time there is “December”, from 2026-12-01 00:00 to 2027-01-01 00:00"
        " (Europe/Paris)."
    )
    assert len(api.get("/campaigns").json["items"]) == 1


def test_of_many_overlapping_ones_at_once_one_is_made(
    api: Api, at_once: Callable[..., list[tuple[int, bytes]]]
) -> None:
    bodies = [{**DECEMBER, "starts_at": f"2026-12-0{day}"} for day in range(1, 6)]
    assert sorted(status for status, _ in at_once("/campaigns", bodies)) == [201, 409, 409, 409, 409]


def test_the_same_request_twice_makes_one(api: Api) -> None:
    one, two = (api.post("/campaigns", DECEMBER, key="once") for _ in range(2))
    assert one.status_code == two.status_code == 201
    assert one.json == two.json
    refused = [api.post("/campaigns", DECEMBER, key="again") for _ in range(2)]
    assert [each.status_code for each in refused] == [409, 409]
    assert refused[1].headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize(
    ("said", "status", "code", "field"),
    [
        ({"names": {}}, 422, "bad_input", "names"),
        ({"starts_at": "yesterday"}, 422, "bad_input", "starts_at"),
        ({"speed": 1}, 422, "bad_input", "speed"),
        ({"speed": None}, 422, "bad_input", "speed"),
        ({"gifts": ["1"]}, 422, "bad_input", "gifts.0"),
        ({"gifts": ["f" * 24]}, 409, "not_a_gift", "gifts.0"),
        ({"ends_at": "2026-11-01"}, 409, "contradiction", "ends_at"),
        ({"banner": {"content_base64": "*"}}, 422, "bad_input", "banner.content_base64"),
        ({"banner": {"content_base64": "R0lGODlh"}}, 409, "banner_refused", "banner"),
    ],
)
def test_what_is_wrong_is_named(api: Api, said: dict[str, Any], status: int, code: str, field: str) -> None:
    answer = api.post("/campaigns", {**DECEMBER, **said})
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert [each["field"] for each in answer.json["errors"]] == [field]
    assert field in answer.json["detail"]
    assert api.get("/campaigns").json["items"] == []


def test_only_gifts_of_this_shop_can_be_chosen(api: Api, new_shop: Callable[..., TestShop]) -> None:
    other = new_shop()
    foreign = make_gift(Api(other, other.made.api_key))
    gifts = [make_gift(api), make_gift(api, "Tea", "custom"), foreign]
    answer = api.post("/campaigns", {**DECEMBER, "gifts": gifts})
    assert (answer.status_code, answer.json["code"]) == (409, "not_a_gift")
    assert answer.json["errors"] == [
        {"field": "gifts.1", "message": "is no gift but a custom"},
        {"field": "gifts.2", "message": "there is no such reward"},
    ]


# The banner


def test_the_banner_can_be_seen_by_everybody_at_its_address(api: Api) -> None:
    made = make(api, banner={"content_base64": picture(1920, 400)})
    base, path = made["banner_url"][:21], made["banner_url"][21:]
    assert base == "http://127.0.0.1:8000"
    answer = api.shop.client.get(path)
    assert (answer.status_code, answer.content_type) == (200, "image/png")
    with Image.open(BytesIO(answer.data)) as shown:
        assert shown.size == (1920, 400)


def test_a_large_banner_fits_into_the_body(api: Api) -> None:
    content = picture(1500, 400, noise=True)
    assert 700_000 < len(content) < 1_000_000
    assert make(api, banner={"content_base64": content})["banner_url"]
    assert api.post("/campaigns", {**DECEMBER, "banner": {"content_base64": "A" * 2**20}}).status_code == 413


@pytest.mark.parametrize(("width", "height"), [(1921, 400), (1920, 401)])
def test_a_banner_has_at_most_1920_x_400_pixels(api: Api, width: int, height: int) -> None:
    answer = api.post("/campaigns", {**DECEMBER, "banner": {"content_base64": picture(width, height)}})
    assert (answer.status_code, answer.json["code"]) == (409, "banner_refused")
    assert "1920 x 400" in answer.json["detail"]


# Changing


def test_a_change_keeps_what_it_does_not_name(api: Api) -> None:
    one, two = make_gift(api), make_gift(api, "Mug")
    days = {"starts_at": f"{NEXT_YEAR}-12-01", "ends_at": f"{NEXT_YEAR}-12-31"}
    made = make(api, **days, gifts=[one], banner={"content_base64": picture(10, 10)}, terms={"en": "Terms"})
    changed = api.call("PATCH", f"/campaigns/{made['id']}", json={"gifts": [one, two], "ends_at": None})
    assert changed.status_code == 200
    assert set(changed.json["gifts"]) == {one, two}
    expected = {**made, "gifts": changed.json["gifts"], "ends_at": None, "modified_at": changed.json["modified_at"]}
    assert changed.json == expected == api.get(f"/campaigns/{made['id']}").json
    emptied = api.call("PATCH", f"/campaigns/{made['id']}", json={"banner": None, "terms": None}).json
    assert (emptied["banner_url"], emptied["terms"], emptied["gifts"]) == (None, {}, changed.json["gifts"])


@pytest.mark.parametrize("changes", [{"names": None}, {"starts_at": None}, {"speed": 1}, {"names": {"en": ""}}])
def test_a_wrong_change_changes_nothing(api: Api, changes: dict[str, Any]) -> None:
    made = make(api)
    assert api.call("PATCH", f"/campaigns/{made['id']}", json=changes).status_code == 422
    assert api.get(f"/campaigns/{made['id']}").json == made


def test_a_change_cannot_run_into_another_campaign(api: Api) -> None:
    made = make(api)
    make(api, names={"en": "January"}, starts_at="2027-01-01", ends_at="2027-01-31")
    answer = api.call("PATCH", f"/campaigns/{made['id']}", json={"ends_at": None})
    assert (answer.status_code, answer.json["code"]) == (409, "campaign_overlaps")
    assert "“January”, from 2027-01-01 00:00" in answer.json["detail"]
    assert api.get(f"/campaigns/{made['id']}").json == made


def test_another_shop_s_campaign_is_not_there(api: Api, new_shop: Callable[..., TestShop]) -> None:
    other = new_shop()
    foreign = make(Api(other, other.made.api_key))
    for number in (foreign["id"], "9" * 18):
        assert api.get(f"/campaigns/{number}").status_code == 404
        assert api.call("PATCH", f"/campaigns/{number}", json={"names": {"en": "Mine"}}).status_code == 404
    assert api.get("/campaigns").json["items"] == []
