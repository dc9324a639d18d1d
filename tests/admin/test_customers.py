"""Customers: found by what is in hand, listed, and shown with all that is known of them (S3.20, S3.21)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import text

from backend import clock
from backend.db import db, transaction
from backend.loyalty.members import customer_list, customer_profile, members
from backend.loyalty.members.customer_list import Wanted
from backend.loyalty.referrals import referral_list
from backend.loyalty.segments import segments
from backend.staff.rights import Right
from tests.admin.conftest import Desk
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.rewards_world import FIVE_OFF, buy, change, member_with, redeem, reward, rows

LEVELS = {
    "basis": "points_earned",
    "window": "lifetime",
    "levels": [
        {"id": "silver", "from": 100, "name": {"en": "Silver Club"}},
        {"id": "gold", "from": 1000, "name": {"en": "Gold Club"}},
    ],
}


def customer(shop: TestShop, external_id: str, **known: Any) -> int:
    shop.tell("customer.created", {"id": external_id, **known})
    (row,) = rows(shop, "select id from member where shop_id = :shop and external_id = :id", id=external_id)
    return int(row.id)


def found(desk: Desk, search: str) -> list[str]:
    return names(desk.page("/customers", search=search))


def names(page: BeautifulSoup) -> list[str]:
    return [each.get_text(strip=True) for each in page.select("#list tbody th a")]


@pytest.fixture
def ada(shop: TestShop) -> int:
    return customer(
        shop,
        "C-4711",
        email="Ada.Diaz@Mail.example",
        phone="+33 6 12 34 56 78",
        first_name="Ada",
        last_name="Diaz",
    )


@pytest.fixture
def bea(shop: TestShop) -> int:
    return customer(
        shop, "C-4712", email="bea@mail.example", phone="0044 20 7946 0958", first_name="Bea", last_name="Dietz"
    )


# Finding ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "search",
    [
        "ada.diaz@mail.example",
        "ADA.DIAZ@",
        "ada",
        "Ada D",
        "diaz",
        "Diaz A",
        "c-4711",
        "+33 6 12 34 56 78",
        "06 12 34 56 78",
        "336123",
    ],
)
def test_a_customer_is_found_by_what_is_known_of_her(desk: Desk, ada: int, bea: int, search: str) -> None:
    assert found(desk, search) == ["Ada Diaz"]


@pytest.mark.parametrize("search", ["di", "c-471", "  DI  "])
def test_a_beginning_finds_all_who_begin_so(desk: Desk, ada: int, bea: int, search: str) -> None:
    assert sorted(found(desk, search)) == ["Ada Diaz", "Bea Dietz"]


@pytest.mark.parametrize("search", ["nobody", "%", "_da", "ada%", "' or 1=1 --", "\\", "4711"])
def test_nothing_stands_for_anything_else(desk: Desk, ada: int, search: str) -> None:
    assert found(desk, search) == []
    assert "Nobody found" in desk.page("/customers", search=search).text


def test_an_order_a_coupon_and_a_referral_code_find_whose_they_are(
    desk: Desk, shop: TestShop, ada: int, bea: int
) -> None:
    buy(shop, order_id="gid-900", number="#1234", customer={"id": "C-4711"})
    five_off = reward(shop, FIVE_OFF)
    with transaction() as session:
        members.enrol(session, shop.id, "C-4711", clock.now())
    member_with(shop, 500, "C-4711")
    had = redeem(shop, ada, five_off)
    (own,) = rows(shop, "select referral_code from member where shop_id = :shop and id = :id", id=ada)
    for search in ("gid-900", "1234", "#1234", had.code, had.code.lower(), own.referral_code.lower()):
        assert found(desk, search) == ["Ada Diaz"], search


def test_exact_hits_stand_first(desk: Desk, shop: TestShop) -> None:
    customer(shop, "7", first_name="Exactly")
    for number in range(3):
        customer(shop, f"7{number}", first_name=f"Longer{number}")
    assert found(desk, "7")[0] == "Exactly"


def test_of_two_shops_each_finds_its_own(
    desk: Desk, sign_in: Callable[..., Desk], new_shop: Callable[..., TestShop], ada: int
) -> None:
    stranger = sign_in(of=new_shop())
    assert found(stranger, "ada") == []
    for path in (f"/customers/{ada}", f"/customers/{ada}/log", f"/customers/{ada}/redeem"):
        assert stranger.get(path).status_code == 404


def plan(statement: str, parameters: dict[str, Any], *settings: str) -> str:
    with transaction() as session:
        for each in ("enable_seqscan = off", "enable_sort = on", *settings):
            session.execute(text(f"set local {each}"))
        return "\n".join(row[0] for row in session.execute(text(f"explain {statement}"), parameters))


@pytest.fixture
def crowd(shop: TestShop) -> TestShop:
    """A shop with some thousand members, so that the planner has something to choose by."""
    with transaction() as session:
        session.execute(
            text(
                """
                with made as (
                    insert into member (shop_id, external_id, email, phone, first_name, last_name, enrolled_at)
                    select :shop, 'crowd-' || n, 'crowd' || n || '@mail.example', '+49 30 ' || (1000000 + n),
                        'First' || n, 'Last' || n, :now from generate_series(1, 5000) n returning shop_id, id)
                insert into account (shop_id, member_id, available) select shop_id, id, id % 97 from made
                """
            ),
            {"shop": shop.id, "now": clock.now()},
        )
    db.session.rollback()
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("analyze member, account"))
    return shop


def test_a_search_walks_an_index_for_each_way_to_be_found(crowd: TestShop) -> None:
    statement = customer_list.search_statement(crowd.id, "0301000077", clock.now())
    assert statement is not None
    shown = plan(*statement)
    for index in (
        "member_search_email",
        "member_search_external",
        "member_search_name",
        "member_search_last_name",
        "member_search_phone",
        "member_search_phone_end",
        "member_referral_code",
        "redemption_code",
        "orders_number",
    ):
        assert f"Index Scan using {index} " in shown or f"Bitmap Index Scan on {index}" in shown, (index, shown)
    assert "Seq Scan" not in shown
    assert shown.count("Sort Key: (lower") == 0  # a beginning is read in its index's order and cut


def test_a_page_walks_one_index_and_is_cut(crowd: TestShop, desk: Desk) -> None:
    cases = [
        (Wanted(), "member_pkey"),
        (Wanted(after=10**6), "member_pkey"),
        (Wanted(tier="gold"), "member_at_tier"),
        (Wanted(status="erased"), "member_not_active"),
        (Wanted(segment="big"), "segment_member_pkey"),
    ]
    statements = [customer_list.statement_for(crowd.id, each, clock.now(), 50) for each, _ in cases]
    for (statement, parameters), (wanted, index) in zip(statements, cases, strict=True):
        shown = plan(statement, parameters)
        assert index in shown, (wanted, shown)
        assert "Seq Scan" not in shown, (wanted, shown)
    log = plan(*customer_profile.entries_statement(crowd.id, 1, None, 50))
    assert "entry_of_member" in log
    of_kinds = plan(*customer_profile.entries_statement(crowd.id, 1, None, 50, "spent"))
    assert "Seq Scan" not in of_kinds
    reviewed = plan(*referral_list.statement_for(crowd.id, "waiting", None, 25))
    assert "referral_by_review" in reviewed


# The list ---------------------------------------------------------------------------------------------------------


def test_the_list_is_read_page_by_page_newest_first(
    desk: Desk, shop: TestShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.admin.customers.PAGE_SIZE", 2)
    for number in range(5):
        customer(shop, f"c-{number}", first_name=f"No{number}")
    assert walk(desk) == ["No4", "No3", "No2", "No1", "No0"]


def test_the_list_by_points_is_read_page_by_page(desk: Desk, shop: TestShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.admin.customers.PAGE_SIZE", 2)
    for number, points in enumerate((30, 10, 30, 0, 20)):
        customer(shop, f"c-{number}", first_name=f"No{number}")
        member_with(shop, points, f"c-{number}")
    assert walk(desk, sort="points") == ["No2", "No0", "No4", "No1", "No3"]


def test_by_points_no_page_repeats_anybody_while_points_move(
    desk: Desk, shop: TestShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.admin.customers.PAGE_SIZE", 2)
    for number in range(6):
        customer(shop, f"c-{number}", first_name=f"No{number}")
        member_with(shop, 10 * number + 1, f"c-{number}")
    first = desk.page("/customers", sort="points")
    assert names(first) == ["No5", "No4"]
    member_with(shop, 1_000, "c-4")  # who was last on the page has gone up
    assert names(desk.page("/customers", **rest_of(first))) == ["No3", "No2"]


def test_by_points_the_whole_shop_is_listed_and_a_page_keeps_no_more_than_it_shows(crowd: TestShop) -> None:
    with transaction() as session:
        everybody, ranks, wanted = 0, [], Wanted(sort="points")
        while True:
            found, has_more = customer_list.page(session, crowd.id, wanted, clock.now(), 700)
            ranks += [(each.ranked, each.id) for each in found]
            everybody += len(found)
            if not has_more:
                break
            wanted = Wanted(sort="points", after=found[-1].id, below=found[-1].ranked)
        told = session.execute(
            text("select count(*) from member where shop_id = :shop"), {"shop": crowd.id}
        ).scalar_one()
    assert everybody == told > 1_000
    assert ranks == sorted(set(ranks), reverse=True)
    shown = plan(*customer_list.statement_for(crowd.id, wanted, clock.now(), 50))
    assert "top-N" in shown or "Sort Key: b.available DESC, b.member_id DESC" in shown
    assert "member_pkey" in shown, shown


def walk(desk: Desk, **query: Any) -> list[str]:
    seen: list[str] = []
    for _ in range(10):
        page = desk.page("/customers", **query)
        seen += names(page)
        older = page.select_one("#list [rel=next]")
        if older is None:
            return seen
        query = rest_of(page)
    raise AssertionError("the list has no end")


def rest_of(page: BeautifulSoup) -> dict[str, str]:
    """What the address of the next page asks for."""
    older = page.select_one("#list [rel=next]")
    assert older is not None
    return dict(parse_qsl(urlsplit(str(older["href"])).query))


def test_the_list_is_filtered_by_level_segment_and_status(
    desk: Desk, new_shop: Callable[..., TestShop], sign_in: Any
) -> None:
    shop = new_shop({"tiers": LEVELS})
    desk = sign_in(of=shop)
    gold, plain, gone = (customer(shop, f"c-{n}", first_name=f"No{n}") for n in range(3))
    with transaction() as session:
        session.execute(
            text("update member set tier = 'gold' where shop_id = :shop and id = :id"), {"shop": shop.id, "id": gold}
        )
        segment = segments.create(
            session,
            shop.id,
            "big",
            "Big spenders",
            [{"conditions": [{"attribute": "Tags", "operator": "Is set"}]}],
            clock.now(),
        )
        session.flush()
        session.execute(
            text("insert into segment_member values (:shop, :number, :member)"),
            {"shop": shop.id, "number": segment.number, "member": plain},
        )
        session.execute(text("update segment set members_count = 1 where shop_id = :shop"), {"shop": shop.id})
        members.erase(session, shop.id, "c-2", clock.now())
    assert names(desk.page("/customers", tier="gold")) == ["No0"]
    assert names(desk.page("/customers", segment="big")) == ["No1"]
    assert names(desk.page("/customers", status="erased")) == [f"Member {gone}"]
    assert names(desk.page("/customers", status="active", sort="points")) == ["No1", "No0"]
    assert "Gold Club" in desk.page("/customers").text
    assert "No customer fits" in desk.page("/customers", tier="gold", segment="big").text


def test_points_past_their_date_are_not_shown_as_available(desk: Desk, shop: TestShop, time: BusinessTime) -> None:
    customer(shop, "c-1", first_name="Ada")
    member = member_with(shop, 70, "c-1", expires_at=time.now + timedelta(days=1))
    time.advance(days=2)
    row = desk.page("/customers").select_one("#list tbody tr")
    assert row is not None
    assert row.select_one(".number").get_text(strip=True) == "0"  # type: ignore[union-attr]
    assert "no points to spend" in desk.page(f"/customers/{member}").text


def test_a_new_shop_has_no_customers_yet(desk: Desk) -> None:
    assert "No customers yet" in desk.page("/customers").text


# The profile ------------------------------------------------------------------------------------------------------


def test_the_profile_has_the_balance_and_every_end(desk: Desk, shop: TestShop, ada: int, time: BusinessTime) -> None:
    time.set("2026-03-02T12:00:00+00:00")
    with transaction() as session:
        session.execute(
            text("update member set enrolled_at = :now where shop_id = :shop"), {"now": time.now, "shop": shop.id}
        )
    member_with(shop, 40, "C-4711", expires_at=time.now + timedelta(days=30))
    member_with(shop, 60, "C-4711")
    buy(
        shop,
        order_id="o-1",
        number="#77",
        customer={"id": "C-4711"},
        delivery_status="collected",
        collected_at=time.now.isoformat(),
    )
    buy(shop, order_id="o-2", number="#78", customer={"id": "C-4711"}, total="250.00", subtotal="250.00")
    page = desk.page(f"/customers/{ada}")
    figures = {
        each.select_one("dt").get_text(strip=True): each.select_one("dd").find(string=True).strip()  # type: ignore[union-attr]
        for each in page.select(".figure")
    }
    assert figures == {"Available": "100", "Pending": "10", "Expected": "25", "On hold": "0", "Owed": "0"}
    ends = [each.get_text(" ", strip=True) for each in page.select("[aria-label='Points by their last day'] tbody tr")]
    assert ends == ["Apr 1, 2026 40 40 Mar 2, 2026", "No end 60 60 Mar 2, 2026"]
    waits = page.select_one("[aria-labelledby=awards-title] tbody").get_text(" ", strip=True)  # type: ignore[union-attr]
    assert waits.startswith("Mar 5, 2026 10")
    orders = [each.get_text(" ", strip=True) for each in page.select("#orders tbody tr")]
    assert any("#78" in each or "78" in each for each in orders)
    assert "Expected" in " ".join(orders)
    assert "Come on Mar 5, 2026" in " ".join(orders)


def test_the_log_says_who_did_what_and_why(desk: Desk, shop: TestShop, ada: int) -> None:
    member_with(shop, 1_000, "C-4711")
    redeem(shop, ada, reward(shop, FIVE_OFF))
    key = desk.page(f"/customers/{ada}").select_one("#assign [name=key]")["value"]  # type: ignore[index]
    desk.done(f"/customers/{ada}/points", key=key, points="-20", reason="Given twice")
    lines = [each.get_text(" ", strip=True) for each in desk.page(f"/customers/{ada}/log").select("tbody tr")]
    assert len(lines) == 3
    assert "Taken Given twice −20 480 Ada Admin" in lines[0]
    assert "Spent 5 off −500 500 The customer" in lines[1]
    assert "Added a test" in lines[2]
    assert "+1,000 1,000 Lagniappe" in lines[2]
    only = desk.page(f"/customers/{ada}/log", kind="by_hand").select("tbody tr")
    assert len(only) == 2


def test_the_log_is_read_page_by_page(desk: Desk, shop: TestShop, ada: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.admin.customers.PAGE_SIZE", 2)
    for points in range(1, 6):
        member_with(shop, points, "C-4711")
    seen: list[str] = []
    query: dict[str, str] = {}
    for _ in range(3):
        page = desk.page(f"/customers/{ada}/log", **query)
        seen += [each.get_text(strip=True) for each in page.select("tbody .points")]
        older = page.select_one("#log [rel=next]")
        query = {"before": str(older["href"]).partition("before=")[2]} if older else {}
    assert seen == ["+5", "+4", "+3", "+2", "+1"]


def test_orders_and_rewards_go_on_page_by_page(
    desk: Desk, shop: TestShop, ada: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.admin.customers.PART_SIZE", 2)
    free = reward(shop, {**FIVE_OFF, "points_to_be_redeemed": 1})
    member_with(shop, 10, "C-4711")
    for number in range(3):
        buy(shop, order_id=f"o-{number}", number=f"N{number}", customer={"id": "C-4711"})
        redeem(shop, ada, free)
    page = desk.page(f"/customers/{ada}")
    for part, name in (("orders", "orders_before"), ("rewards", "rewards_before")):
        first = [str(each["href"]) for each in page.select(f"#{part} tbody th a")]
        older = str(page.select_one(f"#{part} [rel=next]")["href"]).partition(f"{name}=")[2]  # type: ignore[index]
        rest = [
            str(each["href"]) for each in desk.page(f"/customers/{ada}", **{name: older}).select(f"#{part} tbody th a")
        ]
        assert (len(first), len(rest), len({*first, *rest})) == (2, 1, 3)


def test_the_level_and_the_way_to_the_next(new_shop: Callable[..., TestShop], sign_in: Callable[..., Desk]) -> None:
    shop = new_shop({"tiers": LEVELS})
    member = customer(shop, "c-1", first_name="Ada")
    with transaction() as session:
        session.execute(
            text(
                "insert into tier_standing (shop_id, member_id, basis, value, reached)"
                " values (:shop, :member, 'points_earned', 400, 'silver') on conflict (shop_id, member_id)"
                " do update set basis = 'points_earned', value = 400, reached = 'silver'"
            ),
            {"shop": shop.id, "member": member},
        )
        session.execute(text("update member set tier = 'silver' where shop_id = :shop"), {"shop": shop.id})
    page = sign_in(of=shop).page(f"/customers/{member}")
    assert page.select_one(".level").get_text(strip=True) == "Silver Club"  # type: ignore[union-attr]
    assert "600 points to go, 400 so far." in " ".join(page.text.split())
    assert page.select_one("progress")["value"] == "0.4"  # type: ignore[index]


def test_an_erased_customer_has_points_and_no_name(desk: Desk, shop: TestShop, ada: int) -> None:
    member_with(shop, 50, "C-4711")
    with transaction() as session:
        members.erase(session, shop.id, "C-4711", clock.now())
    page = desk.page(f"/customers/{ada}")
    assert f"Member {ada}" in page.text
    assert "Erased" in page.text
    assert "Diaz" not in page.text
    assert page.select_one("#assign") is None


def test_the_mails_are_listed_without_what_they_said(desk: Desk, shop: TestShop, ada: int) -> None:
    key = desk.page(f"/customers/{ada}").select_one("#assign [name=key]")["value"]  # type: ignore[index]
    desk.done(f"/customers/{ada}/points", key=key, points="20", reason="A secret reason", tell="1")
    part = desk.page(f"/customers/{ada}").select_one("section[aria-labelledby=mails-title]")
    assert part is not None
    assert "Points adjusted" in part.text
    assert "secret" not in part.text


def test_who_only_sees_customers_is_shown_no_button(sign_in: Callable[..., Desk], shop: TestShop, ada: int) -> None:
    """S3.26: "customer management" may only view points."""
    viewer = sign_in(Right.VIEW_CUSTOMERS)
    member_with(shop, 1_000, "C-4711")
    had = redeem(shop, ada, reward(shop, FIVE_OFF))
    page = viewer.page(f"/customers/{ada}")
    assert "1,000" in viewer.page(f"/customers/{ada}/log").text
    assert [each["action"] for each in page.select("main form[method=post]")] == []
    for path in ("points", "redeem", f"redemptions/{had.id}/return", f"redemptions/{had.id}/mark"):
        assert viewer.post(f"/customers/{ada}/{path}", points="5").status_code == 403
    assert sign_in(Right.REWARDS).get(f"/customers/{ada}").status_code == 403


def test_what_a_store_says_is_text(desk: Desk, shop: TestShop) -> None:
    member = customer(shop, "<i>x</i>", first_name="<script>alert(1)</script>", tags=["<b>"])
    assert "<script>alert(1)" not in desk.get(f"/customers/{member}").text
    assert "<script>alert(1)" not in desk.get("/customers").text


def test_a_reward_that_changes_its_name_keeps_it_in_the_profile(desk: Desk, shop: TestShop, ada: int) -> None:
    five_off = reward(shop, FIVE_OFF)
    member_with(shop, 1_000, "C-4711")
    redeem(shop, ada, five_off)
    change(shop, five_off, reward_name="Another name")
    assert "5 off" in desk.page(f"/customers/{ada}").select_one("#rewards").text  # type: ignore[union-attr]
