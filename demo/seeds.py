"""The people, orders and vouchers that the shop starts with, so that no page of the demo is empty. Each order lives its life
through the same verbs as a shopper's, only earlier; its webhooks go out like any other. Two of the people came by the
link of a third, who is asked for it as her own browser would ask."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from demo import codes, deeds, orders, payloads, people, shop, times, tour
from demo.book import Book, business_now, change_setting, setting
from demo.discounts import Terms
from demo.orders import Order, Told
from demo.people import Customer
from demo.shop import Buyer

Verb = Callable[[Order, datetime], list[Told]]


@dataclass(frozen=True)
class _Person:
    email: str
    first_name: str
    last_name: str
    locale: str
    days_ago: float = 0
    """When the account was made."""
    birthday: str = ""
    """A day, or "tomorrow"."""
    newsletter: bool = False
    by: str = ""
    """Whose link they came by: an e-mail."""


@dataclass(frozen=True)
class _Past:
    """An order placed `days_ago`, and what became of it: verbs with how many days ago each happened."""

    email: str
    cart: dict[str, int]
    days_ago: float
    life: tuple[tuple[Verb, float], ...] = ()
    carrier: str = "courier"
    source: str = "online"
    paid: bool = True


_PEOPLE = (
    _Person(tour.BUYER_EMAIL, "Camille", "Laurent", "en", 50, "1988-04-23"),
    _Person("lukas@example.com", "Lukas", "Brandt", "de", 28, by=tour.BUYER_EMAIL),
    _Person("noor@example.com", "Noor", "Haddad", "fr", 48, "1992-02-29", newsletter=True),
    _Person("mei-lin@example.com", "Mei-Lin", "Chen", "zh-Hant", 25, "tomorrow", by=tour.BUYER_EMAIL),
)

_BY_EMAIL = {person.email: person for person in _PEOPLE}
_GUESTS = (_Person("sam@example.com", "Sam", "Okafor", "en"),)


def _refund_first(quantity: int) -> Verb:
    def refund(order: Order, at: datetime) -> list[Told]:
        return orders.refund_line(order, order.lines[0].id, quantity, f"ref_{order.number}", at)

    return refund


_ORDERS = (
    _Past("noor@example.com", {"teapot": 3, "mug": 4}, 45, ((orders.ship, 44), (orders.collect, 43))),
    _Past(
        "camille@example.com",
        {"teapot": 1, "tea-bowls": 1, "sencha": 2},
        41,
        ((orders.ship, 40), (orders.arrive, 38), (orders.collect, 38)),
    ),
    _Past(
        "lukas@example.com",
        {"plate": 6, "mug": 2},
        27,
        ((orders.ship, 26), (orders.arrive, 24), (orders.collect, 23), (_refund_first(2), 18)),
        carrier="post",
    ),
    _Past(
        "mei-lin@example.com",
        {"moon-jar": 1, "teapot": 4, "dripper": 1},
        22,
        ((orders.ship, 21), (orders.arrive, 20), (orders.collect, 19)),
    ),
    _Past("noor@example.com", {"dripper": 1, "guji": 2}, 15, ((orders.ship, 14), (orders.arrive, 12)), carrier="tcat"),
    _Past("mei-lin@example.com", {"whisk": 1, "sencha": 1}, 11, source="pos"),
    _Past("sam@example.com", {"mug": 1, "lapsang": 1}, 9, ((orders.ship, 8), (orders.collect, 7)), carrier="post"),
    _Past("mei-lin@example.com", {"moon-jar": 1}, 8, ((orders.cancel, 7.5),)),
    _Past(
        "noor@example.com", {"gift-card": 1, "lapsang": 1}, 6, ((orders.ship, 5), (orders.collect, 4)), carrier="post"
    ),
    _Past(
        "camille@example.com", {"plate": 2, "guji": 1}, 3, ((orders.ship, 2), (orders.arrive, 1), (orders.collect, 1))
    ),
    _Past("lukas@example.com", {"sample": 3}, 2, ((orders.ship, 1),), carrier="post"),
    _Past("camille@example.com", {"dripper": 1}, 0.5, ((orders.ship, 0.25),)),
    _Past("noor@example.com", {"tea-bowls": 1}, 0.25, paid=False, carrier="pickup"),
)


VOUCHERS = (
    *("CLAY-ASH-4207", "CLAY-BONE-1186", "CLAY-CELADON-7531", "CLAY-COPPER-2948", "CLAY-EMBER-6613", "CLAY-FLINT-3070"),
    *("CLAY-IRON-8825", "CLAY-OXBLOOD-5394", "CLAY-RUTILE-9402", "CLAY-SHINO-1759", "CLAY-SLIP-6048"),
    "CLAY-TENMOKU-2361",
)
"""The shop's own codes. Its merchant gave the same list to Lagniappe, as a pool for one of its rewards."""
VOUCHER_WORTH = Decimal("25.00")


_REVIEWS = (
    ("noor@example.com", "teapot", "Pours like a promise kept. The third one is for my sister.", 30),
    ("mei-lin@example.com", "moon-jar", "It is not round, and that is why I look at it every morning.", 12),
)


def sow(book: Book, code_of: Callable[[Customer, str], str] = lambda _, __: "") -> None:
    """Fill an empty book, once. A book with anything in it gets no more than the vouchers it lacks.

    `code_of` tells the code by which the friend of that name comes who follows a customer's link; "" if there is none.
    """
    with book.writing() as db:
        now = business_now(db)
        for voucher in VOUCHERS:
            if codes.find(db, voucher) is None:
                codes.create(db, voucher, "workshop voucher", Terms("fixed_amount", VOUCHER_WORTH), now, codes.OWN)
        if setting(db, "is_sown"):
            return
        # Whoever brought others has an account before they do: links are followed outside any transaction.
        invited = [(each, _account(db, _BY_EMAIL[each.by], now)) for each in _PEOPLE if each.by]
    came_by = {friend.email: code_of(advocate, friend.first_name) for friend, advocate in invited}
    with book.writing() as db:
        buyers: dict[str, Buyer] = {
            guest.email: Buyer(guest.email, guest.first_name, guest.last_name) for guest in _GUESTS
        }
        for person in _PEOPLE:
            customer = _account(db, person, now, came_by.get(person.email, ""))
            shop.tell(db, "customer.created", now, payloads.customer(customer), shop.name_of(customer))
            buyers[person.email] = Buyer(person.email, person.first_name, person.last_name, customer["id"])
        for past in _ORDERS:
            placed_at = now - timedelta(days=past.days_ago)
            order = shop.new_order(
                db, buyers[past.email], past.cart, carrier=past.carrier, source=past.source, at=placed_at
            )
            shop.record(db, order, orders.place(order, placed_at, paid=past.paid))
            for verb, days_ago in past.life:
                shop.record(db, order, verb(order, now - timedelta(days=days_ago)))
        for email, slug, words, days_ago in _REVIEWS:
            reviewer = people.by_email(db, email)
            if reviewer:
                bought = shop.orders_of(db, reviewer)
                deeds.review(db, reviewer, slug, words, now - timedelta(days=days_ago), bought)
        change_setting(db, "is_sown", "yes")


def _account(db: sqlite3.Connection, person: _Person, now: datetime, code: str = "") -> Customer:
    """The person's account, with a confirmed address; made unless an earlier start got that far."""
    if known := people.by_email(db, person.email):
        return known
    tomorrow = (now.astimezone(times.ZONE) + timedelta(days=1)).date()
    customer, token = people.sign_up(
        db,
        email=person.email,
        first_name=person.first_name,
        last_name=person.last_name,
        locale=person.locale,
        at=now - timedelta(days=person.days_ago),
        referral_code=code,
        newsletter=person.newsletter,
        birthday=_birthday(tomorrow) if person.birthday == "tomorrow" else person.birthday,
    )
    return people.confirm(db, token) or customer


def _birthday(day: date) -> str:
    """That day in a year that had every day of the calendar."""
    return f"1996-{day:%m-%d}"
