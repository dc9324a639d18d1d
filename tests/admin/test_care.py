"""Looking after one customer's account: block, merge, erase, hand out what is kept."""

import io
import json
import zipfile
from collections.abc import Callable

import pytest
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.jobs import points, upkeep
from backend.ledger.posting import Author
from backend.loyalty.points import adjustments
from backend.staff.rights import Right
from tests.admin.conftest import Desk, said
from tests.conftest import PROGRAM, TestShop
from tests.loyalty.rewards_world import GIFT, buy, has, member_with, redeem, reward, rows, violations


def person(shop: TestShop, customer: str, points: int = 0, **given: str) -> int:
    shop.tell("customer.created", {"id": customer, "created_at": clock.now().isoformat(), **given})
    return member_with(shop, points, customer)


def test_blocking_takes_a_reason_and_the_log_says_who_did_it(desk: Desk, shop: TestShop) -> None:
    member = person(shop, "c-1", first_name="Zoe")
    assert desk.post(f"/customers/{member}/block", reason="").status_code == 422
    desk.done(f"/customers/{member}/block", reason="A chargeback")
    page = desk.page(f"/customers/{member}/care")
    assert "Blocked" in page.select_one(".heading").get_text()
    assert "Ada Admin A chargeback" in " ".join(page.select_one("#care-log").get_text(" ").split())
    again = desk.post(f"/customers/{member}/block", reason="Once more")
    assert again.status_code == 409
    assert "blocked already" in said(again)
    desk.done(f"/customers/{member}/unblock", reason="A mistake")
    (row,) = rows(shop, "select status from member where shop_id = :shop and id = :id", id=member)
    assert row.status == "active"


def test_the_other_account_is_found_and_both_are_shown_before_anything_happens(desk: Desk, shop: TestShop) -> None:
    kept = person(shop, "c-1", 100, first_name="Zoe", email="zoe@example.com")
    gone = person(shop, "c-2", 30, first_name="Zoe", email="zoe@work.example")
    found = desk.page(f"/customers/{kept}/merge", search="zoe@work")
    link = found.select_one("main ul a")
    assert link is not None and str(link["href"]).endswith(f"/customers/{kept}/merge?other={gone}")
    page = desk.page(f"/customers/{kept}/merge", other=gone)
    told = {row.th.get_text(strip=True): [cell.get_text(strip=True) for cell in row.select("td")]
            for row in page.select("#both tbody tr")}  # fmt: skip
    assert told["Available"] == ["100", "30", "130"]
    assert told["E-mail"] == ["zoe@example.com", "zoe@work.example", "zoe@example.com"]
    assert "cannot be undone" in page.get_text()
    assert has(shop, kept).available == 100


def test_merging_asks_for_the_word_and_a_reason(desk: Desk, shop: TestShop) -> None:
    kept, gone = person(shop, "c-1", 100), person(shop, "c-2", 30)
    key = merge_key(desk, kept, gone)
    refused = desk.post(f"/customers/{kept}/merge", key=key, other=gone, reason="She told us", typed="yes")
    assert refused.status_code == 422
    assert "Type merge to go on" in refused.text
    assert has(shop, kept).available == 100
    desk.done(f"/customers/{kept}/merge", key=key, other=gone, reason="She told us", typed="Merge")
    assert has(shop, kept).available == 130
    desk.done(
        f"/customers/{kept}/merge", key=key, other=gone, reason="She told us", typed="Merge"
    )  # the form once more
    other_form = key[::-1]
    again = desk.post(f"/customers/{kept}/merge", key=other_form, other=gone, reason="She told us", typed="merge")
    assert again.status_code == 409
    assert "done already" in said(again)
    assert violations(shop) == []


def merge_key(desk: Desk, kept: int, gone: int) -> str:
    field = desk.page(f"/customers/{kept}/merge", other=gone).select_one("main [name=key]")
    assert field is not None
    return str(field["value"])


def test_nobody_merges_an_account_into_their_own(sign_in: Callable[..., Desk], shop: TestShop) -> None:
    own = person(shop, "c-1", 0, email="ada@shop.example")
    other = person(shop, "c-2", 500)
    desk = sign_in(email="ada@shop.example")
    assert "One of the two is your own account" in desk.page(f"/customers/{own}/merge", other=other).get_text()
    form = {"key": "k" * 16, "reason": "It is me", "typed": "merge"}
    refused = desk.post(f"/customers/{own}/merge", other=other, **form)
    assert (refused.status_code, "This is your own account" in said(refused)) == (409, True)
    assert desk.post(f"/customers/{other}/merge", other=own, **form).status_code == 409
    assert has(shop, own).available == 0


def test_erasing_shows_what_goes_and_stays_and_asks_for_the_word(desk: Desk, shop: TestShop) -> None:
    member = person(shop, "c-1", 100, first_name="Zoe", email="zoe@example.com")
    page = desk.page(f"/customers/{member}/erase")
    assert "1 entries" in page.get_text() or "1 entr" in page.get_text()
    assert desk.post(f"/customers/{member}/erase", typed="zoe").status_code == 422
    desk.done(f"/customers/{member}/erase", typed="erase")
    again = desk.post(f"/customers/{member}/erase", typed="erase")
    assert again.status_code == 409
    assert has(shop, member).available == 100
    assert violations(shop) == []


def test_nothing_of_an_erased_person_is_anywhere(desk: Desk, shop: TestShop) -> None:
    member = person(shop, "c-secret", 900, first_name="Zoëlle", last_name="Quillfeather", email="zq@hidden.example",
                    phone="+33612345678", address={"line1": "7 Rue Cachée"})  # fmt: skip
    made = reward(shop, GIFT)
    redeem(shop, member, made)
    buy(shop, order_id="o-1", customer={"id": "c-secret"})
    buy(shop, order_id="o-2", customer=None, guest_email="zq@hidden.example")
    desk.done(f"/customers/{member}/block", reason="Quillfeather wrote to us")
    desk.done(f"/customers/{member}/unblock", reason="Quillfeather wrote again")
    headers = {"Authorization": f"Bearer {shop.made.api_key}", "Idempotency-Key": "a-key-of-sixteen"}
    shop.client.post(f"/api/v1/members/{member}/adjustments", json={"points": 5, "reason": "Hi"}, headers=headers)
    with transaction() as session:
        adjustments.adjust(session, shop.id, member, 5, "Sorry", Author("staff", "Ada Admin"), "k", clock.now())
    desk.done(f"/customers/{member}/erase", typed="erase")
    with transaction() as session:
        tables = session.execute(
            text(
                "select table_name from information_schema.columns where column_name = 'shop_id'"
                " and table_schema = 'public'"
            )
        ).scalars()
        for table in tables.all():
            kept = session.execute(text(f"select t::text from {table} t where shop_id = :shop"), {"shop": shop.id})
            whole = "\n".join(kept.scalars()).lower()
            for word in ("quillfeather", "zoëlle", "zq@hidden", "612345678", "cachée"):
                assert word not in whole, (table, word)
            assert "c-secret" not in whole or table == "orders", table
    assert violations(shop) == []


def test_mails_that_wait_are_dropped(desk: Desk, shop: TestShop) -> None:
    member = person(shop, "c-1", 100, email="zoe@example.com")
    with transaction() as session:
        adjustments.adjust(session, shop.id, member, 5, "Sorry", Author("staff", "Ada Admin"), "k", clock.now())
    assert rows(shop, "select 1 from outbox where shop_id = :shop and kind = 'mail'")
    desk.done(f"/customers/{member}/erase", typed="erase")
    assert not rows(shop, "select 1 from outbox where shop_id = :shop and kind = 'mail' and state <> 'done'")


WELCOME = {
    "rules": [{"id": "hello", "kind": "signup", "points": 50, "title": {"en": "Hello"}}],
    "referral": {"enabled": True, "reward_when": "registered", "advocate": {"points": 100}, "friend": {"points": 70}},
}


def test_who_is_erased_and_comes_back_gets_no_second_welcome(
    new_shop: Callable[..., TestShop], sign_in: Callable[..., Desk]
) -> None:
    shop = new_shop({**PROGRAM, **WELCOME})
    desk = sign_in(of=shop)
    advocate = member_with(shop, 0, "c-adv")
    (code,) = rows(shop, "select referral_code from member where shop_id = :shop")
    first = person(shop, "c-1", email="Zoe+a@example.com")
    assert has(shop, first).available == 50
    desk.done(f"/customers/{first}/erase", typed="erase")
    back = person(shop, "c-9", email="zoe@example.com", referral_code=code.referral_code)
    points.reward_referrals()
    assert has(shop, back).available == 0
    assert has(shop, advocate).available == 0
    (found,) = rows(shop, "select state, reason from referral where shop_id = :shop")
    assert tuple(found) == ("rejected", "existing")


def test_after_two_years_nothing_is_known_of_an_erased_person(desk: Desk, shop: TestShop) -> None:
    first, second = (person(shop, f"c-{each}", email=f"{each}@example.com") for each in ("a", "b"))
    for member in (first, second):
        desk.done(f"/customers/{member}/erase", typed="erase")
    with transaction() as session:
        session.execute(
            text(
                "update former_address set erased_at = erased_at - interval '731 days' where shop_id = :shop and ctid = ("
                " select ctid from former_address where shop_id = :shop limit 1)"
            ),
            {"shop": shop.id},
        )
    upkeep.purge()
    assert len(rows(shop, "select 1 from former_address where shop_id = :shop")) == 1


def test_all_that_is_known_of_one_person_comes_as_a_zip_and_names_nobody_else(
    desk: Desk, new_shop: Callable[..., TestShop], sign_in: Callable[..., Desk]
) -> None:
    shop = new_shop({**PROGRAM, **WELCOME})
    desk = sign_in(of=shop)
    member = person(shop, "c-1", 900, first_name="Zoe", email="zoe@example.com")
    (code,) = rows(shop, "select referral_code from member where shop_id = :shop")
    person(shop, "f-1", first_name="Friedrich", email="friedrich@friend.example", referral_code=code.referral_code)
    redeem(shop, member, reward(shop, GIFT))
    buy(shop, order_id="o-77")
    with transaction() as session:
        adjustments.adjust(session, shop.id, member, 5, "Sorry", Author("staff", "Bob Builder"), "k", clock.now())
    answer = desk.post(f"/customers/{member}/data")
    assert (answer.status_code, answer.mimetype) == (200, "application/zip")
    archive = zipfile.ZipFile(io.BytesIO(answer.data))
    known = json.loads(archive.read("data.json"))
    page = archive.read("data.html").decode()
    assert known["member"]["email"] == "zoe@example.com"
    assert [each["external_id"] for each in known["orders"]] == ["o-77"]
    assert [each["reward"] for each in known["redemptions"]] == ["Water bottle"]
    assert [each["state"] for each in known["friends_brought"]] == ["qualified"]
    assert "points_adjusted" in [each["about"] for each in known["mails"]]
    for whole in (json.dumps(known), page):
        assert "zoe@example.com" in whole
        for word in ("Friedrich", "friedrich@", "f-1", "Bob Builder"):
            assert word not in whole, word
    assert "Data handed out" in desk.page(f"/customers/{member}/care").get_text()


@pytest.mark.parametrize("path", ["block", "unblock", "merge", "erase", "data"])
def test_who_lacks_the_right_can_do_none_of_it(sign_in: Callable[..., Desk], shop: TestShop, path: str) -> None:
    member = person(shop, "c-1", 10)
    desk = sign_in(*(right for right in Right if right != Right.MANAGE_CUSTOMERS))
    assert desk.post(f"/customers/{member}/{path}", reason="Why not", typed=path).status_code == 403
    assert desk.get(f"/customers/{member}/care").status_code == 403
    assert desk.page(f"/customers/{member}").select_one("#care-title") is None


def test_the_profile_leads_there(desk: Desk, shop: TestShop) -> None:
    member = person(shop, "c-1", 10)
    card = desk.page(f"/customers/{member}").select_one("section[aria-labelledby=care-title]")
    assert card is not None
    assert card.select_one("a")["href"] == f"/admin/customers/{member}/care"


def test_another_shops_customers_are_nobody(desk: Desk, new_shop: Callable[..., TestShop]) -> None:
    other = new_shop()
    member = person(other, "c-1", 10)
    for path in ("care", "merge", "erase"):
        assert desk.get(f"/customers/{member}/{path}").status_code == 404
    assert desk.post(f"/customers/{member}/erase", typed="erase").status_code == 404
