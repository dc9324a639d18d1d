"""Who opened a link, and from which connections members come: by salted hashes that are kept for thirty days."""

import hmac
from datetime import date, datetime
from ipaddress import IPv4Address, IPv6Address, ip_address

from sqlalchemy import text

from backend import db
from backend.ledger.posting import AnySession

_PURPOSE = b"referral-visitor"
_PREVIEWS = (
    "bot", "crawl", "spider", "preview", "facebookexternalhit", "whatsapp", "slack", "telegram", "discord", "skype",
    "embedly", "pinterest", "curl", "wget", "python", "headless",
)  # fmt: skip
"""Words in the name of programs that open links without anybody looking. Not all of them say what they are."""

_VISIT = """
    with found as (
        select m.shop_id, m.id from member m
        where m.referral_code = %(code)s and m.status = 'active'
    ), counted as (
        insert into referral_visit (shop_id, advocate_id, day, visitor, at)
        select shop_id, id, %(day)s, %(visitor)s, %(at)s from found where cast(%(visitor)s as bytea) is not null
        on conflict do nothing
    )
    select shop_id from found
"""


def shop_of_link(code: str, visitor: bytes | None, day: date, at: datetime) -> int | None:
    """The shop that the link leads to, and one more visit of the day unless this visitor was counted, or is nobody. None
    for a code that nobody has; that takes as long."""
    found = db.one_statement(_VISIT, {"code": code, "visitor": visitor, "day": day, "at": at})
    return None if found is None else int(found["shop_id"])


def is_somebody(agent: str | None) -> bool:
    """False for the programs that make previews of links, and for those that do not say what they are."""
    name = (agent or "").lower()
    return bool(name) and not any(word in name for word in _PREVIEWS)


def visitor_hash(key: str, day: date, address: str, agent: str) -> bytes:
    """One visitor on one day: the salt is another one tomorrow."""
    return _hash(key, "visit", day.isoformat(), address, agent)


def connection_hash(key: str, shop_id: int, address: str) -> bytes | None:
    """The connection of a household, for as long as the key; None for an address that says nothing of the visitor, such
    as one of a private network."""
    try:
        where = ip_address(address)
    except ValueError:
        return None
    if not where.is_global:
        return None
    return _hash(key, "connection", str(shop_id), _network(where))


def _network(where: IPv4Address | IPv6Address) -> str:
    """Of IPv6 the part that a household has for all its devices."""
    return str(where) if where.version == 4 else where.exploded[:19]


def _hash(key: str, *said: str) -> bytes:
    salted = hmac.digest(key.encode(), _PURPOSE, "sha256")
    return hmac.digest(salted, "\0".join(said).encode(errors="replace"), "sha256")[:16]


def note_connection(session: AnySession, shop_id: int, member_id: int, connection: bytes, at: datetime) -> None:
    """The member opened the widget from there. One known already stays as long as the newest time."""
    session.execute(
        text(
            "insert into member_connection as c (shop_id, member_id, connection, at) values (:shop, :member, :hash, :at)"
            " on conflict (shop_id, member_id, connection) do update set at = excluded.at"
            " where c.at < excluded.at - interval '1 day'"
        ),
        {"shop": shop_id, "member": member_id, "hash": connection, "at": at},
    )
