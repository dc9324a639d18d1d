"""From what happens to points to what stands in the member's mailbox, over the outbox and a real SMTP server."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.engine import Row

from backend import clock
from backend.app import create_app
from backend.db import db, transaction
from backend.jobs import outbox, points
from backend.ledger import posting
from backend.ledger.posting import Author
from backend.loyalty.members import merging
from backend.loyalty.notifications import notices
from backend.loyalty.points import adjustments
from backend.loyalty.redemptions import earned_rewards, redemptions
from backend.loyalty.redemptions.redemptions import Redeemer
from backend.loyalty.rewards import rewards
from tests.conftest import PROGRAM, BusinessTime, TestShop
from tests.loyalty import referral_world
from tests.loyalty.money_world import CARD, CREDIT, paid, shop_on_shopify
from tests.loyalty.rewards_world import member_with
from tests.mail.conftest import Mailbox

ADA = {"id": "c-1", "email": "ada@example.com", "first_name": "Ada", "locale": "en-GB"}
ORDER = {
    "id": "o-1",
    "number": "#1001",
    "customer": ADA,
    "currency": "EUR",
    "created_at": "2019-11-29T10:00:00+01:00",
    "subtotal": "1000.00",
    "line_items": [{"id": "l-1", "title": "Lamp", "quantity": 2, "unit_price": "500.00", "total": "1000.00"}],
    "delivery_status": "collected",
    "collected_at": "2019-12-01T18:00:00+01:00",
}
END = datetime.fromisoformat("2021-01-01T00:00:00+01:00")
"""The points of the order can be spent until the end of 2020-12-31 in Paris."""


@pytest.fixture
def mailing_app(app: Flask, environ: dict[str, str], mailbox: Mailbox, time: BusinessTime) -> Iterator[Flask]:
    """The app with the test's own mail server."""
    made = create_app({**environ, "MAIL_URL": mailbox.url})
    with made.app_context():
        clock.use_offset(lambda: time.now - clock.wall())
        yield made
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def shop(mailing_app: Flask, time: BusinessTime, new_shop: Callable[..., TestShop]) -> TestShop:
    with transaction() as session:  # who is left over from other tests is to read nothing
        session.execute(text("update outbox set state = 'parked' where state = 'waiting'"))
        session.execute(text("update member set email = null"))
    time.set("2019-11-01T12:00:00+01:00")
    made = new_shop()
    time.set("2019-12-01T20:00:00+01:00")
    made.tell("customer.created", ADA)
    return made


@pytest.fixture
def earned(shop: TestShop, time: BusinessTime) -> TestShop:
    """A shop with a member who has just got 100 points, unmailed yet."""
    shop.tell("order.collected", ORDER)
    time.set("2019-12-04T08:00:00+01:00")
    points.post_due()
    return shop


def only(mailbox: Mailbox) -> tuple[EmailMessage, str]:
    (letter,) = mailbox.letters
    body = letter.get_body(("plain",))
    assert body is not None
    mailbox.letters.clear()
    return letter, body.get_content()


def mail(shop: TestShop, purpose: str) -> Row[Any]:
    found = db.session.execute(
        text("select * from outbox where shop_id = :shop and payload->>'purpose' = :purpose order by id desc limit 1"),
        {"shop": shop.id, "purpose": purpose},
    ).one()
    db.session.rollback()
    return found


def lot(shop: TestShop) -> Row[Any]:
    found = db.session.execute(text("select * from lot where shop_id = :shop"), {"shop": shop.id}).one()
    db.session.rollback()
    return found


def member_id(shop: TestShop) -> int:
    found: int = db.session.execute(text("select id from member where shop_id = :shop"), {"shop": shop.id}).scalar_one()
    db.session.rollback()
    return found


def let_pass(shop: TestShop, **time: float) -> None:
    with transaction() as session:
        session.execute(
            text("update outbox set next_try_at = next_try_at - :time where shop_id = :shop"),
            {"time": timedelta(**time), "shop": shop.id},
        )


def test_whoever_earns_points_gets_a_mail(earned: TestShop, mailbox: Mailbox) -> None:  # S3.30
    assert outbox.send() == 1
    letter, body = only(mailbox)
    assert letter["To"] == "Ada <ada@example.com>"
    assert letter["From"] == "Maison Test <rewards@shop.example>"
    assert letter["Subject"] == "You earned 100 points at Maison Test"
    assert "Order: #1001" in body
    assert "Valid through: 31 December 2020" in body
    assert "Available now: 100 points" in body
    assert mail(earned, "points_earned").state == "done"
    assert outbox.send() == 0


def test_nothing_personal_stands_in_the_outbox(earned: TestShop) -> None:
    payload = str(mail(earned, "points_earned").payload)
    assert "ada" not in payload.lower()


def test_whoever_loses_points_to_a_refund_gets_a_mail_with_the_reason(earned: TestShop, mailbox: Mailbox) -> None:
    outbox.send()
    mailbox.letters.clear()
    earned.tell("order.cancelled", ORDER | {"cancelled_at": "2019-12-05T10:00:00+01:00"})
    outbox.send()
    letter, body = only(mailbox)
    assert letter["Subject"] == "Maison Test took back 100 points"
    assert "Reason: The order was cancelled" in body
    assert "Order: #1001" in body
    assert "Available now: 0 points" in body


@pytest.mark.parametrize(("given", "subject"), [(30, "gave you 30 points"), (-30, "deducted 30 points")])
def test_an_adjustment_by_hand_is_told_with_its_reason(
    earned: TestShop, mailbox: Mailbox, given: int, subject: str
) -> None:
    outbox.send()
    mailbox.letters.clear()
    with transaction() as session:
        adjustments.adjust(
            session, earned.id, member_id(earned), given, "Lost parcel", Author("staff", "Eve"), "k", clock.now()
        )
    outbox.send()
    letter, body = only(mailbox)
    assert letter["Subject"] == f"Maison Test {subject}"
    assert "Reason: Lost parcel" in body
    assert f"Available now: {100 + given} points" in body


def test_a_reminder_names_the_day_and_leaves_it_when_it_is_in_time(
    earned: TestShop, mailbox: Mailbox, time: BusinessTime
) -> None:
    outbox.send()
    mailbox.letters.clear()
    time.set(END - timedelta(days=30))
    points.remind()
    outbox.send()
    assert only(mailbox)[0]["Subject"] == "Use 100 points by 31 December 2020"
    assert lot(earned).reminder == "waiting"
    time.set(END - timedelta(days=7))
    points.remind()
    assert lot(earned).reminder == "queued"
    outbox.send()
    assert only(mailbox)[0]["Subject"] == "Use 100 points by 31 December 2020"
    assert (lot(earned).reminder, lot(earned).expires_at) == ("sent", END)


def test_a_reminder_that_goes_out_late_says_the_later_day_and_moves_it(
    earned: TestShop, mailbox: Mailbox, time: BusinessTime
) -> None:
    outbox.send()
    mailbox.letters.clear()
    time.set(END - timedelta(days=7))
    points.remind()
    time.set(END + timedelta(days=2, hours=12))
    points.expire()
    assert lot(earned).open, "not expired before its reminder went out"
    outbox.send()
    assert only(mailbox)[0]["Subject"] == "Use 100 points by 10 January 2021"
    assert lot(earned).expires_at == pytest.approx(time.now + timedelta(days=7), abs=timedelta(minutes=1))
    time.advance(days=7, minutes=2)
    points.expire()
    outbox.send()
    assert only(mailbox)[0]["Subject"] == "Expired: 100 points at Maison Test"
    assert not lot(earned).open


def test_a_reminder_whose_reader_is_refused_is_impossible_and_delays_nothing(
    earned: TestShop, mailbox: Mailbox, time: BusinessTime
) -> None:
    outbox.send()
    mailbox.answers["ada@example.com"] = "550 no such user"
    time.set(END - timedelta(days=7))
    points.remind()
    outbox.send()
    assert (lot(earned).reminder, lot(earned).expires_at) == ("impossible", END)
    assert mail(earned, "points_expiring").state == "parked"
    assert "550 no such user" in mail(earned, "points_expiring").last_error


def test_points_spent_meanwhile_need_no_reminder(earned: TestShop, mailbox: Mailbox, time: BusinessTime) -> None:
    outbox.send()
    mailbox.letters.clear()
    time.set(END - timedelta(days=7))
    points.remind()
    with transaction() as session:
        adjustments.adjust(
            session, earned.id, member_id(earned), -100, "Spent", Author("staff", "Eve"), "k", clock.now()
        )
    outbox.send()
    assert only(mailbox)[0]["Subject"] == "Maison Test deducted 100 points"
    assert mail(earned, "points_expiring").last_error == "not sent: nothing of these points is left"


def test_greylisting_delays_a_mail_and_no_more(earned: TestShop, mailbox: Mailbox) -> None:
    mailbox.answers["ada@example.com"] = "451 come back later"
    outbox.send()
    found = mail(earned, "points_earned")
    assert (found.state, found.attempts) == ("waiting", 1)
    assert "451 come back later" in found.last_error
    mailbox.answers.clear()
    let_pass(earned, seconds=5)
    outbox.send()
    assert only(mailbox)[0]["Subject"] == "You earned 100 points at Maison Test"


def test_who_was_erased_before_it_went_out_gets_nothing(earned: TestShop, mailbox: Mailbox) -> None:
    earned.tell("customer.redacted", {"id": "c-1"})
    outbox.send()
    assert mailbox.letters == []
    with transaction() as session:
        waiting = session.execute(
            text("select count(*) from outbox where shop_id = :shop and kind = 'mail'"), {"shop": earned.id}
        )
        assert waiting.scalar_one() == 0, "what waits goes with the person"


def test_a_new_address_and_language_count_though_the_mail_was_written_before(
    earned: TestShop, mailbox: Mailbox, time: BusinessTime
) -> None:
    earned.tell("customer.updated", ADA | {"email": "ada@new.example", "locale": "fr"}, at=time.now)
    outbox.send()
    letter, body = only(mailbox)
    assert letter["To"] == "Ada <ada@new.example>"
    assert "Bonjour Ada" in body
    assert "31 décembre 2020" in body


def test_the_mail_for_signing_up_says_what_it_is_for(
    mailing_app: Flask, time: BusinessTime, new_shop: Callable[..., TestShop], shop: TestShop, mailbox: Mailbox
) -> None:
    rules = [{"id": "signup", "kind": "signup", "points": 50, "title": {"en": "Welcome gift", "fr": "Cadeau"}}]
    greeting = new_shop(program={"rules": rules})
    greeting.tell("customer.created", ADA | {"created_at": time.now.isoformat(), "locale": "fr"})
    outbox.send()
    assert "Motif: Cadeau" in only(mailbox)[1]


# Rewards

CODES = {"reward_name": "€5 off", "points_to_be_redeemed": 60, "reward_type": "coupon_based_reward",
         "reward_sub_type": "fixed_amount_discount", "reward_value": "5", "coupon_valid_days": 30}  # fmt: skip


def had(shop: TestShop, **reward: Any) -> dict[str, Any]:
    """A redemption that the member has just made. The mails for the points and for it are read by then."""
    with transaction() as session:
        made = rewards.create(session, shop.facts, {**CODES, **reward}, clock.now())
    who = Redeemer(member_id(shop), Author("customer"))
    redeemed = redemptions.redeem(shop.facts, who, made.id, {}, "a key", clock.now())
    outbox.send()
    return redeemed


@pytest.mark.parametrize(("comes_back", "sentence", "left"), [(True, "is back", 100), (False, "stays spent", 40)])
def test_whose_reward_expires_unused_is_told_what_became_of_the_points(
    earned: TestShop, mailbox: Mailbox, time: BusinessTime, comes_back: bool, sentence: str, left: int
) -> None:
    had(earned, coupons=["FIVE-1"], points_back_when_expired=comes_back)
    mailbox.letters.clear()
    time.advance(days=31)
    points.expire_rewards()
    outbox.send()
    letter, body = only(mailbox)
    assert letter["To"] == "Ada <ada@example.com>"
    assert letter["Subject"] == "Expired: €5 off at Maison Test"
    assert "could be used through 3 January 2020" in body
    assert f"its price of 60 points {sentence}" in body
    assert f"Available now: {left} points" in body


def test_a_reward_is_called_in_the_mail_what_it_is_called_in_its_readers_language(
    earned: TestShop, mailbox: Mailbox, time: BusinessTime
) -> None:
    earned.tell("customer.updated", ADA | {"locale": "fr"}, at=time.now)
    had(earned, coupons=["FIVE-1"], translations={"fr": {"reward_name": "5 € de réduction"}})
    mailbox.letters.clear()
    time.advance(days=31)
    points.expire_rewards()
    outbox.send()
    assert only(mailbox)[0]["Subject"] == "Date limite passée : 5 € de réduction chez Maison Test"


def test_a_reward_that_was_renamed_keeps_the_name_that_it_was_had_by(
    earned: TestShop, mailbox: Mailbox, time: BusinessTime
) -> None:
    made = had(earned, coupons=["FIVE-1"])
    mailbox.letters.clear()
    with transaction() as session:
        rewards.update(session, earned.facts, made["reward_id"], {"reward_name": "Five euros"}, clock.now())
    time.advance(days=31)
    points.expire_rewards()
    outbox.send()
    assert only(mailbox)[0]["Subject"] == "Expired: €5 off at Maison Test"


def test_who_waits_for_a_code_in_vain_is_told_that_the_points_are_free_again(
    earned: TestShop, mailbox: Mailbox, time: BusinessTime
) -> None:
    assert had(earned)["status"] == "requested"
    mailbox.letters.clear()
    time.advance(hours=24, seconds=1)
    points.release_holds()
    outbox.send()
    letter, body = only(mailbox)
    assert letter["Subject"] == "€5 off at Maison Test: no code could be made"
    assert "its price of 60 points is free again" in body
    assert "Available now: 100 points" in body


def test_a_code_that_an_order_carries_after_all_has_not_expired(
    earned: TestShop, mailbox: Mailbox, time: BusinessTime
) -> None:
    had(earned, coupons=["FIVE-1"])
    mailbox.letters.clear()
    time.advance(days=31)
    points.expire_rewards()
    late = {key: value for key, value in ORDER.items() if key not in ("delivery_status", "collected_at")}
    earned.tell("order.created", late | {"id": "o-2", "created_at": time.now.isoformat(), "discount_codes": ["five-1"]})
    outbox.send()
    assert [each["Subject"] for each in mailbox.letters if "Expired" in each["Subject"]] == []
    assert mail(earned, "reward_expired").last_error == "not sent: the reward is issued"


def test_whoever_redeems_gets_the_code_and_what_to_do_with_it(earned: TestShop, mailbox: Mailbox) -> None:
    how = {"enduser_reward_post_confirmation_html": "<p>Good for <b>one</b> order.</p><ul><li>Not for lamps</li></ul>"}
    outbox.send()
    mailbox.letters.clear()
    had(earned, coupons=["FIVE-1"], **how)
    letter, body = only(mailbox)
    assert letter["Subject"] == "€5 off is yours, at Maison Test"
    assert "You have exchanged 60 points for it" in body
    assert "Enter the code at the checkout of Maison Test" in body
    assert "Good for one order.\r\n\r\nNot for lamps" in body
    assert "Your code: FIVE-1" in body
    assert "Valid through: 3 January 2020" in body
    assert "Available now: 40 points" in body


def test_the_marks_of_the_merchants_text_are_filled_in_by_mail_too(earned: TestShop, mailbox: Mailbox) -> None:
    """S2.15, as the widget does."""
    how = {"enduser_reward_post_confirmation_html": "<p>{{reward_name}} & more: {{ coupon_code }}, for {{points}}.</p>"}
    outbox.send()
    mailbox.letters.clear()
    had(earned, coupons=["FIVE-1"], **how)
    _, body = only(mailbox)
    assert "€5 off & more: FIVE-1, for 60." in body
    assert "{{" not in body


def test_whoever_waited_for_a_code_gets_it_by_mail(earned: TestShop, mailbox: Mailbox) -> None:
    redeemed = had(earned)
    assert redeemed["status"] == "requested"
    mailbox.letters.clear()
    points.refill_coupons()
    outbox.send()
    (letter,) = [each for each in mailbox.letters if "yours" in each["Subject"]]
    assert letter["Subject"] == "€5 off is yours, at Maison Test"


def letter_about_money(shop: TestShop, mailbox: Mailbox, document: dict[str, Any]) -> tuple[str, Any]:
    """The body of the mail about it, and the redemption."""
    redeemed = paid(shop, member_with(shop, 500, email="ada@example.com"), document)
    mailbox.letters.clear()
    outbox.send()
    letters = [each for each in mailbox.letters if "yours" in each["Subject"]]
    mailbox.letters[:] = letters
    return only(mailbox)[1], redeemed


def test_a_gift_card_comes_with_its_code_and_says_how_it_is_spent(
    mailing_app: Flask, new_shop: Callable[..., TestShop], mailbox: Mailbox
) -> None:
    body, redeemed = letter_about_money(shop_on_shopify(new_shop), mailbox, CARD)
    assert "Use the code as a gift card at the checkout of Maison Test, at once or bit by bit." in body
    assert f"Your code: {redeemed.code}" in body


def test_store_credit_comes_without_a_code_and_says_where_it_is(
    mailing_app: Flask, new_shop: Callable[..., TestShop], mailbox: Mailbox
) -> None:
    body, _ = letter_about_money(shop_on_shopify(new_shop), mailbox, CREDIT)
    assert (
        "It is store credit in your account at Maison Test. Sign in there, and the checkout uses it by itself." in body
    )
    assert "Your code" not in body
    assert "Enter the code" not in body


def test_a_program_may_send_no_mails_about_what_is_redeemed(earned: TestShop, mailbox: Mailbox) -> None:
    earned.set_program(**PROGRAM, notifications={"reward_issued": False})
    outbox.send()
    mailbox.letters.clear()
    had(earned, coupons=["FIVE-1"])
    assert mailbox.letters == []


def test_an_earned_reward_says_why_it_came_and_that_it_is_gone(
    earned: TestShop, mailbox: Mailbox, time: BusinessTime
) -> None:
    outbox.send()
    mailbox.letters.clear()
    member = member_id(earned)
    with transaction() as session:
        made = rewards.create(session, earned.facts, {**CODES, "coupons": ["FIVE-1"]}, clock.now())
        posting.lock_accounts(session, earned.id, [member])
        earned_rewards.give(session, earned.facts, member, made.id, key="k", occasion={"rule": "tier"}, now=clock.now())
    outbox.send()
    letter, body = only(mailbox)
    assert letter["Subject"] == "A present from Maison Test: €5 off"
    assert "It costs you no points." in body
    assert "Reason: You have reached a new level" in body
    assert "Your code: FIVE-1" in body
    time.advance(days=31)
    points.expire_rewards()
    outbox.send()
    letter, body = only(mailbox)
    assert letter["Subject"] == "Expired: €5 off at Maison Test"
    assert "It had cost you nothing" in body


# Quiet


def one_click(client: FlaskClient, letter: EmailMessage) -> None:
    """As a mail program does it (RFC 8058)."""
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    url = str(letter["List-Unsubscribe"]).strip("<>")
    assert (
        client.post(url.removeprefix("http://127.0.0.1:8000"), data={"List-Unsubscribe": "One-Click"}).status_code
        == 200
    )


def test_one_click_in_the_mail_program_and_what_waits_to_be_sent_stays_unsent(
    earned: TestShop, mailbox: Mailbox, client: FlaskClient
) -> None:
    outbox.send()
    letter, body = only(mailbox)
    one_click(client, letter)
    assert str(letter["List-Unsubscribe"]).strip("<>") in body
    with transaction() as session:
        adjustments.adjust(session, earned.id, member_id(earned), 5, "Thanks", Author("staff", "Eve"), "1", clock.now())
    outbox.send()
    assert mailbox.letters == []


def test_whoever_unsubscribes_after_the_mail_was_written_does_not_get_it(earned: TestShop, mailbox: Mailbox) -> None:
    with transaction() as session:
        notices.unsubscribe(session, earned.id, member_id(earned), clock.now())
    outbox.send()
    assert mailbox.letters == []
    assert mail(earned, "points_earned").last_error == "not sent: it is not wanted any more"


def test_what_takes_something_away_comes_to_who_has_unsubscribed_and_says_why(
    earned: TestShop, mailbox: Mailbox
) -> None:
    outbox.send()
    mailbox.letters.clear()
    with transaction() as session:
        notices.unsubscribe(session, earned.id, member_id(earned), clock.now())
        adjustments.adjust(
            session, earned.id, member_id(earned), -5, "A slip", Author("staff", "Eve"), "1", clock.now()
        )
    outbox.send()
    letter, body = only(mailbox)
    assert letter["List-Unsubscribe"] is None
    assert "You get such messages even if you have unsubscribed." in body
    assert "E-mail settings: http://127.0.0.1:8000/unsubscribe/" in body


def test_each_mail_says_which_list_it_belongs_to_and_that_no_person_wrote_it(
    earned: TestShop, mailbox: Mailbox
) -> None:
    outbox.send()
    letter, _ = only(mailbox)
    assert letter["List-Id"] == f"<rewards-{earned.id}.shop.example>"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["Date"] is not None
    assert letter["Message-ID"].endswith("@shop.example>")


# Levels, friends, and rewards that are to be had

GOLD = {"id": "gold", "from": 50, "name": {"en": "Gold", "fr": "Or"}, "multiplier": "1.5",
        "perks": [{"en": "Free shipping"}]}  # fmt: skip
TIERS = {"basis": "points_earned", "window": "lifetime", "levels": [GOLD]}


def test_whoever_reaches_a_level_reads_what_it_brings(shop: TestShop, mailbox: Mailbox, time: BusinessTime) -> None:
    shop.set_program(**PROGRAM, tiers=TIERS)
    shop.tell("order.collected", ORDER)
    time.set("2019-12-04T08:00:00+01:00")
    points.post_due()
    points.tiers()
    outbox.send()
    (letter,) = [each for each in mailbox.letters if "Gold" in each["Subject"]]
    assert letter["Subject"] == "You have reached Gold at Maison Test"
    body = letter.get_body(("plain",))
    assert body is not None
    assert "- Points for each order, times 1.5" in body.get_content()
    assert "- Free shipping" in body.get_content()


def test_a_level_that_changed_again_before_the_mail_went_out_is_not_told(
    shop: TestShop, mailbox: Mailbox, time: BusinessTime
) -> None:
    shop.set_program(**PROGRAM, tiers=TIERS)
    shop.tell("order.collected", ORDER)
    time.set("2019-12-04T08:00:00+01:00")
    points.post_due()
    points.tiers()
    with transaction() as session:
        session.execute(text("update member set tier = null where shop_id = :shop"), {"shop": shop.id})
    outbox.send()
    assert [each["Subject"] for each in mailbox.letters if "Gold" in each["Subject"]] == []
    assert mail(shop, "tier_changed").last_error == "not sent: the level has changed again"


def test_an_advocate_and_a_friend_each_read_once_what_they_got(
    mailing_app: Flask, shop: TestShop, new_shop: Callable[..., TestShop], mailbox: Mailbox, time: BusinessTime
) -> None:
    """The points of a referral have no second mail of their own."""
    club = new_shop(program=referral_world.program(reward_when="registered", hold_days=0))
    time.advance(minutes=1)
    _, code = referral_world.advocate(club, first_name="Ada")
    referral_world.join(club, "bea", code, email="bea@example.com", first_name="Bea")
    time.advance(minutes=1)
    points.reward_referrals()
    points.post_due()
    points.reward_referrals()
    outbox.send()
    assert sorted((each["To"], each["Subject"]) for each in mailbox.letters) == [
        ("Ada <ada@example.com>", "Your friend counts: 100 points for you"),
        ("Bea <bea@example.com>", "Welcome to Maison Test: 50 points for you"),
    ]
    to_ada = next(each for each in mailbox.letters if "ada@" in each["To"]).get_body(("plain",))
    assert to_ada is not None and "Your friend: Bea" in to_ada.get_content()


@pytest.mark.parametrize(
    ("merged", "told"),
    [
        (
            "ada",
            [("Bea", "Welcome to Maison Test: 50 points for you"), ("Eve", "Your friend counts: 100 points for you")],
        ),
        (
            "bea",
            [("Ada", "Your friend counts: 100 points for you"), ("Eve", "Welcome to Maison Test: 50 points for you")],
        ),
    ],
)
def test_who_got_it_by_a_name_that_was_merged_away_reads_of_it_too(
    mailing_app: Flask,
    new_shop: Callable[..., TestShop],
    mailbox: Mailbox,
    time: BusinessTime,
    merged: str,
    told: list[tuple[str, str]],
) -> None:
    club = new_shop(program=referral_world.program(reward_when="registered", hold_days=2))
    code = None
    for name in ("ada", "bea", "eve"):
        time.advance(minutes=1)
        brought_by = code if name == "bea" else None
        member = referral_world.join(club, name, brought_by, email=f"{name}@example.com", first_name=name.title())
        code = code or referral_world.code_of(club, member)
    kept, gone = referral_world.member(club, "eve"), referral_world.member(club, merged)
    with transaction() as session:
        merging.merge(session, club.facts, kept, gone, "She told us", Author("staff", "Ada Admin"), clock.now())
    time.advance(days=4)
    points.reward_referrals()
    points.post_due()
    points.reward_referrals()
    outbox.send()
    assert sorted((each["To"].split(" ")[0], each["Subject"]) for each in mailbox.letters) == told


def test_a_new_reward_is_announced_in_the_merchants_words(
    earned: TestShop, mailbox: Mailbox, time: BusinessTime
) -> None:
    outbox.send()
    mailbox.letters.clear()
    with transaction() as session:
        words = {"push_notification_text": "Five euros {off}, for you."}
        rewards.create(session, earned.facts, {**CODES, **words, "coupons": ["FIVE-1"]}, clock.now())
    points.announce_rewards()
    outbox.send()
    letter, body = only(mailbox)
    assert letter["Subject"] == "Now at Maison Test: €5 off"
    assert "Five euros {off}, for you." in body
    assert "Price: 60 points" in body


def test_a_reward_that_was_taken_off_before_the_mail_went_out_is_not_announced(
    earned: TestShop, mailbox: Mailbox
) -> None:
    outbox.send()
    mailbox.letters.clear()
    with transaction() as session:
        made = rewards.create(session, earned.facts, {**CODES, "push_notification_text": "Now!"}, clock.now())
    points.announce_rewards()
    with transaction() as session:
        rewards.update(session, earned.facts, made.id, {"is_active": False}, clock.now())
    outbox.send()
    assert mailbox.letters == []
    assert mail(earned, "reward_available").last_error == "not sent: the reward is not to be had any more"
