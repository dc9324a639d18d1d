"""Every mail in every language, and the page that unsubscribes. `python -m tests.gallery.mails` writes them to
gallery/mails (or the folder that is named) with an index."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from html import escape
from pathlib import Path
from typing import get_args

from backend.loyalty.wording import POINTS_NAMES, points_text
from backend.mail.languages import LANGUAGES
from backend.mail.messages import Context, Kind, Message, compose
from backend.mail.page import PageShop, State, unsubscribe_page

FOLDER = Path("gallery/mails")
LINK = "https://loyalty.example/unsubscribe/1-7.d2hvLWV2ZXItcmVhZHMtdGhpcy1pcy1jdXJpb3Vz"
CONTEXT = Context(
    shop_name="Maison Aurore",
    shop_url="https://shop.example",
    shop_locale="en",
    timezone="Europe/Paris",
    points=250,
    points_names=POINTS_NAMES,
    first_name="Ada",
    balance=1320,
    accent="#7a3cff",
    unsubscribe_url=LINK,
)
END = datetime(2026, 12, 31, 23, tzinfo=UTC)
REWARD = replace(CONTEXT, reward="€5 off", expires_at=END)
GOLD = replace(CONTEXT, points=0, level="Gold", level_before="Silver")

EXAMPLES: dict[str, tuple[Kind, Context]] = {
    "points_earned_by_order": ("points_earned", replace(CONTEXT, order_number="#1001", expires_at=END)),
    "points_earned": ("points_earned", replace(CONTEXT, reason="Birthday", never_expires=True)),
    "points_expiring": ("points_expiring", replace(CONTEXT, expires_at=END, takes_away=True)),
    "points_expired": ("points_expired", replace(CONTEXT, expires_at=END, takes_away=True)),
    "points_clawed_back": (
        "points_clawed_back",
        replace(CONTEXT, order_number="#1001", reason="cancelled", balance=0, owed=-40, takes_away=True),
    ),
    "points_clawed_back_referral": ("points_clawed_back", replace(CONTEXT, reason="referral", takes_away=True)),
    "points_given": ("points_adjusted", replace(CONTEXT, reason="Sorry for the wait", expires_at=END)),
    "points_deducted": ("points_adjusted", replace(CONTEXT, points=-250, reason="A mistake", takes_away=True)),
    "reward_issued": ("reward_issued", replace(REWARD, points=500, code="AURORE-7K2M-9QXD", how="code")),
    "reward_issued_gift": ("reward_issued", replace(REWARD, reward="Water bottle", how="gift", expires_at=None)),
    "reward_issued_free": ("reward_issued", replace(REWARD, points=0, code="TEA-19", how="other")),
    "reward_earned": (
        "reward_issued",
        replace(REWARD, points=0, code="AURORE-1", how="code", is_earned=True, reason="tier_gift"),
    ),
    "reward_available": (
        "reward_available",
        replace(REWARD, announcement="Five euros off your next order: for you, from today on.", points=500),
    ),
    "reward_expired": ("reward_expired", replace(REWARD, takes_away=True)),
    "reward_expired_points_back": ("reward_expired", replace(REWARD, points_came_back=True, takes_away=True)),
    "reward_expired_free": ("reward_expired", replace(REWARD, points=0, takes_away=True)),
    "reward_failed": ("reward_failed", replace(REWARD, expires_at=None, takes_away=True)),
    "reward_failed_free": ("reward_failed", replace(REWARD, points=0, expires_at=None, takes_away=True)),
    "reward_withdrawn": ("reward_withdrawn", replace(REWARD, points=0, expires_at=None, takes_away=True)),
    "tier_up": (
        "tier_changed",
        replace(GOLD, perks=("Free shipping", "A surprise on your birthday"), multiplier=Decimal("1.5")),
    ),
    "tier_down": ("tier_changed", replace(GOLD, level="Silver", level_before="Gold", went_up=False)),
    "tier_lost": ("tier_changed", replace(GOLD, level=None, level_before="Gold", went_up=False)),
    "tier_ending": ("tier_ending", replace(GOLD, expires_at=END, missing="380 points", takes_away=True)),
    "referral_advocate": (
        "referral_rewarded",
        replace(CONTEXT, points=100, reward="€5 off", is_advocate=True, friend="Bea"),
    ),
    "referral_friend": ("referral_rewarded", replace(CONTEXT, points=50)),
}
"""By what tells them apart: each kind in each of its wordings."""


def messages() -> Iterator[tuple[str, str, Message]]:
    """(name, language, message) of all there are."""
    assert {kind for kind, _ in EXAMPLES.values()} == set(get_args(Kind))
    for language in LANGUAGES:
        for name, (kind, context) in EXAMPLES.items():
            if context.missing is not None:
                context = replace(context, missing=points_text(POINTS_NAMES, 380, language, "en"))
            yield name, language, compose(kind, language, context)


def pages() -> list[tuple[str, str]]:
    """(name, HTML) of every mail and of every state of the page that unsubscribes."""
    shop = PageShop("Maison Aurore", "https://shop.example", "en", "#7a3cff")
    states = [
        (
            f"{language}/unsubscribe-{state}",
            unsubscribe_page(state, language, None if state == "unknown" else shop, "n"),
        )
        for language in LANGUAGES
        for state in get_args(State)
    ]
    return [(f"{language}/{name}", message.html) for name, language, message in messages()] + states


def write(folder: Path) -> Path:
    """All of them as files, and the index to look at them side by side."""
    for name, html in pages():
        file = folder / f"{name}.html"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(html, "utf-8")
    rows = [
        f"<h2>{escape(name)}</h2><p>{escape(message.subject)}</p><iframe src='{name}.html'></iframe>"
        f"<pre dir=auto>{escape(message.text)}</pre>"
        for name, message in ((f"{language}/{name}", message) for name, language, message in messages())
    ]
    index = folder / "index.html"
    style = "iframe{width:640px;height:720px;border:1px solid #ccc}pre{display:inline-block;white-space:pre-wrap;width:560px}"
    index.write_text(f"<meta charset=utf-8><title>Mails</title><style>{style}</style>{''.join(rows)}", "utf-8")
    return index


if __name__ == "__main__":
    print(write(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
