"""Where points become rewards, and what becomes of those."""

from typing import Any

from tests.gallery.state import GONE, State, Step, balance, bottom, click, member, program, say
from tests.gallery.world import AGO
from tests.widget.conftest import STORE, Store
from tests.widget.rewarding import credit, gift_card, held, redemption, refusal, reward, too_dear

OVER: dict[str, Any] = {"can_return": False, "ended_at": AGO}
WAITING: dict[str, Any] = {"status": "requested", "code": None, "is_ready": False, "can_return": False}
GIFT: dict[str, Any] = {"type": "gift", "code": None, "can_return": False, "value_text": None}
NONE: dict[str, Any] = {"items": [], "next": None}
CART = {"cart_total": "64.90"}
BANNER = f"{STORE}/banner.svg"
DRAWN = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1920 400"><rect width="1920" height="400" fill="#d9c7a7"/>'
    '<circle cx="420" cy="420" r="260" fill="#8a5a3b"/><circle cx="980" cy="400" r="180" fill="#f2e8d5"/>'
    '<circle cx="1500" cy="430" r="300" fill="#2e5e4e"/></svg>'
)


def draw_banner(store: Store) -> None:
    store.drawings[BANNER] = DRAWN


def mine(*redemptions: dict[str, Any]) -> Step:
    return say("me/redemptions", {"items": list(redemptions), "next": None})


def bought(**more: Any) -> tuple[Step, ...]:
    one = redemption(**more)
    return (say("POST me/redemptions", (201, one, {})), mine(one))


def step_of_redeeming(name: str, caption: str, *before: Step, confirm: bool = True, **more: Any) -> State:
    steps = [click("[data-do=choose]"), *([click("[data-do=confirm]")] if confirm else [])]
    return State("Redeem", name, caption, "redeem", before, tuple(steps), **more)


CAMPAIGN: dict[str, Any] = {
    "id": "1",
    "name": "Winter gifts",
    "terms_html": "<p>One of each, while there are any.</p>",
    "banner_url": BANNER,
    "starts_at": "2026-10-31T23:00:00Z",
    "ends_at": "2026-12-24T23:00:00Z",
}
GIFTS = [
    reward(31, "A candle", type="gift", sub_type=None, cost=200),
    too_dear(32, "A moon jar", type="gift", sub_type=None, cost=2000, missing=1380),
]

REDEEMING: list[State] = [
    State("Redeem", "rewards", "What can be had, and what it takes", "redeem"),
    State("Redeem", "more", "Sold out, not enough points, and points as money", "redeem", steps=(bottom,)),
    State("Redeem", "cart", "Points for the cart at hand, and the best reward for it", "redeem", data=CART),
    State(
        "Redeem",
        "held",
        "Points set aside for a checkout",
        "redeem",
        (mine(held(discount="6.20", points=620)), balance(available=0, on_hold=620)),
        data=CART,
    ),
    State(
        "Redeem",
        "campaign",
        "A gift campaign",
        "redeem",
        (
            draw_banner,
            program(campaign={**CAMPAIGN, "gifts": GIFTS}),
            member(
                campaign={"id": "1", "gifts": GIFTS, "used_points": 300, "taken": [{"name": "A pen", "points": 300}]}
            ),
        ),
    ),
    step_of_redeeming("confirm", "Before it is redeemed", confirm=False),
    step_of_redeeming(
        "questions",
        "The shop asks something",
        member(
            rewards=[
                reward(
                    1,
                    "A chair at the fair",
                    type="event_invitation",
                    sub_type=None,
                    attributes=[
                        {"id": "a", "name": "Who comes along?", "type": "Text", "mandatory": True},
                        {"id": "b", "name": "Anything you do not eat", "type": "Text", "mandatory": False},
                    ],
                )
            ]
        ),
        confirm=False,
    ),
    step_of_redeeming("done", "Redeemed: the code", *bought()),
    step_of_redeeming("preparing", "Redeemed: the code is being made", *bought(**WAITING)),
    step_of_redeeming("failed", "The code could not be made", *bought(**{**OVER, "status": "failed", "code": None})),
    step_of_redeeming(
        "refused",
        "Refused, in the server's own words",
        say("POST me/redemptions", refusal("limit_reached", "You have had this one already.")),
    ),
    step_of_redeeming("lost", "Nobody knows what came of it", say("POST me/redemptions", GONE)),
    State("My rewards", "ready", "Ready to be used", "rewards"),
    State(
        "My rewards",
        "under way",
        "What is still under way",
        "rewards",
        (
            mine(
                redemption(21, "€5 off", **WAITING),
                redemption(22, "€10 off", ending="returned", can_return=False),
                redemption(23, "A tea bowl", **GIFT),
                redemption(24, "A candle", **GIFT, use_state="used", delivery_status="shipped"),
            ),
        ),
    ),
    State(
        "My rewards",
        "over",
        "What is over",
        "rewards",
        (
            mine(
                redemption(25, "€5 off", use_state="used", used_at=AGO, can_return=False),
                redemption(26, "€10 off", **OVER, status="expired", points_returned=True),
                redemption(27, "€20 off", **OVER, status="returned"),
                redemption(28, "A mug", **OVER, status="failed", code=None),
                redemption(29, "A vase", **GIFT, use_state="used", delivery_status="delivered"),
            ),
        ),
    ),
    State(
        "My rewards",
        "money",
        "A gift card of the store, and credit in the account there",
        "rewards",
        (mine(gift_card(), credit()),),
    ),
    State("My rewards", "give back", "Before it is given back", "rewards", steps=(click("[data-do=undo]"),)),
    State("My rewards", "empty", "Nothing yet", "rewards", (say("me/redemptions", NONE),)),
    State("My rewards", "failed", "They cannot be had right now", "rewards", (say("me/redemptions", (500, {}, {})),)),
]
