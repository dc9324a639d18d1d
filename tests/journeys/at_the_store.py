"""What the journeys through the demo's store have in common: how newcomers begin, and what the demo's program gives."""

from tests.browser.running_demo import Demo
from tests.browser.store import Store

SIGN_UP_POINTS = 50
FIRST_ORDER_POINTS = 25
JAR_POINTS = 100
"""The moon jar costs 1,000 euros, at one point for every 10 (S3.3)."""
CELADON = "1.25"
"""Times which an order brings to those who have spent 500 euros: the jar is enough."""


def newcomer(store: Store, demo: Demo, name: str) -> str:
    """Signs up; the e-mail. The points for it have arrived."""
    email = f"{name.lower()}@newcomers.example"
    store.sign_up(name, email)
    demo.shop.await_balance(f"email:{email}", available=SIGN_UP_POINTS)
    return email


def buy_and_wait(store: Store, demo: Demo, email: str, product: str, points: int, owed: int = 0) -> str:
    """Buys, collects and waits until the points are due; the order's number. `points`: all that the order brings, what
    a first one gives besides with it."""
    before = demo.shop.get(f"/members/email:{email}/balance")
    order = store.buy(product)
    store.collect(order)
    demo.shop.await_balance(f"email:{email}", pending_points=points)
    store.wait_three_days()
    demo.shop.await_balance(
        f"email:{email}", pending_points=0, owed=owed, available=before["available"] + before["owed"] + points - owed
    )
    return order
