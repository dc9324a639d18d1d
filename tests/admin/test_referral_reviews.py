"""Referrals that are held for a look: what speaks for it, approve or refuse."""

from collections.abc import Callable

import pytest
from bs4 import BeautifulSoup

from backend.staff.rights import Right
from tests.admin.conftest import Desk, said
from tests.conftest import BusinessTime, TestShop
from tests.loyalty.referral_world import advocate, available, join, program, settle
from tests.loyalty.rewards_world import rows, violations

HOME = {"line1": "1 Rue de la Paix", "city": "Paris", "postal_code": "75002"}


@pytest.fixture
def shop(new_shop: Callable[..., TestShop], time: BusinessTime) -> TestShop:
    made = new_shop(program(reward_when="registered", hold_days=0))
    time.advance(days=1)
    return made


def hold(shop: TestShop, friend: str = "bea", who: tuple[int, str] | None = None) -> tuple[int, int, int]:
    """A referral between two who share a home: its id, the advocate, the friend."""
    ada, code = who or advocate(shop, address=HOME, first_name="Ada")
    bea = join(shop, friend, code, address=HOME, email=f"{friend}@example.com", first_name=friend.title())
    (row,) = rows(shop, "select id, review from referral where shop_id = :shop and friend_id = :friend", friend=bea)
    assert row.review == "waiting"
    return row.id, ada, bea


def test_what_is_held_is_listed_with_why(desk: Desk, shop: TestShop) -> None:
    _, ada, bea = hold(shop)
    page = desk.page("/referral-reviews")
    assert "Both have the same postal address" in page.text
    assert {f"/admin/customers/{ada}", f"/admin/customers/{bea}"} <= {
        str(a["href"]) for a in page.select("main a[href]")
    }
    assert "Rue de la Paix" not in page.text


def test_approving_gives_both_what_they_were_promised(desk: Desk, shop: TestShop) -> None:
    referral, ada, bea = hold(shop)
    settle()
    assert (available(shop, ada), available(shop, bea)) == (0, 0)
    assert "Approved." in desk.done(f"/referral-reviews/{referral}", decision="approved", reason="They are sisters")
    settle()
    assert (available(shop, ada), available(shop, bea)) == (100, 50)
    assert "Nothing to review" in desk.page("/referral-reviews").text
    shown = desk.page("/referral-reviews", show="approved").text
    assert "Ada Admin" in shown
    assert "They are sisters" in shown
    assert violations(shop) == []


def test_refusing_needs_a_reason_and_can_be_changed_for_the_better(desk: Desk, shop: TestShop) -> None:
    referral, ada, _ = hold(shop)
    answer = desk.post(f"/referral-reviews/{referral}", decision="refused", reason="")
    assert answer.status_code == 422
    assert BeautifulSoup(answer.text, "html.parser").select_one(f"#wrong-{referral}") is not None
    assert "Refused." in desk.done(
        f"/referral-reviews/{referral}", decision="refused", reason="One and the same person"
    )
    settle()
    assert available(shop, ada) == 0
    assert "Approve" in desk.page("/referral-reviews", show="refused").text
    desk.done(f"/referral-reviews/{referral}", decision="approved", reason="")
    settle()
    assert available(shop, ada) == 100
    assert violations(shop) == []


def test_who_is_one_of_the_two_cannot_decide(sign_in: Callable[..., Desk], shop: TestShop) -> None:
    referral, ada, _ = hold(shop)
    for address in ("ada@example.com", "bea+work@example.com"):
        answer = sign_in(email=address).post(f"/referral-reviews/{referral}", decision="approved", reason="")
        assert answer.status_code == 409
        assert "own account" in said(answer)
    settle()
    assert available(shop, ada) == 0


def test_seeing_and_deciding_are_two_rights(sign_in: Callable[..., Desk], shop: TestShop) -> None:
    referral, _, _ = hold(shop)
    viewer = sign_in(Right.VIEW_CUSTOMERS)
    assert viewer.page("/referral-reviews").select("main form[method=post]") == []
    assert viewer.post(f"/referral-reviews/{referral}", decision="approved").status_code == 403
    assert sign_in(Right.REWARDS).get("/referral-reviews").status_code == 403


def test_the_list_goes_on_page_by_page(desk: Desk, shop: TestShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.admin.referral_reviews.PAGE_SIZE", 2)
    who = advocate(shop, address=HOME, first_name="Ada")
    held = [hold(shop, f"friend{number}", who)[0] for number in range(3)]
    page = desk.page("/referral-reviews")
    older = str(page.select_one("[rel=next]")["href"]).partition("before=")[2]  # type: ignore[index]
    seen = [
        int(str(form["action"]).rpartition("/")[2])
        for each in (page, desk.page("/referral-reviews", before=older))
        for form in each.select("form.decide")
    ]
    assert seen == held[::-1]


def test_another_shop_sees_and_decides_nothing(
    sign_in: Callable[..., Desk], shop: TestShop, new_shop: Callable[..., TestShop]
) -> None:
    referral, ada, _ = hold(shop)
    stranger = sign_in(of=new_shop())
    assert "Nothing to review" in stranger.page("/referral-reviews").text
    assert stranger.post(f"/referral-reviews/{referral}", decision="approved", reason="").status_code == 404
    settle()
    assert available(shop, ada) == 0
