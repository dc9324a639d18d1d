"""Rows that are points: each becomes an entry of the ledger by its own key, with a lot that ends when the row says."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text

from backend.errors import NotEnoughPoints
from backend.ledger import posting
from backend.ledger.posting import AnySession, Imported
from backend.loyalty import calendar_rules
from backend.loyalty.notifications import notices
from backend.loyalty.notifications.notices import Notice
from backend.loyalty.orders import awards
from backend.loyalty.program import programs
from backend.platforms.events import time_text
from backend.transfer import second_person
from backend.transfer.outcomes import Outcome, Run

DEFAULT_REASON = "Imported balance"


@dataclass(frozen=True)
class _Wanted:
    place: int
    member_id: int
    key: str
    about: str
    points: int
    reason: str
    earned: datetime
    expires: datetime | None
    why: dict[str, Any]


def take(session: AnySession, run: Run, rows: list[tuple[int, dict[str, Any]]]) -> dict[int, Outcome]:
    """Grant or take the points of each row, once. The members must be known."""
    outcomes: dict[int, Outcome] = {}
    members = _members(session, run.shop.id, rows)
    everybody = {each for ids in members.values() for each in ids}
    of_ours = second_person.own_among(session, run.shop.id, run.people, everybody)
    version = programs.version_for(session, run.shop.id, run.now)
    expiry = programs.settings_of(version).expiry
    wanted: list[_Wanted] = []
    keys: dict[str, _Wanted] = {}
    for place, values in rows:
        about = values.get("external_id") or values.get("email") or ""
        found = members.get(about if "external_id" in values else about.lower(), ())
        if len(found) != 1:
            why = "Nobody here has this id or address." if not found else "Several members have this address."
            outcomes[place] = Outcome("refused", why if about else "The row names nobody.", about)
            continue
        if found[0] in of_ours:
            outcomes[place] = Outcome("refused", "Nobody brings points for their own account.", about)
            continue
        if values["points"] == 0:
            outcomes[place] = Outcome("same", "Zero points: nothing to do.", about)
            continue
        earned = values.get("earned_at") or run.now
        if earned > run.now:
            outcomes[place] = Outcome("refused", "Earned on: that day has not come yet.", about)
            continue
        expires = values.get("expires_at")
        ends_by = "given" if expires else "program"
        if expires is None:
            expires = calendar_rules.expires_at(earned, expiry, run.reading.zone)
        if values["points"] > 0 and expires is not None and expires <= run.now:
            outcomes[place] = Outcome("refused", f"These points have expired already ({expires:%Y-%m-%d}).", about)
            continue
        own = values.get("key")
        key = f"import:key:{own}" if own else f"import:{run.file_hash}:{run.first_row + place}"
        why_entry: dict[str, Any] = {"rule": "import", "points": values["points"], "import": str(run.transfer_id)}
        if values["points"] > 0:
            why_entry |= {
                "program_version": version.version,
                "expires_at": time_text(expires) if expires else None,
                "expires_by": ends_by,
                "earned_at": time_text(earned),
            }
        each = _Wanted(
            place,
            found[0],
            key,
            about,
            values["points"],
            values.get("reason") or DEFAULT_REASON,
            earned,
            expires,
            why_entry,
        )
        if key in keys:
            outcomes[place] = Outcome("same", "Another row before it has the same key.", about)
            continue
        keys[key] = each
        wanted.append(each)
    posting.lock_accounts(session, run.shop.id, [each.member_id for each in wanted])
    known = _known(session, run.shop.id, list(keys))
    for each in wanted:
        if each.key in known:
            outcomes[each.place] = Outcome("same", "Was imported before.", each.about)
    new = [each for each in wanted if each.key not in known]
    # in the file's order for each member: what is given first may be taken by a later row
    entries: list[tuple[_Wanted, int]] = []
    granted: list[_Wanted] = []
    for each in new:
        if each.points > 0:
            granted.append(each)
            continue
        entries += _grant(session, run, granted, version.version)
        granted = []
        outcomes[each.place] = _deduct(session, run, each, entries)
    entries += _grant(session, run, granted, version.version)
    for each, _ in entries:
        outcomes.setdefault(each.place, Outcome("made", f"{each.points:+d} points", each.about, each.points))
    if run.options.get("tell"):
        notices.tell_all(
            session,
            "points_adjusted",
            [
                Notice(
                    run.shop.id,
                    each.member_id,
                    f"mail:points_adjusted:{entry_id}",
                    {"entry_id": entry_id, "points": each.points, "reason": each.reason},
                )
                for each, entry_id in entries
            ],
        )
    return outcomes


def _grant(session: AnySession, run: Run, wanted: list[_Wanted], version: int) -> list[tuple[_Wanted, int]]:
    if not wanted:
        return []
    made = posting.grant_many(
        session,
        run.shop.id,
        [Imported(e.member_id, e.points, e.key, e.reason, e.why, e.earned, e.expires) for e in wanted],
        at=run.now,
        author=run.author,
        program_version=version,
    )
    return [(each, made[each.key]) for each in wanted]


def _deduct(session: AnySession, run: Run, each: _Wanted, entries: list[tuple[_Wanted, int]]) -> Outcome:
    try:
        with session.begin_nested():
            entry_id = posting.deduct(
                session,
                run.shop.id,
                each.member_id,
                -each.points,
                at=run.now,
                key=each.key,
                author=run.author,
                reason=each.reason,
                why=each.why,
            )
    except NotEnoughPoints as error:
        return Outcome("refused", f"Only {error.available} points are there to be taken.", each.about)
    if entry_id is not None:
        entries.append((each, entry_id))
        awards.tell_of_swept(session, run.shop.id, each.member_id, entry_id)
    return Outcome("made", f"{each.points:+d} points", each.about, each.points)


def _known(session: AnySession, shop_id: int, keys: list[str]) -> set[str]:
    rows = session.execute(
        text("select source_key from entry where shop_id = :shop and source_key = any(:keys)"),
        {"shop": shop_id, "keys": keys},
    )
    return set(rows.scalars())


def _members(session: AnySession, shop_id: int, rows: list[tuple[int, dict[str, Any]]]) -> dict[str, list[int]]:
    """Ids of active members by what the rows call them: the store's id, or else the address that is proved or alone."""
    ids = sorted({values["external_id"] for _, values in rows if "external_id" in values})
    addresses = sorted(
        {values["email"].lower() for _, values in rows if "external_id" not in values and "email" in values}
    )
    found: dict[str, list[int]] = {}
    for row in session.execute(
        text(
            "select external_id as name, coalesce(merged_into, id) as id from member where shop_id = :shop"
            " and external_id = any(:ids) and status <> 'erased'"
        ),
        {"shop": shop_id, "ids": ids},
    ):
        found[row.name] = [row.id]
    for row in session.execute(
        text(
            """
            select t.email as name, array(select coalesce(m.merged_into, m.id) from verified_address v
                join member m on m.shop_id = v.shop_id and m.id = v.member_id
                where v.shop_id = :shop and v.email = t.email) as proved,
                array(select distinct coalesce(m.merged_into, m.id) from member m
                    where m.shop_id = :shop and lower(m.email) = t.email limit 2) as having
            from unnest(cast(:addresses as text[])) as t (email)
            """
        ),
        {"shop": shop_id, "addresses": addresses},
    ):
        found[row.name] = list(row.proved or row.having)
    return found
