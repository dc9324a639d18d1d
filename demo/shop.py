"""What happens in the shop. Each verb is one transaction of the book: the change, and the webhooks that tell of it."""

import json
import secrets
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from email.message import EmailMessage
from typing import Any

from demo import catalogue, codes, deeds, mailbox, orders, outbox, payloads, people
from demo.book import Book, business_now, next_number
from demo.orders import Line, Order, Refusal, Told
from demo.outbox import Sender
from demo.people import Customer
from demo.settings import Settings

FIRST_ORDER_NUMBER = 1001


@dataclass(frozen=True)
class Buyer:
    """Who checks out; `customer_id` is None for a guest."""

    email: str
    first_name: str
    last_name: str
    customer_id: str | None = None


class Shop:
    """The verbs of the shop on its book; the sender's bell is rung after each commit."""

    def __init__(self, book: Book, sender: Sender, settings: Settings) -> None:
        self.book = book
        self.settings = settings
        self._sender = sender

    def check_out(
        self,
        buyer: Buyer,
        cart: Mapping[str, int],
        *,
        carrier: str,
        paid: bool,
        source: str = "online",
        discount_codes: Sequence[str] = (),
    ) -> Order:
        """Place an order for what is in the cart, and use up its codes. Raises Refusal, also for a code that no longer
        counts: nobody pays more than the page said.
        """
        with self.book.writing() as db:
            now = business_now(db)
            order = new_order(db, buyer, cart, carrier=carrier, source=source, at=now)
            _put_in_codes(db, order, discount_codes, now)
            told = orders.place(order, now, paid=paid)
            record(db, order, told)
            codes.note_use(db, order, now)
        self._sender.ring()
        return order

    def act(self, order_id: str, verb: Callable[[Order, datetime], list[Told]]) -> Order:
        """Let `verb` change the order as it now stands. Raises Refusal."""
        with self.book.writing() as db:
            order = find_order(db, order_id)
            if order is None:
                raise Refusal("There is no such order.")
            record(db, order, verb(order, business_now(db)))
        self._sender.ring()
        return order

    def sign_up(
        self,
        *,
        email: str,
        first_name: str,
        last_name: str,
        locale: str,
        referral_code: str = "",
        newsletter: bool = False,
    ) -> Customer:
        """A new account; the letter that confirms its address goes to the mailbox. Raises Refusal."""
        with self.book.writing() as db:
            now = business_now(db)
            customer, token = people.sign_up(
                db,
                email=email,
                first_name=first_name,
                last_name=last_name,
                locale=locale,
                at=now,
                referral_code=referral_code,
                newsletter=newsletter,
            )
            tell(db, "customer.created", now, payloads.customer(customer), name_of(customer))
            letter = _confirmation_letter(customer, self.settings, token)
            mailbox.keep(db, letter.as_bytes(), customer["email"], now)
        self._sender.ring()
        return customer

    def confirm(self, token: str) -> Customer | None:
        """The address is proven: orders made with it as a guest may be claimed."""
        with self.book.writing() as db:
            customer = people.confirm(db, token)
            if customer:
                tell(db, "customer.updated", business_now(db), payloads.customer(customer), name_of(customer))
        self._sender.ring()
        return customer

    def change_details(
        self, customer: Customer, *, first_name: str, last_name: str, birthday: str, locale: str, newsletter: bool
    ) -> Customer:
        """Raises Refusal for a birthday that is no date."""
        if birthday:
            try:
                datetime.strptime(birthday, "%Y-%m-%d")  # noqa: DTZ007 (a day has no zone)
            except ValueError as error:
                raise Refusal("A birthday is written like 1990-04-23.") from error
        changed = {
            **customer,
            "first_name": first_name.strip()[:80] or customer["first_name"],
            "last_name": last_name.strip()[:80],
            "birthday": birthday,
            "locale": locale if locale in people.LOCALES else "en",
        }
        if newsletter or "accepts_marketing" in customer:
            changed["accepts_marketing"] = newsletter
        with self.book.writing() as db:
            people.save(db, changed)
            tell(db, "customer.updated", business_now(db), payloads.customer(changed), name_of(changed))
        self._sender.ring()
        return changed

    def review(self, customer: Customer, slug: str, words: str) -> None:
        """A product is reviewed by somebody who has bought it; once. Raises Refusal."""
        with self.book.writing() as db:
            now = business_now(db)
            deeds.review(db, customer, slug, words, now, orders_of(db, customer))
            self._tell_event(db, customer, "review", slug, now, f"Review of {deeds.title_of(slug)}")
        self._sender.ring()

    def come_to_workshop(self, customer: Customer) -> None:
        """The customer was at the workshop of this month. Raises Refusal if that is known already."""
        with self.book.writing() as db:
            now = business_now(db)
            month = deeds.come_to_workshop(db, customer, now)
            self._tell_event(db, customer, "workshop", month, now, f"Workshop of {month}")
        self._sender.ring()

    def _tell_event(
        self, db: sqlite3.Connection, customer: Customer, event: str, which: str, at: datetime, reason: str
    ) -> None:
        """By a call of the merchant API, if the shop has a key for it."""
        if self.settings.api_key:
            body = payloads.member_event(event, f"{event}-{customer['id']}-{which}", at, reason)
            path = f"/members/external:{customer['id']}/events"
            outbox.enqueue_call(db, f"event: {event}", path, body, name_of(customer))

    def close_account(self, customer: Customer, *, erase: bool) -> None:
        """The account ends; `erase` asks Lagniappe to forget the person as well."""
        with self.book.writing() as db:
            people.close(db, customer["id"])
            deeds.forget(db, customer["id"])
            type_ = "customer.redacted" if erase else "customer.deleted"
            tell(db, type_, business_now(db), {"id": customer["id"]}, name_of(customer))
        self._sender.ring()

    def install(self, *, installed: bool) -> None:
        """The merchant adds the app to the shop, or takes it out."""
        with self.book.writing() as db:
            now = business_now(db)
            data = {"at": payloads.envelope("", now, {})["timestamp"]}
            tell(db, "app.installed" if installed else "app.uninstalled", now, data, "the app")
        self._sender.ring()

    def send_again(self, delivery_id: int) -> None:
        with self.book.writing() as db:
            outbox.send_again(db, delivery_id)
        self._sender.ring()


def new_order(
    db: sqlite3.Connection, buyer: Buyer, cart: Mapping[str, int], *, carrier: str, source: str, at: datetime
) -> Order:
    """An order for what is in the cart, not placed yet. Raises Refusal."""
    if carrier not in orders.CARRIERS or source not in ("online", "pos"):
        raise Refusal("Please choose how it reaches you.")
    number = next_number(db, "next_order_number", FIRST_ORDER_NUMBER)
    order_id = f"ord_{number}_{secrets.token_hex(3)}"
    lines = [_line(order_id, index, slug, quantity) for index, (slug, quantity) in enumerate(cart.items(), start=1)]
    counter = source == "pos"
    return Order(
        id=order_id,
        number=str(number),
        email=people.checked_email(buyer.email),
        first_name=buyer.first_name.strip()[:80],
        last_name=buyer.last_name.strip()[:80],
        customer_id=buyer.customer_id,
        created_at=at,
        updated_at=at,
        carrier="pickup" if counter else carrier,
        source=source,
        shipping_price=Decimal("0.00") if counter else orders.SHIPPING[carrier],
        lines=lines,
    )


def record(db: sqlite3.Connection, order: Order, told: list[Told]) -> None:
    """Write the order down and queue each webhook that tells of the change. A cancelled order gives its codes back."""
    db.execute(
        "INSERT INTO purchase (id, number, customer_id, email, created_at, record) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET record = excluded.record",
        (
            order.id,
            int(order.number),
            order.customer_id,
            order.email,
            order.created_at.isoformat(),
            json.dumps(orders.to_record(order)),
        ),
    )
    codes.give_back(db, order)
    customer = people.known_as(db, order.customer_id) if order.customer_id else None
    for one in told:
        if one.refund_id:
            refund = next(refund for refund in order.refunds if refund.id == one.refund_id)
            tell(db, one.type, one.at, payloads.refund(order, refund), f"order {order.number}")
        else:
            tell(db, one.type, one.at, payloads.order(order, customer), f"order {order.number}")


def tell(db: sqlite3.Connection, type_: str, at: datetime, data: dict[str, Any], about: str) -> None:
    outbox.enqueue(db, payloads.envelope(type_, at, data), about)


def find_order(db: sqlite3.Connection, order_id: str) -> Order | None:
    row = db.execute("SELECT record FROM purchase WHERE id = ?", (order_id,)).fetchone()
    return orders.from_record(json.loads(row["record"])) if row else None


def latest_orders(db: sqlite3.Connection, limit: int = 100) -> list[Order]:
    rows = db.execute("SELECT record FROM purchase ORDER BY number DESC LIMIT ?", (limit,))
    return [orders.from_record(json.loads(row["record"])) for row in rows]


def orders_of(db: sqlite3.Connection, customer: Customer) -> list[Order]:
    """The person's orders, newest first; those made as a guest belong to them once the address is confirmed."""
    rows = db.execute(
        "SELECT record FROM purchase WHERE customer_id = ? OR (? AND customer_id IS NULL AND email = ?)"
        " ORDER BY number DESC",
        (customer["id"], bool(customer.get("email_verified")), customer["email"]),
    )
    return [orders.from_record(json.loads(row["record"])) for row in rows]


def name_of(customer: Customer) -> str:
    return f"{customer.get('first_name', '')} {customer.get('last_name', '')}".strip() or str(customer["email"])


def _put_in_codes(db: sqlite3.Connection, order: Order, typed: Sequence[str], now: datetime) -> None:
    """The order's discounts, and a line for each gift. Raises Refusal for the first code that does not count."""
    order.discounts, refused = codes.apply(db, typed, order.subtotal, order.customer_id, now)
    if refused:
        raise Refusal(refused[0][1])
    gifts = [each.product_id for each in order.discounts if each.product_id]
    for index, slug in enumerate(gifts, start=len(order.lines) + 1):
        line = _line(order.id, index, slug, 1)
        line.unit_price = Decimal("0.00")
        order.lines.append(line)


def _line(order_id: str, index: int, slug: str, quantity: int) -> Line:
    product = catalogue.find(slug)
    if product is None:
        raise Refusal("Something in the cart is no longer sold.")
    if not 1 <= quantity <= orders.MAX_QUANTITY:
        raise Refusal(f"{product.title}: between 1 and {orders.MAX_QUANTITY}, please.")
    return Line(
        id=f"{order_id}_{index}",
        product_id=product.slug,
        sku=product.sku,
        title=product.title,
        quantity=quantity,
        unit_price=product.price,
        gift_card=product.gift_card,
        categories=[product.kind],
    )


def _confirmation_letter(customer: Customer, settings: Settings, token: str) -> EmailMessage:
    letter = EmailMessage()
    letter["From"] = f"Kiln & Kettle <{settings.mailbox}>"
    letter["To"] = customer["email"]
    letter["Subject"] = "Please confirm your e-mail address"
    link = f"{settings.store_url}/confirm/{token}"
    letter.set_content(
        f"Hello {customer['first_name']},\n\nthank you for joining us. Please confirm your address:\n{link}\n\n"
        "Orders that you made with this address as a guest will then be in your account.\n\nKiln & Kettle\n"
    )
    return letter
