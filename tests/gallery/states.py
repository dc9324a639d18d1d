"""Every state of the widget, in one list: what the gallery shows, and what axe and the measures of tests/gallery go over."""

from typing import Any

from tests.gallery.redeeming import NONE, REDEEMING
from tests.gallery.state import GONE, SLOW, State, Step, balance, bottom, click, member, say, see, unique
from tests.gallery.texts import TEXTS
from tests.gallery.world import LEVELS, referral, rewards, tier
from tests.widget.conftest import Store

GOLD = {"id": "gold", "name": "Gold", "multiplier_text": "1.5× points", "perks": LEVELS[1]["perks"]}
GOLD_NEXT = {
    "id": "kiln",
    "name": "Kiln circle",
    "at": 5000,
    "missing": 3960,
    "missing_text": "3,960 points to Kiln circle",
}


NOBODY = ("visited", "registered", "qualified", "rewarded", "rejected")


def offline(store: Store) -> None:
    store.page.add_init_script("Object.defineProperty(navigator, 'onLine', { get: () => false })")
    store.answers["session"] = GONE


def again(available: int, **values: Any) -> Step:
    """Closes, and opens anew: meanwhile the points have become so many."""

    def step(store: Store) -> None:
        me = store.answers["session"]["me"]
        store.answers["me"] = {**me, "balance": {**me["balance"], "available": available}, **values}
        store.page.keyboard.press("Escape")
        store.page.locator("[part=launcher]").click()
        store.page.wait_for_function(
            """() => document.querySelector("lagniappe-widget").shadowRoot.getElementById("said").textContent"""
        )

    return step


STATES: list[State] = list(
    unique(
        [
            State("Launcher", "right", "Closed, in the right corner", guest=True, is_open=False),
            State(
                "Launcher", "left", "Closed, in the left corner", guest=True, is_open=False, look={"position": "left"}
            ),
            State("Visitor", "earn", "What there is to earn, and how to join", guest=True),
            State("Visitor", "redeem", "What there is to get", "redeem", guest=True),
            State("Visitor", "left", "In the left corner", guest=True, look={"position": "left"}),
            State(
                "Loading",
                "visitor",
                "The program is on its way",
                before=(say("program", SLOW),),
                guest=True,
                settles=False,
            ),
            State(
                "Loading",
                "member",
                "The dashboard is on its way",
                before=(say("program", SLOW), say("session", SLOW)),
                look={"referral": {"enabled": True}},
                settles=False,
            ),
            State(
                "Loading",
                "rewards",
                "My rewards are on their way",
                before=(say("me/redemptions", SLOW),),
                settles=False,
                steps=(click("#tab-rewards"),),
            ),
            State("Earn", "member", "Every way to earn"),
            State("Earn", "rules", "How the program works, at the end", steps=(bottom,)),
            State("Earn", "empty", "A shop that is still setting up", before=(member(earn=[]),)),
            State(
                "Earn",
                "paused",
                "The program is taking a break",
                before=(lambda store: store.answers["program"]["program"].update(enabled=False),),
            ),
            *REDEEMING,
            State("Balance", "member", "What can be spent, what is coming, what ends", "balance"),
            State("Balance", "activity", "What happened", "balance", steps=(bottom,)),
            State("Balance", "why", "An entry opened into its sum", "balance", steps=(click("#entry-7 summary"),)),
            State(
                "Balance",
                "owed",
                "An order was refunded after its points were spent",
                "balance",
                (balance(available=0, owed=-40, pending=[], expected=[], expiring=[]),),
            ),
            State("Balance", "held", "Points set aside", "balance", (balance(on_hold=120),)),
            State(
                "Balance",
                "new",
                "A new member",
                "balance",
                (balance(available=0, pending=[], expected=[], expiring=[]), say("me/activity", NONE)),
            ),
            State(
                "Balance",
                "failed",
                "The activity cannot be had right now",
                "balance",
                (say("me/activity", (500, {}, {})),),
            ),
            State(
                "Balance",
                "filter",
                "One kind of what happened",
                "balance",
                steps=(lambda store: store.page.locator(".kind select").select_option(index=2), bottom),
            ),
            State("Balance", "levels", "What the levels bring", "balance", steps=(click(".level summary"),)),
            State("Referral", "member", "A link to share, and what became of it", "referral"),
            State("Referral", "friends", "The friends", "referral", steps=(bottom,)),
            State(
                "Referral",
                "new",
                "No friend yet",
                "referral",
                (say("me/referral", referral(friends=[], counts=dict.fromkeys(NOBODY, 0), earned_text=None)),),
            ),
            State("Referral", "failed", "It cannot be had right now", "referral", (say("me/referral", (500, {}, {})),)),
            State(
                "Earn",
                "birthday",
                "The birthday is asked for",
                steps=(click(".birthday [data-do=claim]"), see(".sheet")),
            ),
            State(
                "Earn",
                "refused",
                "A claim that is refused",
                before=(
                    say("POST me/earn/5", (409, {"code": "limit_reached", "detail": "You have had these points."}, {})),
                ),
                steps=(click(".follow [data-do=claim]"), see(".follow :text('You have had these points.')")),
            ),
            State("Levels", "none", "A shop without levels", before=(member(tier=None),)),
            State(
                "Levels",
                "first",
                "No level yet",
                before=(
                    member(
                        tier=tier(
                            level=None,
                            value=120,
                            value_text="120 points",
                            fraction=0.24,
                            next={
                                "id": "silver",
                                "name": "Silver",
                                "at": 500,
                                "missing": 380,
                                "missing_text": "380 points to Silver",
                            },
                        )
                    ),
                ),
            ),
            State("Levels", "progress", "On the way to the next"),
            State(
                "Levels",
                "top",
                "The highest there is",
                before=(member(tier=tier(level={**GOLD, "id": "kiln", "name": "Kiln circle"}, next=None, fraction=1)),),
            ),
            State(
                "Levels",
                "grace",
                "Kept for a little longer",
                before=(
                    member(
                        tier=tier(
                            level=GOLD,
                            leaves_at="2026-12-31T23:00:00Z",
                            next=GOLD_NEXT,
                            value=320,
                            value_text="320 points",
                            fraction=0.2,
                        )
                    ),
                ),
            ),
            State(
                "Levels",
                "all rewards",
                "No reward is out of reach",
                before=(member(rewards=rewards()[:1]), balance(available=5200)),
            ),
            State("Celebration", "points", "Points have come", steps=(again(770),), moves=True),
            State(
                "Celebration",
                "level",
                "A new level",
                moves=True,
                steps=(
                    again(
                        1040,
                        tier=tier(level=GOLD, value=1040, value_text="1,040 points", fraction=0.01, next=GOLD_NEXT),
                    ),
                ),
            ),
            State("Celebration", "still", "With less motion asked for", steps=(again(770),)),
            State("Trouble", "offline", "Without a connection", before=(offline,)),
            State(
                "Trouble", "failed", "The server does not answer as it should", before=(say("session", (500, {}, {})),)
            ),
            State("Trouble", "expired", "The page has been open for too long", before=(say("session", (401, {}, {})),)),
            State(
                "Trouble", "busy", "Too much is going on", before=(say("session", (429, {}, {"Retry-After": "30"})),)
            ),
            State(
                "Trouble",
                "old news",
                "What was known, under a notice",
                steps=(
                    say("me", (500, {}, {})),
                    lambda store: store.page.keyboard.press("Escape"),
                    lambda store: store.page.locator("[part=launcher]").click(),
                    lambda store: store.page.locator(".notice").wait_for(),
                ),
            ),
            *TEXTS,
        ]
    )
)
