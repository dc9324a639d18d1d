"""Customers of a shop on Shopify find their points and level in their customer accounts, if the shop wants that."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.jobs import outbox, shopify_metafields, upkeep
from backend.ledger.posting import Author
from backend.loyalty.deliveries import gap_report
from backend.loyalty.members import account_metafields, blocking, erasing, merging
from backend.loyalty.shops import shopify_shops
from backend.models import Member, MetafieldRun, ShopifyShop
from backend.platforms.shopify import scopes
from backend.shopify import installing, metafield_calls, metafields, tokens
from backend.staff.rights import Right
from tests.admin.conftest import Desk, sign_in  # noqa: F401 - fixture
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.tiers_world import GOLD, SILVER, earn, enrol, program, settle
from tests.shopify.pretend import Pretend
from tests.shopify.pretend_metafields import Metafields
from tests.shopify.pretend_tokens import Tokens

_customers = count(7_000_000_000_001)
SET = "CustomerMetafieldsSet"


@dataclass
class Accounts:
    """A shop with the app, and the customers whom Shopify shows what we write."""

    shop: TestShop
    shopify: Pretend
    there: Metafields

    def member(self, points: int = 0, customer: str | None = None) -> tuple[int, str]:
        """Our id, and Shopify's."""
        customer = customer or str(next(_customers))
        member_id = enrol(self.shop, customer)
        if points:
            earn(self.shop, member_id, points)
        return member_id, customer

    def switch(self, is_on: bool = True) -> None:
        with transaction() as session:
            change = metafields.turn_on if is_on else metafields.turn_off
            change(session, self.shop.id, clock.wall())

    def work(self) -> list[str]:
        """Its time has come, until nothing is left to do; what Shopify was asked for."""
        self.shopify.asked.clear()
        for _ in range(3):
            self.change(next_at=clock.wall())
            upkeep.write_metafields()
        return [each.operation for each in self.shopify.asked]

    def settled(self) -> None:
        """On, with everybody written."""
        self.switch()
        self.work()
        self.change(walk_at=clock.wall() + timedelta(days=1))

    def change(self, **columns: Any) -> None:
        with transaction() as session:
            if (run := session.get(MetafieldRun, self.shop.id)) is not None:
                for name, value in columns.items():
                    setattr(run, name, value)

    def change_shop(self, **columns: Any) -> None:
        with transaction() as session:
            row = session.get_one(ShopifyShop, self.shop.id)
            for name, value in columns.items():
                setattr(row, name, value)

    def run(self) -> Any:
        with transaction() as session:
            return session.execute(
                text("select * from metafield_run where shop_id = :shop"), {"shop": self.shop.id}
            ).one_or_none()

    def gaps(self) -> list[str]:
        with transaction() as session:
            looking = gap_report.Looking(session, self.shop.facts, clock.now(), clock.wall())
            found = {section.kind: section.findings for section in gap_report.report(looking)}
        return [each.said for each in found.get("customer_data", ())]


@pytest.fixture
def accounts(installed_shop: TestShop, shopify: Pretend) -> Iterator[Accounts]:
    with transaction() as session:
        session.execute(text("update metafield_run set next_at = null"))  # of other tests
    there = Metafields()
    there.register(shopify)
    made = Accounts(installed_shop, shopify, there)
    made.change_shop(scopes=[*scopes.WANTED, *scopes.OPTIONAL])
    yield made
    there.take_away(shopify)


def test_nothing_is_written_as_long_as_it_is_off(accounts: Accounts) -> None:
    accounts.member(100)
    assert accounts.work() == []


def test_once_it_is_on_customer_accounts_may_read_the_points_of_every_member(accounts: Accounts) -> None:
    (_, ada), (_, bo) = accounts.member(100), accounts.member()
    accounts.switch()
    assert accounts.work() == ["CustomerMetafieldDefine", "CustomerMetafieldDefine", SET]
    assert accounts.there.values == {ada: {"points": "100"}, bo: {"points": "0"}}
    told = {key: (each["type"], each["access"], each["ownerType"]) for key, each in accounts.there.definitions.items()}
    access = {"customerAccount": "READ"}
    assert told == {
        ("$app:lagniappe", "points"): ("number_integer", access, "CUSTOMER"),
        ("$app:lagniappe", "tier"): ("single_line_text_field", access, "CUSTOMER"),
    }


def test_what_is_as_it_was_written_is_not_written_again(accounts: Accounts) -> None:
    accounts.member(100)
    accounts.settled()
    assert accounts.work() == []
    accounts.change(walk_at=clock.wall())
    assert accounts.work() == []


def test_points_that_change_are_written_once_and_nobody_else_s(accounts: Accounts) -> None:
    (ada_id, ada), (_, bo) = accounts.member(100), accounts.member(50)
    accounts.settled()
    earn(accounts.shop, ada_id, 20)
    earn(accounts.shop, ada_id, 3)
    assert accounts.work() == [SET]
    [asked] = accounts.shopify.asked
    assert [(each["key"], each["value"]) for each in asked.variables["metafields"]] == [("points", "123")]
    assert accounts.there.values == {ada: {"points": "123"}, bo: {"points": "50"}}
    assert accounts.work() == []


def test_points_that_have_ended_are_no_longer_shown(accounts: Accounts, time: BusinessTime) -> None:
    member_id, ada = accounts.member()
    accounts.settled()
    earn(accounts.shop, member_id, 100)
    accounts.work()
    assert accounts.there.values[ada] == {"points": "100"}
    time.advance(days=800)
    accounts.change(walk_at=clock.wall())
    accounts.work()
    assert accounts.there.values[ada] == {"points": "0"}


def test_the_level_is_written_by_its_name_in_the_shop_s_language(accounts: Accounts) -> None:
    accounts.shop.set_program(**program(SILVER, GOLD))
    member_id, ada = accounts.member(100)
    accounts.settled()
    assert accounts.there.values[ada] == {"points": "100", "tier": "Silver"}
    earn(accounts.shop, member_id, 200)
    assert accounts.work() == [SET]
    assert accounts.there.values[ada] == {"points": "300", "tier": "Gold"}


def test_a_level_that_is_held_no_more_is_taken_away(accounts: Accounts) -> None:
    accounts.shop.set_program(**program(SILVER, GOLD))
    _, ada = accounts.member(100)
    accounts.settled()
    accounts.shop.set_program(**{**program(), "tiers": None})
    settle()
    accounts.change(walk_at=clock.wall())
    assert accounts.work() == ["CustomerMetafieldsDelete"]
    assert accounts.there.values[ada] == {"points": "100"}
    assert accounts.work() == []


def test_sixty_members_take_three_calls(accounts: Accounts) -> None:
    members = [accounts.member()[1] for _ in range(60)]
    accounts.switch()
    assert accounts.work().count(SET) == 3
    assert [len(each.variables["metafields"]) for each in accounts.shopify.asked if each.operation == SET] == [
        25,
        25,
        10,
    ]
    assert accounts.there.values.keys() == set(members)


def test_all_members_are_gone_through_page_by_page(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metafields, "PAGE", 4)
    members = [accounts.member()[1] for _ in range(9)]
    accounts.switch()
    assert accounts.work().count(SET) == 3
    assert accounts.there.values.keys() == set(members)
    assert accounts.run().after_member_id is None


def test_who_is_no_customer_of_shopify_s_is_left_out(accounts: Accounts) -> None:
    accounts.member(10, customer="imported-7")
    _, ada = accounts.member(20)
    accounts.switch()
    accounts.work()
    assert accounts.there.values == {ada: {"points": "20"}}


def test_a_customer_who_is_gone_at_shopify_keeps_nobody_else_from_theirs(accounts: Accounts) -> None:
    made = [accounts.member(10) for _ in range(4)]
    accounts.there.gone = {made[1][1], made[2][1]}
    accounts.settled()
    assert accounts.there.values == {made[0][1]: {"points": "10"}, made[3][1]: {"points": "10"}}
    earn(accounts.shop, made[1][0], 5)
    assert accounts.work() == []


def test_an_erased_member_is_written_no_more_and_a_blocked_one_is(accounts: Accounts) -> None:
    (erased_id, _), (blocked_id, blocked) = accounts.member(10), accounts.member(10)
    erase(accounts, erased_id)
    with transaction() as session:
        blocking.block(session, accounts.shop.id, blocked_id, "a test", Author("staff", "Ada"), clock.now())
    accounts.switch()
    accounts.work()
    assert accounts.there.values == {blocked: {"points": "10"}}


def test_who_is_erased_here_alone_has_nothing_left_at_shopify_either(accounts: Accounts) -> None:
    (kept_id, kept), (gone_id, gone), (_, other) = (accounts.member(10) for _ in range(3))
    accounts.settled()
    with transaction() as session:
        merging.merge(session, accounts.shop.facts, kept_id, gone_id, "a test", Author("staff", "Ada"), clock.now())
    accounts.work()
    assert set(accounts.there.values) == {kept, gone, other}
    erase(accounts, kept_id)
    send_forgetting(accounts, minutes=1)
    assert accounts.there.values[kept] == {"points": "20"}, "somebody may still be writing"
    send_forgetting(accounts, minutes=2)
    assert accounts.there.values == {kept: {}, gone: {}, other: {"points": "10"}}
    assert forgetting(accounts) == [("done", {}, None)] * 2
    accounts.work()
    assert accounts.there.values[kept] == {}


def test_of_an_erased_member_no_id_stays_whatever_shopify_says(accounts: Accounts, shopify: Pretend) -> None:
    member_id, _ = accounts.member(10)
    accounts.settled()
    erase(accounts, member_id)
    accounts.change_shop(state="uninstalled")
    send_forgetting(accounts, minutes=3)
    assert forgetting(accounts) == [("parked", {}, tokens.NOT_INSTALLED)]


def test_nothing_is_asked_for_who_was_never_written(accounts: Accounts) -> None:
    accounts.switch()
    erase(accounts, accounts.member(10)[0])
    accounts.work()
    written_id, _ = accounts.member(10)
    accounts.work()
    accounts.switch(is_on=False)
    accounts.work()
    erase(accounts, written_id)
    assert forgetting(accounts) == []


def erase(accounts: Accounts, member_id: int) -> None:
    with transaction() as session:
        erasing.erase(session, accounts.shop.facts, member_id, Author("staff", "Ada"), clock.now())


def send_forgetting(accounts: Accounts, minutes: int) -> None:
    """So long after it was asked for."""
    with transaction() as session:
        session.execute(
            text(
                "update outbox set created_at = :at, next_try_at = :at where shop_id = :shop and kind = 'shopify_forget'"
                " and state = 'waiting'"
            ),
            {"at": clock.wall() - timedelta(minutes=minutes), "shop": accounts.shop.id},
        )
    kind = account_metafields.OUTBOX_KIND
    outbox.send_some(kind, outbox.SENDERS[kind])


def forgetting(accounts: Accounts) -> list[Any]:
    with transaction() as session:
        rows = session.execute(
            text("select state, payload, last_error from outbox where shop_id = :shop and kind = 'shopify_forget'"),
            {"shop": accounts.shop.id},
        )
        return [tuple(row) for row in rows]


def test_two_customers_who_are_one_member_have_the_same_points(accounts: Accounts) -> None:
    (kept_id, kept), (gone_id, gone) = accounts.member(10), accounts.member(5)
    accounts.settled()
    with transaction() as session:
        merging.merge(session, accounts.shop.facts, kept_id, gone_id, "a test", Author("staff", "Ada"), clock.now())
    accounts.work()
    assert accounts.there.values == {kept: {"points": "15"}, gone: {"points": "15"}}
    earn(accounts.shop, kept_id, 1)
    accounts.work()
    assert accounts.there.values == {kept: {"points": "16"}, gone: {"points": "16"}}


def test_a_member_with_another_customer_is_written_there_too(accounts: Accounts) -> None:
    """Shopify merges two customers of whom we know one: the member goes on with the other's id."""
    member_id, _ = accounts.member(10)
    accounts.settled()
    with transaction() as session:
        session.get_one(Member, (accounts.shop.id, member_id)).external_id = "6999"
    accounts.change(walk_at=clock.wall())
    accounts.work()
    assert accounts.there.values["6999"] == {"points": "10"}


def test_an_entry_that_is_committed_late_is_met_again(accounts: Accounts) -> None:
    """Its number lies below one that was seen already."""
    member_id, ada = accounts.member(10)
    accounts.settled()
    _, bo = accounts.member(10)
    accounts.work()
    with transaction() as session:  # as if this member's entry had not been there to see
        session.execute(
            text("update customer_metafield set points = 1 where shop_id = :shop and member_id = :member"),
            {"shop": accounts.shop.id, "member": member_id},
        )
        session.execute(
            text("update metafield_run set from_entry_id = mark_entry_id - 2 where shop_id = :shop"),
            {"shop": accounts.shop.id},
        )
    accounts.there.values[ada] = {"points": "1"}
    assert accounts.work() == [SET]
    assert accounts.there.values == {ada: {"points": "10"}, bo: {"points": "10"}}


def test_after_a_minute_entries_are_behind_us(accounts: Accounts) -> None:
    accounts.settled()
    accounts.member(10)
    for _ in range(2):
        accounts.change(marked_at=clock.wall() - timedelta(minutes=1))
        accounts.work()
    with transaction() as session:
        newest = session.execute(
            text("select max(id) from entry where shop_id = :shop"), {"shop": accounts.shop.id}
        ).scalar_one()
    assert accounts.run().from_entry_id == newest


def test_where_very_many_change_at_once_all_are_gone_through_a_minute_later(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metafields, "MOST_ENTRIES", 3)
    accounts.settled()
    made = [accounts.member(10)[1] for _ in range(5)]
    assert accounts.work() == []
    assert timedelta() < accounts.run().walk_at - clock.wall() <= timedelta(minutes=1)
    accounts.change(walk_at=clock.wall())
    assert accounts.work() == [SET]
    assert accounts.there.values.keys() == set(made)


# What goes wrong.


def test_a_shop_that_asks_for_patience_gets_it_and_nothing_is_lost(accounts: Accounts) -> None:
    _, ada = accounts.member(10)
    accounts.switch()
    accounts.shopify.will("429 30")
    upkeep.write_metafields()
    assert accounts.there.values == {}
    assert accounts.run().next_at >= clock.wall() + timedelta(seconds=25)
    accounts.work()
    assert accounts.there.values == {ada: {"points": "10"}}
    assert (accounts.run().tries, accounts.run().error) == (0, None)


def test_it_is_asked_less_and_less_often_where_shopify_does_not_answer(accounts: Accounts) -> None:
    accounts.member(10)
    accounts.switch()
    pauses = []
    for _ in range(3):
        accounts.shopify.will("503", "503", "503")
        accounts.change(next_at=clock.wall())
        upkeep.write_metafields()
        pauses.append(round((accounts.run().next_at - clock.wall()) / timedelta(seconds=10)))
        accounts.shopify.moods.clear()
    assert pauses == [1, 2, 4]
    assert accounts.gaps() == ["Shopify answered 503."]


def test_without_the_permission_nothing_is_asked_and_the_gap_report_says_what_to_do(accounts: Accounts) -> None:
    _, ada = accounts.member(10)
    accounts.change_shop(scopes=list(scopes.WANTED))
    accounts.switch()
    assert accounts.work() == []
    [said] = accounts.gaps()
    assert "has not granted write_customers" in said
    assert "accept what it asks" in said
    accounts.change_shop(scopes=[*scopes.WANTED, "write_customers"])
    accounts.work()
    assert accounts.there.values == {ada: {"points": "10"}}
    assert accounts.gaps() == []


def test_what_shopify_refuses_for_good_is_said_and_tried_again_in_an_hour(accounts: Accounts) -> None:
    accounts.member(10)
    refusal = {"field": ["definition"], "code": "RESOURCE_TYPE_LIMIT_EXCEEDED_BY_APP", "message": "Too many."}
    accounts.shopify.resolvers["Mutation.metafieldDefinitionCreate"] = lambda shop, definition: {
        "userErrors": [refusal]
    }
    accounts.switch()
    upkeep.write_metafields()
    assert accounts.gaps() == ["Shopify will not have the metafield “Loyalty points”: Too many."]
    assert accounts.run().next_at >= clock.wall() + timedelta(minutes=59)


def test_definitions_that_are_there_already_are_done(accounts: Accounts) -> None:
    _, ada = accounts.member(10)
    metafield_calls.define(accounts.shop.id)
    accounts.switch()
    accounts.work()
    assert accounts.there.values == {ada: {"points": "10"}}


def test_whoever_dies_between_answer_and_commit_writes_the_same_again_and_nothing_else(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """30 members, two calls; the first was noted, of the second Shopify alone knows."""
    for number in range(30):
        accounts.member(number + 1)
    accounts.switch()
    noted = shopify_metafields._note
    calls = count(1)

    class Killed(BaseException):
        pass

    def note(*given: Any) -> None:
        if next(calls) == 2:
            raise Killed
        noted(*given)

    monkeypatch.setattr(shopify_metafields, "_note", note)
    with pytest.raises(Killed):
        upkeep.write_metafields()
    sent = [each.variables for each in accounts.shopify.asked if each.operation == SET]
    assert upkeep.write_metafields() == 0, "its lease is not over"
    assert accounts.work() == [SET]
    assert [each.variables for each in accounts.shopify.asked] == sent[1:]
    assert accounts.work() == []


# The app comes and goes, and so does the switch.


def test_of_a_shop_without_the_app_nothing_is_asked_and_when_it_is_back_all_is_written_again(
    accounts: Accounts, token_door: Tokens
) -> None:
    member_id, ada = accounts.member(10)
    accounts.settled()
    with transaction() as session:
        shopify_shops.uninstall(session, accounts.shop.id, clock.wall(), clock.wall())
    earn(accounts.shop, member_id, 5)
    assert accounts.work() == []
    assert accounts.run().next_at is None
    accounts.there.values.clear()
    accounts.there.definitions.clear()
    come_back(accounts, token_door)
    assert accounts.run().next_at is not None
    accounts.work()
    assert accounts.there.values == {ada: {"points": "15"}}


def come_back(accounts: Accounts, token_door: Tokens) -> None:
    domain = accounts.shop.facts.shopify_domain
    access, refresh = token_door.first(accounts.shopify, domain)
    wall = clock.wall()
    with transaction() as session:
        installing.install(
            session,
            installing.InstalledShop(
                external_id="548380009",
                domain=domain,
                name="Kiln",
                currency="EUR",
                timezone="Europe/Paris",
                locale="en",
            ),
            installing.Tokens(
                access=access,
                refresh=refresh,
                access_until=wall + timedelta(hours=1),
                refresh_until=wall + timedelta(days=90),
                scopes=(*scopes.WANTED, *scopes.OPTIONAL),
            ),
            now=clock.now(),
        )


def test_switched_off_what_was_written_is_taken_away(accounts: Accounts) -> None:
    _, ada = accounts.member(10)
    accounts.settled()
    accounts.switch(is_on=False)
    assert accounts.work() == ["CustomerMetafieldUndefine", "CustomerMetafieldUndefine"]
    assert accounts.there.values == {ada: {}}
    assert accounts.run() is None
    accounts.settled()
    assert accounts.there.values == {ada: {"points": "10"}}


def test_switched_on_again_before_it_was_taken_away_it_goes_on(accounts: Accounts) -> None:
    _, ada = accounts.member(10)
    accounts.settled()
    accounts.switch(is_on=False)
    accounts.switch()
    accounts.work()
    assert accounts.there.values == {ada: {"points": "10"}}
    assert accounts.run().is_ending is False


@pytest.mark.parametrize("is_on", [True, False])
def test_the_switch_waits_for_whoever_is_writing_just_now(accounts: Accounts, is_on: bool) -> None:
    """Values that arrive after their definition was taken away, or the other way round, would stay at Shopify unread."""
    accounts.settled()
    if is_on:
        accounts.switch(is_on=False)
    lease = clock.wall() + timedelta(minutes=4)
    accounts.change(next_at=lease)
    accounts.switch(is_on)
    assert accounts.run().next_at == lease


class TestThePage:
    @pytest.fixture
    def desk(self, accounts: Accounts, sign_in: Callable[..., Desk]) -> Desk:  # noqa: F811
        return sign_in(Right.SETTINGS, of=accounts.shop)

    def test_the_merchant_switches_it_on_and_off(self, desk: Desk, accounts: Accounts) -> None:
        assert "It is off" in desk.page("/customer-accounts").get_text()
        assert "from now on" in desk.done("/customer-accounts", on="1")
        assert "It is on" in desk.page("/customer-accounts").get_text()
        assert accounts.run() is not None
        assert "taken away" in desk.done("/customer-accounts", on="0")
        assert "being taken away" in desk.page("/customer-accounts").get_text()
        accounts.work()
        assert "It is off" in desk.page("/customer-accounts").get_text()

    def test_it_is_found_where_the_theme_is_set_up(self, desk: Desk) -> None:
        assert desk.page("/guide/snippet").select_one('main a[href="/admin/customer-accounts"]') is not None

    def test_it_says_where_the_permission_is_granted(self, desk: Desk, accounts: Accounts) -> None:
        accounts.change_shop(scopes=list(scopes.WANTED))
        page = desk.page("/customer-accounts")
        assert "Open this page in your shop's admin at Shopify" in " ".join(page.get_text().split())
        [form] = page.select("main form")
        assert form["data-scope"] == "write_customers"

    def test_other_platforms_have_no_such_page(self, shop: TestShop, sign_in: Callable[..., Desk]) -> None:  # noqa: F811
        desk = sign_in(of=shop)
        assert desk.get("/customer-accounts").status_code == 404
        assert desk.post("/customer-accounts", on="1").status_code == 404
