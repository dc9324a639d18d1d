"""Finding members: by id, by the platform's id, by address."""

from urllib.parse import quote

import pytest

from tests.merchant_api.conftest import Api


def test_a_member_is_shown_with_what_the_store_told(api: Api) -> None:
    member = api.member(
        "c-1",
        email="Ada@mail.example",
        email_verified=True,
        first_name="Ada",
        last_name="Diaz",
        locale="en",
        birthday="1990-05-17",
        tags=["vip"],
        phone="+331",
    )
    shown = api.get(f"/members/{member}").json
    assert shown.pop("enrolled_at").endswith("Z")
    assert shown == {
        "id": member,
        "external_id": "c-1",
        "email": "Ada@mail.example",
        "email_verified": True,
        "phone": "+331",
        "first_name": "Ada",
        "last_name": "Diaz",
        "locale": "en",
        "birthday": "1990-05-17",
        "tags": ["vip"],
        "segments": [],
        "tier": None,
        "status": "active",
    }


def test_a_member_is_found_by_each_of_the_three_names(api: Api) -> None:
    member = api.member("c-1", email="Ada@mail.example")
    for ref in (member, "external:c-1", "email:ada@MAIL.example"):
        assert api.get(f"/members/{ref}").json["id"] == member


@pytest.mark.parametrize(
    "external_id", ["gid://shop/Customer/1", "a b", "ünï", "50%", "a:b", "1", "x/balance/y", "…" * 85]
)
def test_a_platform_id_may_be_any_text(api: Api, external_id: str) -> None:
    api.shop.tell("customer.created", {"id": external_id})
    member = api.get("/members").json["items"][0]["id"]
    ref = f"external:{quote(external_id, safe='')}"
    assert api.get(f"/members/{ref}").json["external_id"] == external_id
    assert api.get(f"/members/{ref}/balance").json["available"] == 0
    assert api.get(f"/members/{ref}/transactions").json == {"items": [], "next": None}
    assert api.adjust(ref, 5).json["balance"]["available"] == 5
    assert api.get("/members", external_id=external_id).json["items"][0]["id"] == member


@pytest.mark.parametrize(
    "ref",
    [
        "0",
        "9" * 18,
        "9223372036854775807",
        "9223372036854775808",
        "9" * 19,
        "9" * 20,
        "9" * 400,
        "-1",
        "1.0",
        "1e3",
        "+1",
        "%201",
        "１",
        "me",
        "external:",
        "external:nobody",
        "external:a%00b",
        "email:",
        "email:nobody",
        "email:%00",
        "email:" + "a" * 2000,
        "phone:1",
        "%00",
        "%FF%FE",
        "..%2Fmembers",
    ],
)
@pytest.mark.parametrize("rest", ["", "/balance", "/transactions"])
def test_what_names_nobody_is_404(api: Api, ref: str, rest: str) -> None:
    answer = api.get(f"/members/{ref}{rest}")
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")


def test_the_list_is_filtered(api: Api) -> None:
    ada = api.member("c-1", email="ada@mail.example")
    bo = api.member("c-2", email="bo@mail.example")

    def ids(**query: str) -> list[str]:
        return [each["id"] for each in api.get("/members", **query).json["items"]]

    assert ids() == [bo, ada]
    assert ids(email="ADA@mail.example") == [ada]
    assert ids(external_id="c-2") == [bo]
    assert ids(email="ada@mail.example", external_id="c-2") == []
    assert ids(status="active") == [bo, ada]
    assert ids(status="erased") == []


def test_an_erased_member_stays_as_a_number_without_a_name(api: Api) -> None:
    member = api.member("c-1", email="ada@mail.example", first_name="Ada")
    api.adjust(member, 5)
    api.shop.tell("customer.redacted", {"id": "c-1"})
    shown = api.get(f"/members/{member}").json
    assert (shown["status"], shown["email"], shown["first_name"], shown["external_id"]) == ("erased", None, None, None)
    assert [each["id"] for each in api.get("/members", status="erased").json["items"]] == [member]
    assert api.get("/members/external:c-1").status_code == 404
    assert api.get("/members/email:ada@mail.example").status_code == 404
    assert api.get(f"/members/{member}/balance").json["available"] == 5


def test_an_address_means_the_member_who_proved_it(api: Api) -> None:
    api.member("thief", email="ada@mail.example", email_verified=False)
    owner = api.member("ada", email="ada@mail.example", email_verified=True)
    api.member("another", email="ada@mail.example", email_verified=False)
    assert api.get("/members/email:ada@mail.example").json["id"] == owner


def test_an_address_that_several_have_and_none_has_proved_is_refused(api: Api) -> None:
    api.member("one", email="ada@mail.example")
    api.member("two", email="ADA@mail.example")
    answer = api.adjust("email:ada@mail.example", 500)
    assert (answer.status_code, answer.json["code"]) == (409, "ambiguous_address")
    assert len(api.get("/members", email="ada@mail.example").json["items"]) == 2


def test_unknown_parameters_are_ignored(api: Api) -> None:
    assert api.get("/members", nothing="1").status_code == 200


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=gone", "status"),
        ("email=%00", "email"),
        ("external_id=%00", "external_id"),
        ("email=a&email=b", "email"),
    ],
)
def test_a_wrong_filter_is_refused_by_name(api: Api, query: str, field: str) -> None:
    answer = api.call("GET", f"/members?{query}")
    assert (answer.status_code, answer.json["code"]) == (400, "bad_parameter")
    assert [each["field"] for each in answer.json["errors"]] == [field]
    assert answer.json["detail"].startswith(field)


def test_the_shop_of_the_key(api: Api) -> None:
    shown = api.get("/shop").json
    assert shown == {
        "id": str(api.shop.id),
        "platform": "custom",
        "name": "Maison Test",
        "domain": "shop.example",
        "currency": "EUR",
        "timezone": "Europe/Paris",
        "locale": "en",
        "widget_key": api.shop.facts.widget_key,
    }
    assert api.shop.made.webhook_secret not in str(shown)
