"""Other languages, long texts, huge numbers, and the accents of merchants."""

from tests.gallery.redeeming import CART
from tests.gallery.state import State, Step, accent, balance, member
from tests.gallery.world import rules, tier
from tests.widget.conftest import Store
from tests.widget.rewarding import reward, too_dear

LIGHT = ("yellow", "white")
"""Those that are written on with black."""
ACCENTS = {"yellow": "#ffd400", "black": "#000000", "white": "#ffffff", "red": "#d0021b", "blue": "#2451e0"}
GERMAN_LONG: tuple[Step, ...] = (
    member(
        member={"id": "1", "first_name": "Maximiliane-Friederike von Hohenstaufen", "tier": None},
        rewards=[
            reward(
                1,
                "Geschirrspülmaschinenfeste Kaffeeservicegutscheine",
                cost=500,
                cost_text="500 Treuepunkte",
                value_text="12,50 €",
                featured=True,
                description_html="<p>Einlösbar auf das gesamte Geschirrspülmaschinensortiment ab 20 €.</p>",
            ),
            {
                **too_dear(2, "Donaudampfschifffahrtsgesellschaftskapitänsmützen", cost=12500, missing=11880),
                "cost_text": "12.500 Treuepunkte",
                "message": "Für diese Prämie fehlen noch 11.880 Treuepunkte",
            },
        ],
        earn=[
            {
                **rules()[0],
                "title": "Eine Bestellung vollständig abschließen",
                "points_text": "1 Treuepunkt für je 1 €",
                "button": {"label": "Jetzt einkaufen", "url": "/"},
            },
            {
                **rules()[4],
                "title": "Unserem Unternehmensprofil auf Instagram folgen",
                "points_text": "20 Treuepunkte",
                "button": {"label": "Benachrichtigungen abonnieren", "url": "/"},
            },
        ],
        tier=tier(
            level={
                "id": "s",
                "name": "Geschirrspülmaschinenliebhaber",
                "multiplier_text": "1,25-fache Treuepunkte",
                "perks": [],
            },
            next={
                "id": "g",
                "name": "Porzellanmanufakturfreundeskreis",
                "at": 1000,
                "missing": 380,
                "missing_text": "380 Treuepunkte bis Porzellanmanufakturfreundeskreis",
            },
        ),
    ),
)


def in_words(store: Store) -> None:
    """The program names its points in the language that is asked for, as a German shop would."""
    store.answers["program"]["program"]["points_name"] = {"one": "Treuepunkt", "other": "Treuepunkte"}


def arabic(store: Store) -> None:
    store.answers["program"]["program"]["points_name"] = {
        "one": "نقطة",
        "two": "نقطتان",
        "few": "نقاط",
        "many": "نقطة",
        "other": "نقطة",
    }
    store.answers["program"]["shop"]["name"] = "البيت الأخضر"
    me = store.answers["session"]["me"]
    me["member"]["first_name"] = "ليلى"
    me["rewards"] = [
        reward(1, "خصم 5 €", cost=500, cost_text="500 نقطة", value_text="5 €"),
        {
            **too_dear(2, "خصم 10 €", cost=1000, missing=380, value_text="10 €"),
            "cost_text": "1,000 نقطة",
            "message": "تحتاج إلى 380 نقطة أخرى للحصول على المكافأة",
        },
    ]
    me["earn"] = [
        {
            **rules()[0],
            "title": "أكمل طلبًا",
            "points_text": "نقطة واحدة لكل 1 €",
            "button": {"label": "تسوّق", "url": "/"},
        },
        {
            **rules()[4],
            "title": "تابعنا على إنستغرام",
            "points_text": "20 نقطة",
            "button": {"label": "تابع", "url": "/"},
        },
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
        {
            **too_dear(2, "1,000円割引クーポン", cost=1000, missing=380, value_text="¥1,000"),
            "cost_text": "1,000ポイント",
            "message": "あと380ポイントで交換できます",
        },
    ]
    me["earn"] = [
        {
            **rules()[0],
            "title": "ご注文を完了する",
            "points_text": "100円ごとに1ポイント",
            "button": {"label": "お買い物へ", "url": "/"},
        }
    ]
    me["tier"] = tier(
        level={"id": "s", "name": "シルバー", "multiplier_text": None, "perks": []},
        next={"id": "g", "name": "ゴールド", "at": 1000, "missing": 380, "missing_text": "ゴールドまであと380ポイント"},
    )


HUGE: tuple[Step, ...] = (
    balance(
        available=123456789,
        pending=[{"points": 98765432, "due_at": "2026-12-03T23:00:00Z", "reason": "Order #1002"}],
        on_hold=7654321,
        expiring=[{"points": 123456789, "expires_at": "2027-12-31T23:00:00Z"}],
    ),
    member(
        rewards=[
            too_dear(2, "A house by the sea", cost=987654321, missing=864197532, value_text="€1,000,000"),
            reward(1, "€5 off", cost=500, value_text="€5"),
        ],
        tier=tier(
            value=123456789,
            value_text="123,456,789 points",
            fraction=0.12,
            next={
                "id": "g",
                "name": "Gold",
                "at": 999999999,
                "missing": 876543210,
                "missing_text": "876,543,210 points to Gold",
            },
        ),
    ),
)


def twice_the_size(store: Store) -> None:
    """As a reader sets it in the browser (WCAG 1.4.4)."""
    session = store.page.context.new_cdp_session(store.page)
    session.send("Page.setFontSizes", {"fontSizes": {"standard": 32, "fixed": 26}})


TEXTS: list[State] = [
    State(
        "Texts", "german", "German, with long words and names", before=(in_words, *GERMAN_LONG), data={"locale": "de"}
    ),
    State(
        "Texts",
        "german rewards",
        "The same, where it is redeemed",
        "redeem",
        (in_words, *GERMAN_LONG),
        data={"locale": "de"},
    ),
    State("Texts", "numbers", "Huge numbers", before=HUGE),
    State("Texts", "numbers balance", "Huge numbers in the balance", "balance", HUGE),
    State("Texts", "arabic", "Arabic, from right to left", before=(arabic,), data={"locale": "ar"}),
    State("Texts", "arabic rewards", "Arabic: rewards", "redeem", (arabic,), data={"locale": "ar"}),
    State("Texts", "arabic balance", "Arabic: balance", "balance", (arabic,), data={"locale": "ar"}),
    State("Texts", "arabic code", "Arabic: a code", "rewards", (arabic,), data={"locale": "ar"}),
    State("Texts", "japanese", "Japanese", before=(japanese,), data={"locale": "ja"}),
    State("Texts", "japanese rewards", "Japanese: rewards", "redeem", (japanese,), data={"locale": "ja"}),
    *(
        State(
            "Texts", f"twice the size {tab}", f"A browser whose text is twice as large: {tab}", tab, (twice_the_size,)
        )
        for tab in ("earn", "redeem", "balance")
    ),
    *(
        State(
            "Accents",
            name,
            f"The accent {color}",
            before=(accent(color),),
            look={"accent": color, "ink": "#000000" if name in LIGHT else "#ffffff"},
        )
        for name, color in ACCENTS.items()
    ),
    *(
        State(
            "Accents",
            f"{name} rewards",
            f"The accent {color}: rewards",
            "redeem",
            (accent(color),),
            data=CART,
            look={"accent": color, "ink": "#000000" if name in LIGHT else "#ffffff"},
        )
        for name, color in ACCENTS.items()
    ),
]
