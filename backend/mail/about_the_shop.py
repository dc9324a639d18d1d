"""Mails to the merchant's team, in English as the admin is: one function for each kind, named in `LETTERS`.

A function looks up what its mail is about and says it. It raises NothingToTell if it is not so any more, Never if it
never was. Names and texts come from people: the templates escape them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from babel.dates import format_datetime
from sqlalchemy import text

from backend.errors import NotFound
from backend.ledger.posting import AnySession
from backend.loyalty.calendar_rules import timezone
from backend.loyalty.coupons import stock_health
from backend.loyalty.members import postal
from backend.loyalty.notifications import endpoints
from backend.loyalty.rewards import rewards
from backend.loyalty.shops.shops import ShopFacts
from backend.mail.asking import NothingToTell
from backend.mail.messages import DEFAULT_ACCENT, LONGEST_SUBJECT, Message, one_line, readable_on, templates
from backend.models import ManualChange, Member, Redemption
from backend.platforms.base import Never
from backend.staff import invitations
from backend.staff.invitations import Links
from backend.transfer import imports
from backend.transfer.imports import Transfer


@dataclass(frozen=True, slots=True)
class Letter:
    """What a mail says. `url` is where its button leads, `facts` are lines of a small table."""

    subject: str
    headline: str
    paragraphs: tuple[str, ...]
    button: str
    url: str
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Which mail it is, for whom, and where to look."""

    session: AnySession
    shop: ShopFacts
    payload: Mapping[str, Any]
    staff_id: int
    name: str
    now: datetime
    wall: datetime
    links: Links

    def page(self, path: str) -> str:
        """The whole address of a page, by its path below /admin."""
        return f"{self.links.base_url}/admin{path}"


def invitation(asked: Inquiry) -> Letter:
    """Come in: the link makes a password."""
    url = invitations.link_for(asked.session, asked.links, asked.shop.id, asked.staff_id)
    if url is None:
        raise NothingToTell("the invitation was taken up, or taken back")
    return Letter(
        f"Join {asked.shop.name} on Lagniappe",
        f"You are invited to {asked.shop.name}",
        (
            f"You can help to run the loyalty program of {asked.shop.name}. Choose a password, and you are in.",
            f"The link works once, for {invitations.LIFETIME.days} days.",
        ),
        "Choose a password",
        url,
    )


def password_reset(asked: Inquiry) -> Letter:
    """Somebody has said that they forgot their password."""
    url = invitations.reset_link_for(asked.session, asked.links, asked.shop.id, asked.staff_id)
    if url is None:
        raise NothingToTell("the account is not active any more")
    return Letter(
        "Choose a new password",
        "Choose a new password",
        (
            f"Somebody, probably you, has asked for a new password for {asked.shop.name}.",
            "The link works once, for an hour. If it was not you, do nothing: your password stays as it is.",
        ),
        "Choose a password",
        url,
    )


def account_changed(asked: Inquiry) -> Letter:
    """What protects the account was changed: so that nobody else does it unseen."""
    what = {
        "password": "Your password was changed",
        "two_factor_on": "Two-factor sign-in was turned on",
        "two_factor_off": "Two-factor sign-in was turned off",
        "recovery_code": "A recovery code was used to sign in",
    }[asked.payload["what"]]
    return Letter(
        f"{what} ({asked.shop.name})",
        what,
        ("If it was you, all is well. If not, choose a new password now, and tell whoever looks after your team.",),
        "Your account",
        asked.page("/account"),
    )


def approval_waiting(asked: Inquiry) -> Letter:
    """A change above the limit waits for a second person (docs/decisions/0020). Whom it is for is said on the page alone."""
    change = asked.session.get(ManualChange, (asked.shop.id, asked.payload["change_id"]))
    if change is None:
        raise Never("There is no such change.")
    if change.state != "waiting" or change.waits_until is None or change.waits_until <= asked.now:
        raise NothingToTell("it does not wait any more")
    until = format_datetime(change.waits_until, "medium", tzinfo=timezone(asked.shop.timezone), locale="en")
    return Letter(
        f"{change.staff_name} asks for your approval",
        "A change waits for a second person",
        (
            f"{change.staff_name} wants to change a customer’s points above the limit of {asked.shop.name}. Nothing has"
            " happened yet: somebody else has to agree.",
        ),
        "See and decide",
        asked.page("/approvals"),
        (
            ("Points", f"{change.points:+,}".replace("-", "−")),
            ("Reason", change.reason),
            ("Waits until", until),
        ),
    )


def limit_changed(asked: Inquiry) -> Letter:
    """Somebody has changed how many points one person may move alone."""
    author, points = asked.payload["author"], asked.payload["points"]
    now = (
        f"One person may now change {points:,} points alone on one day; above that, a second one has to agree."
        if points
        else "Nobody has to agree any more to what one person changes by hand, however much it is."
    )
    return Letter(
        f"The limit for approvals was changed ({asked.shop.name})",
        "The limit for approvals was changed",
        (f"{author} has changed the limit. {now}", "If you did not expect that, ask them, and look at the log."),
        "The team's log",
        asked.page("/people"),
    )


def reward_redeemed(asked: Inquiry) -> Letter:
    """A gift is marked as used: it has to be sent (S1.42). Names the customer and where it goes, as the document says."""
    redemption = asked.session.get(Redemption, (asked.shop.id, asked.payload["redemption_id"]))
    if redemption is None:
        raise Never("There is no such redemption.")
    if redemption.use_state != "used" or redemption.delivery_status != "ordered":
        raise NothingToTell("it is sent already, or not to be sent any more")
    member = asked.session.get_one(Member, (asked.shop.id, redemption.member_id))
    if member.status == "erased":
        raise NothingToTell("the customer was erased")
    reward = redemption.frozen["name"]
    facts = (
        ("Reward", reward if redemption.code is None else f"{reward} ({redemption.code})"),
        ("Customer", " ".join(filter(None, (member.first_name, member.last_name)))),
        ("E-mail", member.email or ""),
        ("Phone", member.phone or ""),
        ("Address", postal.one_line(redemption.address or member.address) or "not known: ask the customer"),
    )
    return Letter(
        f"Reward Redeemed: {reward}",
        "Reward Redeemed",
        (
            f"A customer of {asked.shop.name} has redeemed a gift. It is marked as used and its delivery is Ordered:"
            " send it.",
        ),
        "See the reward",
        asked.page(f"/redeemed-rewards/{redemption.id}"),
        tuple(fact for fact in facts if fact[1]),
    )


def import_waiting(asked: Inquiry) -> Letter:
    """Somebody wants to bring points in, and a second person has to agree (docs/decisions/0020)."""
    transfer = _transfer(asked)
    if transfer.state not in ("checking", "waiting"):
        raise NothingToTell("it does not wait any more")
    if transfer.staff_id == asked.staff_id:
        raise NothingToTell("it is their own")
    return Letter(
        f"{transfer.author} asks for your approval",
        "An import of points waits for a second person",
        (
            f"{transfer.author} wants to bring points in from a file. {asked.shop.name} has a limit for changes by hand,"
            " so somebody else has to agree. Nothing has happened yet.",
        ),
        "See and decide",
        asked.page(f"/import/{transfer.id}"),
        (("File", transfer.file_name),),
    )


def import_done(asked: Inquiry) -> Letter:
    """An import that took its time is over: for whoever began it."""
    transfer = _transfer(asked)
    counts = transfer.counts
    ends = {"done": "Your import is done", "failed": "Your import has failed", "cancelled": "Your import was stopped"}
    if transfer.state not in ends:
        raise NothingToTell("it is under way")
    return Letter(
        f"{ends[transfer.state]}: {transfer.file_name}",
        ends[transfer.state],
        ((transfer.problem,) if transfer.problem else ())
        + ("The page has a report of every row, and says why rows were refused.",),
        "See the report",
        asked.page(f"/import/{transfer.id}"),
        tuple(
            (label, f"{counts.get(name, 0):,}")
            for name, label in (("made", "Made"), ("changed", "Changed"), ("same", "No effect"), ("refused", "Refused"))
        ),
    )


def _transfer(asked: Inquiry) -> Transfer:
    try:
        return imports.find(asked.session, asked.shop.id, asked.payload["transfer_id"])
    except NotFound:
        raise Never("There is no such import.") from None


def endpoint_paused(asked: Inquiry) -> Letter:
    """Nobody takes the webhooks at this address any more, and we have stopped sending them."""
    try:
        endpoint = endpoints.find(asked.session, asked.shop.id, asked.payload["endpoint_id"])
    except NotFound:
        raise NothingToTell("the endpoint was removed") from None
    if endpoint.state != "paused":
        raise NothingToTell("the endpoint is active again")
    return Letter(
        f"A webhook of {asked.shop.name} is paused",
        "A webhook is paused",
        (
            endpoint.paused_because or "It was paused.",
            "What happens meanwhile is held for it. Mend the receiver, then resume the endpoint: all of it is sent.",
        ),
        "See the endpoint",
        asked.page(f"/webhooks/{endpoint.id}"),
        # an address may hold a token: of one without a name only the host is told
        (("Endpoint", endpoint.description or urlsplit(endpoint.url).hostname or ""),),
    )


def codes_low(asked: Inquiry) -> Letter:
    """A reward's codes run out: once for each fall under the threshold."""
    low = {each.id: each for each in stock_health.running_low(asked.session, asked.shop.id, asked.now)}
    found = low.get(asked.payload["reward_id"])
    if found is None:
        raise NothingToTell("there are enough codes again")
    lasts = "" if found.days_left is None else f" At the pace of the last days they last {_days(found.days_left)}."
    rest = f"{found.free:,} {'code is' if found.free == 1 else 'codes are'} left."
    mend = (
        "Nobody can redeem it until you upload codes."
        if found.source == "uploaded" and found.free == 0
        else "Upload more, so that nobody has to wait."
        if found.source == "uploaded"
        else "They are made at your store, which does not take new ones: see what it says."
    )
    return Letter(
        f"“{found.name}” has {'no codes left' if found.free == 0 else 'few codes left'}",
        "No codes left" if found.free == 0 else "Few codes left",
        ("No code is left." if found.free == 0 else rest + lasts, mend),
        "See the codes",
        asked.page(f"/reward-campaigns/{rewards.public_id(found.id)}/codes"),
        (("Reward", found.name),),
    )


def data_requested(asked: Inquiry) -> Letter:
    """A customer has asked the store for what is kept of them; their page hands it out. Says nothing of them itself."""
    member_id, order_ids = asked.payload["member_id"], asked.payload["order_ids"]
    numbers = asked.session.execute(
        text("select coalesce(number, external_id) from orders where shop_id = :shop and id = any(:ids) order by id"),
        {"shop": asked.shop.id, "ids": order_ids},
    ).scalars()
    url = asked.page("/deliveries")
    if member_id is not None:
        member = asked.session.get(Member, (asked.shop.id, member_id))
        if member is None or member.status == "erased":
            raise NothingToTell("the customer was erased")
        url = asked.page(f"/customers/{member_id}/care#data-title")
    where = (
        "“Hand out their data” on their page makes a file with all of it."
        if member_id is not None
        else "They have no account: what is kept are their orders, and the address they were made under."
    )
    return Letter(
        f"A customer of {asked.shop.name} asks for their data",
        "A customer asks for their data",
        (
            f"Somebody has asked {asked.shop.name} for what is kept of them, also in the loyalty program. {where}",
            "The law gives you a month to answer them.",
        ),
        "See what is kept",
        url,
        tuple(
            fact
            for fact in (
                ("Request", str(asked.payload["request"])),
                ("Orders without an account", ", ".join(filter(None, numbers))),
            )
            if fact[1]
        ),
    )


def _days(count: int) -> str:
    return "less than a day" if count == 0 else "1 day" if count == 1 else f"{count} days"


LETTERS: Mapping[str, Callable[[Inquiry], Letter]] = {
    "invitation": invitation,
    "password_reset": password_reset,
    "account_changed": account_changed,
    "approval_waiting": approval_waiting,
    "limit_changed": limit_changed,
    "reward_redeemed": reward_redeemed,
    "import_waiting": import_waiting,
    "import_done": import_done,
    "endpoint_paused": endpoint_paused,
    "codes_low": codes_low,
    "data_requested": data_requested,
}
"""What each kind is about."""


def compose(asked: Inquiry, letter: Letter) -> Message:
    """The mail as text and as HTML, in the look of our mails."""
    subject = one_line(letter.subject)[:LONGEST_SUBJECT]
    shown = {
        "language": "en",
        "is_rtl": False,
        "subject": subject,
        "shop_name": one_line(asked.shop.name),
        "shop_url": letter.url,
        "headline": letter.headline,
        "greeting": f"Hello {asked.name},",
        "paragraphs": list(letter.paragraphs),
        "code": None,
        "list": [],
        "list_name": "",
        "facts": list(letter.facts),
        "button": letter.button,
        "footer": f"You get this because you work with Lagniappe for {asked.shop.name}.",
        "service": None,
        "unsubscribe": "",
        "unsubscribe_url": None,
        "accent": DEFAULT_ACCENT,
        "on_accent": readable_on(DEFAULT_ACCENT),
    }
    plain = templates().get_template("message.txt").render(shown)
    return Message(subject, plain, templates().get_template("message.html").render(shown))
