"""Every state of the widget, in one list: what the gallery shows, and what axe and the measures of tests/gallery go over."""

from typing import Any

from tests.gallery.state import State, Step, accent, balance, click, member, program, say, unique
from tests.gallery.world import AGO, LEVELS, entry, friends, referral, rewards, rules, tier
from tests.widget.conftest import STORE, Store
from tests.widget.rewarding import cashback, held, redemption, refusal, reward, too_dear

GONE: tuple[str, dict[str, Any], dict[str, str]] = ("lost", {}, {})  # type: ignore[assignment]
SLOW: tuple[str, dict[str, Any], dict[str, str]] = ("late", {}, {})  # type: ignore[assignment]
OVER: dict[str, Any] = {"can_return": False, "ended_at": AGO}
WAITING: dict[str, Any] = {"status": "requested", "code": None, "is_ready": False, "can_return": False}
GIFT: dict[str, Any] = {"type": "gift", "code": None, "can_return": False, "value_text": None}
NONE: dict[str, Any] = {"items": [], "next": None}
ACCENTS = {"yellow": "#ffd400", "black": "#000000", "white": "#ffffff", "red": "#d0021b", "blue": "#2451e0"}
CART = {"cart_total": "64.90"}
BANNER = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1920 400'%3E%3Crect width='1920' height='400'"
    " fill='%23d9c7a7'/%3E%3Ccircle cx='420' cy='420' r='260' fill='%238a5a3b'/%3E%3Ccircle cx='980' cy='400' r='180'"
    " fill='%23f2e8d5'/%3E%3Ccircle cx='1500' cy='430' r='300' fill='%232e5e4e'/%3E%3C/svg%3E"
)


def offline(store: Store) -> None:
    store.page.add_init_script("Object.defineProperty(navigator, 'onLine', { get: () => false })")
    store.answers["session"] = GONE


def mine(*redemptions: dict[str, Any]) -> Step:
    return say("me/redemptions", {"items": list(redemptions), "next": None})


def bought(**more: Any) -> tuple[Step, ...]:
    one = redemption(**more)
    return (say("POST me/redemptions", (201, one, {})), mine(one))


def again(available: int, **values: Any) -> Step:
    """Closes, and opens anew: meanwhile the points have become so many."""

    def step(store: Store) -> None:
        me = store.answers["session"]["me"]
        store.answers["me"] = {**me, "balance": {**me["balance"], "available": available}, **values}
        store.page.keyboard.press("Escape")
        store.page.locator("lagniappe-widget").evaluate("widget => widget.open()")
        store.page.wait_for_function(
            """() => document.querySelector("lagniappe-widget").shadowRoot.getElementById("said").textContent"""
        )

    return step


def bottom(store: Store) -> None:
    store.page.locator("dialog .scroll").evaluate("(part) => part.scrollTo(0, part.scrollHeight)")


def step_of_redeeming(name: str, caption: str, *before: Step, confirm: bool = True, **more: Any) -> State:
    steps = [click("[data-do=choose]"), *([click("[data-do=confirm]")] if confirm else [])]
    return State("Redeem", name, caption, "redeem", before, tuple(steps), **more)


CAMPAIGN: dict[str, Any] = {
    "id": "1", "name": "Winter gifts", "terms_html": "<p>One of each, while there are any.</p>", "banner_url": BANNER,
    "starts_at": "2026-10-31T23:00:00Z", "ends_at": "2026-12-24T23:00:00Z",
}  # fmt: skip
GIFTS = [
    reward(31, "A candle", type="gift", sub_type=None, cost=200),
    too_dear(32, "A moon jar", type="gift", sub_type=None, cost=2000, missing=1380),
]
GOLD = {"id": "gold", "name": "Gold", "multiplier_text": "1.5× points", "perks": LEVELS[1]["perks"]}
GOLD_NEXT = {"id": "kiln", "name": "Kiln circle", "at": 5000, "missing": 3960, "missing_text": "3,960 points to Kiln circle"}

GERMAN_LONG: tuple[Step, ...] = (
    member(
        member={"id": "1", "first_name": "Maximiliane-Friederike von Hohenstaufen", "tier": None},
        rewards=[
            reward(1, "Geschirrspülmaschinenfeste Kaffeeservicegutscheine", cost=500, cost_text="500 Treuepunkte",
                   value_text="12,50 €", featured=True,
                   description_html="<p>Einlösbar auf das gesamte Geschirrspülmaschinensortiment ab 20 €.</p>"),
            {**too_dear(2, "Donaudampfschifffahrtsgesellschaftskapitänsmützen", cost=12500, missing=11880),
             "cost_text": "12.500 Treuepunkte", "message": "Für diese Prämie fehlen noch 11.880 Treuepunkte"},
        ],
        earn=[
            {**rules()[0], "title": "Eine Bestellung vollständig abschließen", "points_text": "1 Treuepunkt für je 1 €",
             "button": {"label": "Jetzt einkaufen", "url": "/"}},
            {**rules()[4], "title": "Unserem Unternehmensprofil auf Instagram folgen", "points_text": "20 Treuepunkte",
             "button": {"label": "Benachrichtigungen abonnieren", "url": "/"}},
        ],
        tier=tier(
            level={"id": "s", "name": "Geschirrspülmaschinenliebhaber", "multiplier_text": "1,25-fache Treuepunkte", "perks": []},
            next={"id": "g", "name": "Porzellanmanufakturfreundeskreis", "at": 1000, "missing": 380,
                  "missing_text": "380 Treuepunkte bis Porzellanmanufakturfreundeskreis"},
        ),
    ),
)  # fmt: skip


def in_words(store: Store) -> None:
    """The program names its points in the language that is asked for, as a German shop would."""
    store.answers["program"]["program"]["points_name"] = {"one": "Treuepunkt", "other": "Treuepunkte"}


def arabic(store: Store) -> None:
    store.answers["program"]["program"]["points_name"] = {"one": "نقطة", "two": "نقطتان", "few": "نقاط", "many": "نقطة", "other": "نقطة"}
    store.answers["program"]["shop"]["name"] = "البيت الأخضر"
    me = store.answers["session"]["me"]
    me["member"]["first_name"] = "ليلى"
    me["rewards"] = [
        reward(1, "خصم 5 €", cost=500, cost_text="500 نقطة", value_text="5 €"),
        {**too_dear(2, "خصم 10 €", cost=1000, missing=380, value_text="10 €"), "cost_text": "1,000 نقطة",
         "message": "تحتاج إلى 380 نقطة أخرى للحصول على المكافأة"},
    ]  # fmt: skip
    me["earn"] = [
        {**rules()[0], "title": "أكمل طلبًا", "points_text": "نقطة واحدة لكل 1 €", "button": {"label": "تسوّق", "url": "/"}},
        {**rules()[4], "title": "تابعنا على إنستغرام", "points_text": "20 نقطة", "button": {"label": "تابع", "url": "/"}},
    ]
    me["tier"] = tier(
        level={"id": "s", "name": "الفضي", "multiplier_text": None, "perks": []},
        next={"id": "g", "name": "الذهبي", "at": 1000, "missing": 380, "missing_text": "380 نقطة حتى الذهبي"},
    )


def japanese(store: Store) -> None:
    store.answers["program"]["program"]["points_name"] = {"other": "ポイント"}
    store.answers["program"]["shop"]["name"] = "緑の家"
    me = store.answers["session"]["me"]
    me["member"]["first_name"] = "さくら"
    me["rewards"] = [
        reward(1, "500円割引クーポン", cost=500, cost_text="500ポイント", value_text="¥500"),
        {**too_dear(2, "1,000円割引クーポン", cost=1000, missing=380, value_text="¥1,000"), "cost_text": "1,000ポイント",
         "message": "あと380ポイントで交換できます"},
    ]  # fmt: skip
    me["earn"] = [{**rules()[0], "title": "ご注文を完了する", "points_text": "100円ごとに1ポイント", "button": {"label": "お買い物へ", "url": "/"}}]
    me["tier"] = tier(
        level={"id": "s", "name": "シルバー", "multiplier_text": None, "perks": []},
        next={"id": "g", "name": "ゴールド", "at": 1000, "missing": 380, "missing_text": "ゴールドまであと380ポイント"},
    )


HUGE: tuple[Step, ...] = (
    balance(available=123456789, pending=[{"points": 98765432, "due_at": "2026-12-03T23:00:00Z", "reason": "Order #1002"}],
            on_hold=7654321, expiring=[{"points": 123456789, "expires_at": "2027-12-31T23:00:00Z"}]),
    member(
        rewards=[too_dear(2, "A house by the sea", cost=987654321, missing=864197532, value_text="€1,000,000"),
                 reward(1, "€5 off", cost=500, value_text="€5")],
        tier=tier(value=123456789, value_text="123,456,789 points", fraction=0.12,
                  next={"id": "g", "name": "Gold", "at": 999999999, "missing": 876543210, "missing_text": "876,543,210 points to Gold"}),
    ),
)  # fmt: skip

STATES: list[State] = list(
    unique(
        [
            State("Launcher", "right", "Closed, in the right corner", guest=True, is_open=False),
            State("Launcher", "left", "Closed, in the left corner", guest=True, is_open=False, look={"position": "left"}),
            State("Visitor", "earn", "What there is to earn, and how to join", guest=True),
            State("Visitor", "redeem", "What there is to get", "redeem", guest=True),
            State("Visitor", "left", "In the left corner", guest=True, look={"position": "left"}),
            State("Loading", "visitor", "The program is on its way", before=(say("program", SLOW),), guest=True, settles=False),
            State("Loading", "member", "The dashboard is on its way", before=(say("program", SLOW), say("session", SLOW)),
                  settles=False),
            State("Loading", "rewards", "My rewards are on their way", before=(say("me/redemptions", SLOW),), settles=False,
                  steps=(click("#tab-rewards"),)),
            State("Earn", "member", "Every way to earn"),
            State("Earn", "rules", "How the program works, at the end", steps=(bottom,)),
            State("Earn", "empty", "A shop that is still setting up", before=(member(earn=[]),)),
            State("Earn", "paused", "The program is taking a break", before=(lambda store: store.answers["program"]["program"].update(enabled=False),)),
            State("Redeem", "rewards", "What can be had, and what it takes", "redeem"),
            State("Redeem", "more", "Sold out, not enough points, and points as money", "redeem", steps=(bottom,)),
            State("Redeem", "cart", "Points for the cart at hand, and the best reward for it", "redeem", data=CART),
            State("Redeem", "held", "Points set aside for a checkout", "redeem",
                  (mine(held(discount="6.20", points=620)), balance(available=0, on_hold=620)), data=CART),
            State("Redeem", "campaign", "A gift campaign", "redeem", (
                program(campaign={**CAMPAIGN, "gifts": GIFTS}),
                member(campaign={"id": "1", "gifts": GIFTS, "used_points": 300, "taken": [{"name": "A pen", "points": 300}]}))),
            step_of_redeeming("confirm", "Before it is redeemed", confirm=False),
            step_of_redeeming("questions", "The shop asks something", member(rewards=[
                reward(1, "A chair at the fair", type="event_invitation", sub_type=None, attributes=[
                    {"id": "a", "name": "Who comes along?", "type": "Text", "mandatory": True},
                    {"id": "b", "name": "Anything you do not eat", "type": "Text", "mandatory": False}])]),
                confirm=False),
            step_of_redeeming("done", "Redeemed: the code", *bought()),
            step_of_redeeming("preparing", "Redeemed: the code is being made", *bought(**WAITING)),
            step_of_redeeming("failed", "The code could not be made", *bought(**{**OVER, "status": "failed", "code": None})),
            step_of_redeeming("refused", "Refused, in the server's own words",
                              say("POST me/redemptions", refusal("limit_reached", "You have had this one already."))),
            step_of_redeeming("lost", "Nobody knows what came of it", say("POST me/redemptions", GONE)),
            State("My rewards", "ready", "Ready to be used", "rewards"),
            State("My rewards", "under way", "What is still under way", "rewards", (mine(
                redemption(21, "€5 off", **WAITING), redemption(22, "€10 off", ending="returned", can_return=False),
                redemption(23, "A tea bowl", **GIFT),
                redemption(24, "A candle", **GIFT, use_state="used", delivery_status="shipped")),)),
            State("My rewards", "over", "What is over", "rewards", (mine(
                redemption(25, "€5 off", use_state="used", used_at=AGO, can_return=False),
                redemption(26, "€10 off", **OVER, status="expired", points_returned=True),
                redemption(27, "€20 off", **OVER, status="returned"),
                redemption(28, "A mug", **OVER, status="failed", code=None),
                redemption(29, "A vase", **GIFT, use_state="used", delivery_status="delivered")),)),
            State("My rewards", "give back", "Before it is given back", "rewards", steps=(click("[data-do=undo]"),)),
            State("My rewards", "empty", "Nothing yet", "rewards", (say("me/redemptions", NONE),)),
            State("My rewards", "failed", "They cannot be had right now", "rewards", (say("me/redemptions", (500, {}, {})),)),
            State("Balance", "member", "What can be spent, what is coming, what ends", "balance"),
            State("Balance", "activity", "What happened", "balance", steps=(bottom,)),
            State("Balance", "why", "An entry opened into its sum", "balance", steps=(click("#entry-7 summary"),)),
            State("Balance", "owed", "An order was refunded after its points were spent", "balance",
                  (balance(available=0, owed=-40, pending=[], expected=[], expiring=[]),)),
            State("Balance", "held", "Points set aside", "balance", (balance(on_hold=120),)),
            State("Balance", "new", "A new member", "balance",
                  (balance(available=0, pending=[], expected=[], expiring=[]), say("me/activity", NONE))),
            State("Balance", "failed", "The activity cannot be had right now", "balance", (say("me/activity", (500, {}, {})),)),
            State("Levels", "none", "A shop without levels", before=(member(tier=None),)),
            State("Levels", "first", "No level yet", before=(member(tier=tier(
                level=None, value=120, value_text="120 points", fraction=0.24,
                next={"id": "silver", "name": "Silver", "at": 500, "missing": 380, "missing_text": "380 points to Silver"})),)),
            State("Levels", "progress", "On the way to the next"),
            State("Levels", "top", "The highest there is",
                  before=(member(tier=tier(level={**GOLD, "id": "kiln", "name": "Kiln circle"}, next=None, fraction=1)),)),
            State("Levels", "grace", "Kept for a little longer",
                  before=(member(tier=tier(level=GOLD, leaves_at="2026-12-31T23:00:00Z", next=GOLD_NEXT, value=320,
                                           value_text="320 points", fraction=0.2)),)),
            State("Levels", "all rewards", "No reward is out of reach", before=(member(rewards=rewards()[:1]), balance(available=5200))),
            State("Celebration", "points", "Points have come", steps=(again(770),), moves=True),
            State("Celebration", "level", "A new level", moves=True, steps=(again(1040, tier=tier(
                level=GOLD, value=1040, value_text="1,040 points", fraction=0.01, next=GOLD_NEXT)),)),
            State("Celebration", "still", "With less motion asked for", steps=(again(770),)),
            State("Trouble", "offline", "Without a connection", before=(offline,)),
            State("Trouble", "failed", "The server does not answer as it should", before=(say("session", (500, {}, {})),)),
            State("Trouble", "expired", "The page has been open for too long", before=(say("session", (401, {}, {})),)),
            State("Trouble", "busy", "Too much is going on", before=(say("session", (429, {}, {"Retry-After": "30"})),)),
            State("Trouble", "old news", "What was known, under a notice", steps=(
                say("me", (500, {}, {})), lambda store: store.page.keyboard.press("Escape"),
                lambda store: store.page.locator("lagniappe-widget").evaluate("widget => widget.open()"),
                lambda store: store.page.locator(".notice").wait_for())),
            State("Texts", "german", "German, with long words and names", before=(in_words, *GERMAN_LONG), data={"locale": "de"}),
            State("Texts", "german rewards", "The same, where it is redeemed", "redeem", (in_words, *GERMAN_LONG), data={"locale": "de"}),
            State("Texts", "numbers", "Huge numbers", before=HUGE),
            State("Texts", "numbers balance", "Huge numbers in the balance", "balance", HUGE),
            State("Texts", "arabic", "Arabic, from right to left", before=(arabic,), data={"locale": "ar"}),
            State("Texts", "arabic rewards", "Arabic: rewards", "redeem", (arabic,), data={"locale": "ar"}),
            State("Texts", "arabic balance", "Arabic: balance", "balance", (arabic,), data={"locale": "ar"}),
            State("Texts", "arabic code", "Arabic: a code", "rewards", (arabic,), data={"locale": "ar"}),
            State("Texts", "japanese", "Japanese", before=(japanese,), data={"locale": "ja"}),
            State("Texts", "japanese rewards", "Japanese: rewards", "redeem", (japanese,), data={"locale": "ja"}),
            State("Texts", "twice the size", "A page with text of 200 %", head="<style>html { font-size: 200% }</style>"),
            *(State("Accents", name, f"The accent {color}", before=(accent(color),), look={"accent": color})
              for name, color in ACCENTS.items()),
            *(State("Accents", f"{name} rewards", f"The accent {color}: rewards", "redeem", (accent(color),), data=CART,
                    look={"accent": color}) for name, color in ACCENTS.items()),
        ]
    )
)  # fmt: skip
