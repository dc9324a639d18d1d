"""What the columns of an import may mean: the fields of each kind, what other programs call them, and how values are read.

Pure. A value that cannot be read raises ValueError with a sentence for the row's report.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from backend.loyalty.calendar_rules import first_instant, instant_of
from backend.loyalty.wording import is_language_tag

Kind = Literal["members", "balances", "codes"]
DateOrder = Literal["", "day first", "month first"]
LARGEST = 1_000_000_000
DELIMITER_OF_ONE_COLUMN = ","


@dataclass(frozen=True)
class Field:
    """One field that a column can be mapped to. `names` are headings that mean it, as `plain` writes them."""

    name: str
    label: str
    names: tuple[str, ...]
    is_needed: bool = False
    hint: str = ""


_EXTERNAL = Field(
    "external_id",
    "The store's customer id",
    ("externalid", "customerid", "customer", "id", "userid", "memberid", "merchantid", "shopifycustomerid",
     "shopifyid", "platformid", "platformcustomerid", "externalcustomerid", "thirdpartyid"),
)  # fmt: skip
_EMAIL = Field(
    "email",
    "E-mail address",
    ("email", "emailaddress", "mail", "customeremail", "useremail", "memberemail", "contactemail"),
)

FIELDS: Mapping[str, tuple[Field, ...]] = {
    "members": (
        Field(_EXTERNAL.name, _EXTERNAL.label, _EXTERNAL.names, is_needed=True),
        _EMAIL,
        Field("email_verified", "Address is verified", ("emailverified", "verified", "verifiedemail", "isverified")),
        Field("phone", "Phone", ("phone", "phonenumber", "mobile", "tel", "telephone", "customerphone")),
        Field("first_name", "First name", ("firstname", "givenname", "forename", "fname")),
        Field("last_name", "Last name", ("lastname", "familyname", "surname", "lname")),
        Field("locale", "Language", ("locale", "language", "lang", "preferredlanguage")),
        Field("birthday", "Birthday", ("birthday", "birthdate", "dateofbirth", "dob", "birthdayat")),
        Field("tags", "Tags, parted by commas", ("tags", "tag", "customertags", "labels")),
        Field(
            "created_at",
            "Customer since",
            ("createdat", "created", "registeredat", "signupdate", "signedupat", "joinedat", "joindate", "enrolledat",
             "membersince", "customersince", "optedinat", "optinat", "registrationdate"),
        ),
        Field(
            "accepts_marketing",
            "Wants mail",
            ("acceptsmarketing", "marketingconsent", "marketing", "subscribed", "acceptsemailmarketing", "optin",
             "emailmarketingconsent", "newsletter"),
        ),
        Field("address1", "Street", ("address1", "street", "address", "line1", "streetaddress")),
        Field("city", "City", ("city", "town")),
        Field("postal_code", "Postal code", ("postalcode", "zip", "zipcode", "postcode")),
        Field("country", "Country", ("country", "countrycode")),
    ),
    "balances": (
        _EXTERNAL,
        _EMAIL,
        Field(
            "points",
            "Points",
            ("points", "pointsbalance", "balance", "pointbalance", "currentpoints", "availablepoints", "amount",
             "pointsavailable", "pointsapproved", "approvedpoints", "currentpointsbalance", "pointschange", "pointstoadd"),
            is_needed=True,
        ),
        Field(
            "earned_at",
            "Earned on",
            ("earnedat", "earned", "date", "earnedon", "awardedat", "issuedat", "createdat", "lastactivity"),
        ),
        Field(
            "expires_at",
            "Expires on",
            ("expiresat", "expires", "expiry", "expirydate", "expirationdate", "expireson", "pointsexpireat",
             "pointsexpirationdate", "pointsexpiryat", "pointsexpirydate", "expirationdateofpoints"),
        ),
        Field("reason", "Reason", ("reason", "note", "description", "comment", "action", "title", "rulename")),
        Field(
            "key",
            "The row's own key",
            ("key", "rowkey", "transactionid", "reference", "uniqueid", "entryid"),
            hint="With it a row counts once in whatever file it stands.",
        ),
    ),
    "codes": (
        Field(
            "code",
            "Code",
            ("code", "codes", "coupon", "couponcode", "vouchercode", "voucher", "discountcode", "giftcode", "serial"),
            is_needed=True,
        ),
    ),
}  # fmt: skip
"""Headings are those of Smile.io, LoyaltyLion, Yotpo and Shopify exports too."""


def plain(heading: str) -> str:
    """`Points Balance ` as `pointsbalance`."""
    return re.sub(r"[^0-9a-z]", "", heading.removeprefix("\ufeff").lower())


def guess(kind: str, headings: Sequence[str]) -> dict[str, int]:
    """Which column is which field, by the headings: the better a field's name is known, the earlier it chooses."""
    wanted = [plain(each) for each in headings]
    taken: dict[str, int] = {}
    for field in FIELDS[kind]:
        places = [wanted.index(name) for name in field.names if name in wanted]
        free = [place for place in places if place not in taken.values()]
        if free:
            taken[field.name] = free[0]
    return taken


def has_heading(kind: str, cells: Sequence[str]) -> bool:
    """Whether the first row names columns; a list of codes may begin with a code."""
    return bool(guess(kind, cells)) or kind != "codes"


@dataclass(frozen=True)
class Reading:
    """How the file writes what can be written in several ways."""

    zone: ZoneInfo
    dates: DateOrder = ""
    decimal_comma: bool = False


_ISO_DAY = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")
_COMPACT_DAY = re.compile(r"(\d{4})(\d{2})(\d{2})")
_OTHER_DAY = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})")
_NAMED = ("%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%Y", "%b %d %Y")
_TIME = re.compile(r"(.*?\d{4}|.*?\d{1,2}|\d{8})(?:[T ]+|, )(\d{1,2}:\d{2}.*)")


def day(value: str, reading: Reading) -> date:
    """A date. ISO goes without asking; 03/04/2026 only once somebody has said which is the day."""
    text = value.strip()
    try:
        if found := _ISO_DAY.fullmatch(text) or _COMPACT_DAY.fullmatch(text):
            return date(int(found[1]), int(found[2]), int(found[3]))
        if found := _OTHER_DAY.fullmatch(text):
            first, second, year = int(found[1]), int(found[2]), int(found[3])
            if first > 12 or reading.dates == "day first":
                return date(year, second, first)
            if second > 12 or reading.dates == "month first" or first == second:
                return date(year, first, second)
            raise _Ambiguous(f"{text} may be two dates: choose whether days or months come first.")
    except _Ambiguous:
        raise
    except ValueError:
        raise ValueError(f"{text[:60]} is not a date that exists.") from None
    for form in _NAMED:
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007 - only its day
        except ValueError:
            continue
    raise ValueError(f"{text[:60]} is not a date such as 2026-04-30.")


class _Ambiguous(ValueError):
    pass


def moment(value: str, reading: Reading, *, ends: bool = False) -> datetime:
    """A moment. A date alone is its first instant in the shop's zone; with `ends` the instant after it."""
    text = value.strip()
    found = _TIME.fullmatch(text)
    if found is None:
        on = day(text, reading)
        if ends:
            on = date.fromordinal(min(on.toordinal() + 1, date.max.toordinal() - 1))
        return _safe(first_instant(on, reading.zone))
    on = day(found[1], reading)
    try:
        at = datetime.fromisoformat(f"{on.isoformat()}T{_clock(found[2])}")
    except ValueError:
        raise ValueError(f"{text[:60]} is not a time such as 2026-04-30T12:00:00Z.") from None
    return _safe(instant_of(at, reading.zone) if at.tzinfo is None else at.astimezone(UTC))


def _clock(text: str) -> str:
    """`9:30 PM`, `09:30:00 UTC` and `09:30 +0200` as ISO writes them."""
    found = re.fullmatch(
        r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*([AaPp][Mm])?\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2})?",
        text.strip(),
    )
    if found is None:
        raise ValueError(text)
    hour = int(found[1])
    if found[5]:
        hour = hour % 12 + (12 if found[5].lower() == "pm" else 0)
    zone = {"Z": "+00:00", "UTC": "+00:00", "GMT": "+00:00", None: ""}.get(found[6], found[6])
    fraction = f".{found[4][:6].ljust(6, '0')}" if found[4] else ""
    return f"{hour:02d}:{found[2]}:{found[3] or '00'}{fraction}{zone}"


def _safe(at: datetime) -> datetime:
    if not 1900 <= at.year <= 9000:
        raise ValueError(f"{at.year} is not a year that can be meant.")
    return at.astimezone(UTC)


def points(value: str, reading: Reading) -> int:
    """A whole number: 1500, 1,500, 1.500, 1 500, 1500.0, -20, (20)."""
    text = value.strip().replace("\u2212", "-")
    is_negative = (text.startswith("(") and text.endswith(")")) or text.startswith("-")
    text = re.sub(r"[\s\u00a0\u202f'’]", "", text.strip("()").lstrip("+-"))
    thousands, decimal = (".", ",") if reading.decimal_comma else (",", ".")
    grouped = re.fullmatch(rf"\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+(?:{re.escape(decimal)}0*)?", text)
    whole = re.fullmatch(rf"\d+(?:{re.escape(decimal)}0*)?", text)
    if not (grouped or whole):
        if re.fullmatch(r"\d{1,3}(?:[.,]\d{3})+", text):
            raise ValueError(f"{value.strip()[:60]} may be thousands or a fraction: choose how numbers are written.")
        if re.fullmatch(r"\d+[.,]\d+", text):
            raise ValueError(f"{value.strip()[:60]} is not a whole number of points.")
        raise ValueError(f"{value.strip()[:60] or 'Nothing'} is not a number of points.")
    number = int(text.replace(thousands, "").split(decimal)[0])
    if number > LARGEST:
        raise ValueError(f"At most {LARGEST:,} points can be moved at once.")
    return -number if is_negative else number


_YES = frozenset(
    {"true", "yes", "y", "1", "x", "t", "subscribed", "verified", "confirmed", "on", "ja", "oui", "si", "sí"}
)
_NO = frozenset({"false", "no", "n", "0", "f", "unsubscribed", "unverified", "off", "nein", "non", "not subscribed"})


def yes_or_no(value: str) -> bool:
    said = value.strip().casefold()
    if said in _YES:
        return True
    if said in _NO:
        return False
    raise ValueError(f"{value.strip()[:60]} is neither yes nor no.")


_EMAIL_FORM = re.compile(r"[^\s@\x00-\x1f\x7f]+@[^\s@\x00-\x1f\x7f]+\.[^\s@\x00-\x1f\x7f]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def words(value: str, most: int = 255) -> str:
    """A text on one line, as it is kept. What stands there as a formula is only a text here."""
    text = re.sub(r"\s+", " ", value.strip())
    if _CONTROL.search(text):
        raise ValueError("It holds control characters.")
    if len(text) > most:
        raise ValueError(f"It has more than {most} characters.")
    return text


def email(value: str) -> str:
    text = words(value, 320)
    if not _EMAIL_FORM.fullmatch(text):
        raise ValueError(f"{text[:60]} is not an e-mail address.")
    return text


def language(value: str) -> str:
    tag = value.strip().replace("_", "-")
    if not is_language_tag(tag):
        raise ValueError(f"{tag[:60]} is not a language such as en or pt-BR.")
    return tag


def read(kind: str, columns: Mapping[str, int], cells: Sequence[str], reading: Reading) -> dict[str, Any]:
    """The row's values by field; cells that are empty or missing are left out. Raises ValueError with the field's label."""
    found: dict[str, Any] = {}
    for field in FIELDS[kind]:
        place = columns.get(field.name)
        if place is None or place >= len(cells) or not (cell := cells[place].strip()):
            if field.is_needed:
                raise ValueError(f"{field.label} is missing.")
            continue
        try:
            found[field.name] = _value(field.name, cell, reading)
        except ValueError as error:
            raise ValueError(f"{field.label}: {error}") from None
    return found


def _value(name: str, cell: str, reading: Reading) -> Any:
    match name:
        case "email":
            return email(cell)
        case "email_verified" | "accepts_marketing":
            return yes_or_no(cell)
        case "locale":
            return language(cell)
        case "birthday":
            return day(cell, reading)
        case "created_at" | "earned_at":
            return moment(cell, reading)
        case "expires_at":
            return moment(cell, reading, ends=True)
        case "points":
            return points(cell, reading)
        case "tags":
            return [tag for tag in (words(each) for each in cell.split(",")) if tag][:250]
        case "code":
            return cell
    return words(cell)
