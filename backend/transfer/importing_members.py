"""Rows that are people: new ones become members, known ones take over what the row says, in two statements for a batch."""

from datetime import UTC
from typing import Any

import orjson
from sqlalchemy import text

from backend.ledger.posting import AnySession
from backend.loyalty.members import members
from backend.loyalty.orders import orders
from backend.loyalty.referrals import referral_codes
from backend.loyalty.segments import segment_due
from backend.loyalty.tiers import tier_due
from backend.transfer.outcomes import Outcome, Run

_SHAPE = """r (external_id text, email text, email_verified boolean, phone text, first_name text, last_name text,
    locale text, birthday date, tags text[], address jsonb, registered_at timestamptz, accepts_marketing boolean,
    referral_code text, times jsonb)"""

_INSERT = text(
    f"""
    with made as (
        insert into member (shop_id, external_id, email, email_verified, phone, first_name, last_name, locale, birthday,
            birthday_since, tags, address, registered_at, enrolled_at, profile_at, profile_times, referral_code,
            unsubscribed_at)
        select :shop, external_id, email, coalesce(email_verified, false), phone, first_name, last_name, locale, birthday,
            case when birthday is not null then cast(:now as timestamptz) end, coalesce(tags, '{{}}'), address, registered_at,
            :now, :now, times, referral_code, case when not accepts_marketing then cast(:now as timestamptz) end
        from jsonb_to_recordset(cast(:rows as jsonb)) as {_SHAPE}
        order by external_id
        on conflict (shop_id, external_id) do nothing
        returning id, external_id
    ),
    accounts as (
        insert into account (shop_id, member_id) select :shop, id from made
    )
    select id, external_id from made
    """  # noqa: S608 - our own names
)
_UPDATE = text(
    f"""
    update member m set
        email = coalesce(r.email, m.email),
        email_verified = case when r.email is null or (lower(r.email) = lower(m.email) and r.email_verified is null)
            then m.email_verified else coalesce(r.email_verified, false) end,
        phone = coalesce(r.phone, m.phone), first_name = coalesce(r.first_name, m.first_name),
        last_name = coalesce(r.last_name, m.last_name), locale = coalesce(r.locale, m.locale),
        birthday_since = case when r.birthday <> m.birthday or m.birthday is null and r.birthday is not null
            then :now else m.birthday_since end,
        birthday = coalesce(r.birthday, m.birthday), tags = coalesce(r.tags, m.tags),
        address = coalesce(r.address, m.address),
        registered_at = least(r.registered_at, m.registered_at),
        unsubscribed_at = case when not r.accepts_marketing then coalesce(m.unsubscribed_at, :now) else m.unsubscribed_at end,
        profile_times = m.profile_times || r.times, profile_at = greatest(m.profile_at, :now)
    from jsonb_to_recordset(cast(:rows as jsonb)) as {_SHAPE}
    where m.shop_id = :shop and m.external_id = r.external_id and (
        r.email <> m.email or r.email is not null and m.email is null
        or r.email is not null and r.email_verified <> m.email_verified
        or r.phone is distinct from m.phone and r.phone is not null
        or r.first_name is distinct from m.first_name and r.first_name is not null
        or r.last_name is distinct from m.last_name and r.last_name is not null
        or r.locale is distinct from m.locale and r.locale is not null
        or r.birthday is distinct from m.birthday and r.birthday is not null
        or r.tags <> m.tags or r.address is distinct from m.address and r.address is not null
        or r.registered_at < m.registered_at or r.registered_at is not null and m.registered_at is null
        or not r.accepts_marketing and m.unsubscribed_at is null)
    returning m.id, m.external_id
    """  # noqa: S608 - our own names
)
_TIMED = ("email", "phone", "first_name", "last_name", "locale", "birthday", "tags", "address")
_ADDRESS = {"address1": "line1", "city": "city", "postal_code": "postal_code", "country": "country"}


def take(session: AnySession, run: Run, rows: list[tuple[int, dict[str, Any]]]) -> dict[int, Outcome]:
    """Make and change members. They get no points for it: nobody has signed up just now."""
    outcomes: dict[int, Outcome] = {}
    moment = run.now.astimezone(UTC).isoformat(timespec="microseconds")
    merged = _merged(session, run.shop.id, [values["external_id"] for _, values in rows])
    erased = members.erased_among(session, run.shop.id, [values["external_id"] for _, values in rows])
    wanted: dict[str, tuple[int, dict[str, Any]]] = {}
    for place, values in rows:
        external_id = values["external_id"]
        if external_id in erased:
            outcomes[place] = Outcome("refused", "This customer was erased and stays so.", external_id)
        elif external_id in merged:
            outcomes[place] = Outcome("refused", "This account was merged into another one.", external_id)
        elif external_id in wanted:
            outcomes[place] = Outcome("refused", "A row before it has the same customer id.", external_id)
        else:
            wanted[external_id] = (place, _document(values, moment))
    documents = [document for _, document in wanted.values()]
    known = _known(session, run.shop.id, list(wanted))
    ask = {"shop": run.shop.id, "now": run.now}
    fresh = [each for each in documents if each["external_id"] not in known]
    made = {row.external_id: row.id for row in session.execute(_INSERT, {**ask, "rows": _json(fresh)})} if fresh else {}
    others = [each for each in documents if each["external_id"] not in made]
    changed = (
        {row.external_id: row.id for row in session.execute(_UPDATE, {**ask, "rows": _json(others)})} if others else {}
    )
    notes = _verify(session, run, [each for each in documents if each["external_id"] in made | changed], made | changed)
    tier_due.mark(session, [(run.shop.id, member_id) for member_id in sorted(made.values())], run.now)
    segment_due.note(session, run.shop.id, [*made.values(), *changed.values()])
    for external_id, (place, _) in wanted.items():
        what = "made" if external_id in made else "changed" if external_id in changed else "same"
        why = notes.get(external_id, "") if what != "same" else "Everything was known already."
        outcomes[place] = Outcome(what, why, external_id)  # type: ignore[arg-type]
    return outcomes


def _document(values: dict[str, Any], moment: str) -> dict[str, Any]:
    address = {ours: values[theirs] for theirs, ours in _ADDRESS.items() if theirs in values}
    said = {name: value for name, value in values.items() if name not in _ADDRESS and name != "created_at"}
    if address:
        said["address"] = address
    times = {name: moment for name in _TIMED if name in said}
    return {
        **said,
        "registered_at": values.get("created_at"),
        "referral_code": referral_codes.new_code(),
        "times": times,
    }


def _verify(session: AnySession, run: Run, documents: list[dict[str, Any]], ids: dict[str, int]) -> dict[str, str]:
    """Note proved addresses; each may claim a guest's orders. What there is to say, by the customer's id."""
    proved = {
        each["email"].lower(): each["external_id"]
        for each in documents
        if each.get("email_verified") and "email" in each
    }
    if not proved:
        return {}
    session.execute(
        text(
            "insert into verified_address (shop_id, email, member_id)"
            " select :shop, email, id from unnest(cast(:emails as text[]), cast(:ids as bigint[])) as t (email, id)"
            " order by email on conflict (shop_id, email) do nothing"
        ),
        {"shop": run.shop.id, "emails": list(proved), "ids": [ids[each] for each in proved.values()]},
    )
    owners = session.execute(
        text(
            """
            select v.email, v.member_id, exists (select 1 from orders o where o.shop_id = v.shop_id
                and o.guest_email = v.email and o.member_id is null) as has_orders
            from verified_address v where v.shop_id = :shop and v.email = any(:emails) order by v.member_id
            """
        ),
        {"shop": run.shop.id, "emails": list(proved)},
    ).all()
    notes: dict[str, str] = {}
    for owner in owners:
        external_id = proved[owner.email]
        if owner.member_id != ids[external_id]:
            notes[external_id] = "The address is proved as another member's."
        elif owner.has_orders:
            orders.claim(session, run.shop, owner.member_id, owner.email, run.now)
            notes[external_id] = "Orders made as a guest were found."
    return notes


def _merged(session: AnySession, shop_id: int, external_ids: list[str]) -> set[str]:
    found = session.execute(
        text("select external_id from member where shop_id = :shop and external_id = any(:ids) and status = 'merged'"),
        {"shop": shop_id, "ids": external_ids},
    )
    return set(found.scalars())


def _known(session: AnySession, shop_id: int, external_ids: list[str]) -> set[str]:
    found = session.execute(
        text("select external_id from member where shop_id = :shop and external_id = any(:ids)"),
        {"shop": shop_id, "ids": external_ids},
    )
    return set(found.scalars())


def _json(documents: list[dict[str, Any]]) -> str:
    return orjson.dumps(documents).decode()
