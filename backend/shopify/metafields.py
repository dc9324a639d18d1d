"""Points and levels for customer accounts at Shopify: which members' are to be written, and what was.

They are metafields of the customer in the app's own namespace, which customer account UI extensions of the same app read
(docs/shopify.md). A member is written when what was last written is not so any more. Who may have changed is found in the
ledger and the changes of levels, so that moving points costs no more in a shop that has this switched on. Their rows are
numbered before they are committed, so each is met again until a minute has passed; what takes longer than that, a level that
is called otherwise, and anything else is found by going through all members, once a day.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import TextClause, select, text

from backend.ledger.posting import AnySession
from backend.loyalty.program import programs
from backend.loyalty.shops import shopify_shops, shops
from backend.loyalty.wording import pick
from backend.models import MetafieldRun, ShopifyShop
from backend.platforms.shopify import scopes
from backend.queue import enqueue_after_commit

JOB = "upkeep.write_metafields"
WAITS = "select shop_id, next_at from metafield_run where next_at <= %(wall)s order by next_at limit 1"
EVERY = timedelta(seconds=5)
"""How often a shop is looked at for members who have changed."""
ALL_EVERY = timedelta(days=1)
LATEST_COMMIT = timedelta(minutes=1)
LEASE = timedelta(minutes=5)
PERMISSION_EVERY = timedelta(minutes=1)
FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(hours=1)
PAGE = 250
"""Members who are written between two looks at where the run stands."""
MOST_ENTRIES = 20_000
"""Of the last minute or two. If there are more, going through all members is quicker than looking up these each time."""
NOT_GRANTED = (
    f"The shop has not granted {scopes.FOR_CUSTOMER_ACCOUNTS}: open the page “Points in customer accounts” of the app"
    " in Shopify, and accept what it asks."
)
_LONGEST_ERROR = 500

_MEMBERS = "select id from member where shop_id = :shop and id > :after order by id limit :page"
_CHANGED = """
    with changed as (
        select member_id from entry where shop_id = :shop and id > :entry
        union
        select member_id from tier_change where shop_id = :shop and id > :change
    )
    select member_id as id from changed
    union
    select m.id from changed c join member m on m.shop_id = :shop and m.merged_into = c.member_id
    """
# Whoever was merged into another account has that one's points: at Shopify the two may still be two.
_DIFFERING = """
    with level as (
        select t.id, t.name from unnest(cast(:levels as text[]), cast(:names as text[])) as t (id, name)
    ), chosen as ({which})
    select m.id, m.external_id, p.points, l.name as level, w.level as last_level,
        case when n.is_known then w.points end as points_there, case when n.is_known then w.level end as level_there
    from chosen c
    join member m on m.shop_id = :shop and m.id = c.id
    join member k on k.shop_id = :shop and k.id = coalesce(m.merged_into, m.id)
    left join account a on a.shop_id = :shop and a.member_id = k.id
    cross join lateral (
        select coalesce(a.available, 0) - coalesce((
            select sum(t.remaining) from lot t
            where t.shop_id = :shop and t.member_id = k.id and t.open and t.expires_at <= :now), 0) as points
    ) p
    left join level l on l.id = k.tier
    left join customer_metafield w on w.shop_id = :shop and w.member_id = m.id and w.customer_hash = hashtext(m.external_id)
    cross join lateral (select coalesce(w.written_at >= :since, false) as is_known) n
    where m.external_id ~ '^[0-9]{{1,20}}$' and k.status in ('active', 'blocked') and not (n.is_known and w.is_gone)
        and (not n.is_known or w.points is distinct from p.points or w.level is distinct from l.name)
    order by m.id limit :page
    """
_ALL: TextClause = text(_DIFFERING.format(which=_MEMBERS))
_THOSE_CHANGED: TextClause = text(_DIFFERING.format(which=_CHANGED))
_NEWEST = text(
    "select coalesce((select max(id) from entry where shop_id = :shop), 0) as entry,"
    " coalesce((select max(id) from tier_change where shop_id = :shop), 0) as change"
)
_NOTE = text(
    """
    insert into customer_metafield (shop_id, member_id, customer_hash, points, level, is_gone, written_at)
    select :shop, t.member_id, hashtext(t.customer), t.points, t.level, t.is_gone, :began
    from unnest(cast(:members as bigint[]), cast(:customers as text[]), cast(:points as bigint[]), cast(:levels as text[]),
        cast(:gone as boolean[])) as t (member_id, customer, points, level, is_gone)
    on conflict (shop_id, member_id) do update set customer_hash = excluded.customer_hash, points = excluded.points,
        level = excluded.level, is_gone = excluded.is_gone, written_at = excluded.written_at
    """
)
_MINE = "shop_id = :shop and next_at = :lease and since = :since"


@dataclass(frozen=True)
class Shown:
    """What a customer is to see, and which of it is news to Shopify."""

    member_id: int
    customer_id: str
    points: int
    level: str | None
    are_points_news: bool
    is_level_news: bool


@dataclass(frozen=True)
class Task:
    """The next members of a shop. `then`: how the run stands once all of them are written."""

    shop_id: int
    since: datetime
    began: datetime
    lease: datetime
    is_ending: bool = False
    is_defined: bool = False
    tries: int = 0
    members: Sequence[Shown] = ()
    then: Mapping[str, Any] = field(default_factory=dict)
    pause: timedelta = EVERY


def turn_on(session: AnySession, shop_id: int, wall: datetime) -> None:
    """Have all members of a shop on Shopify written, and from then on those who change."""
    run = session.get(MetafieldRun, shop_id, with_for_update=True, populate_existing=True)
    if run is not None and not run.is_ending:
        shopify_shops.look_at_scopes(session, shop_id, wall)
        return
    held = wall
    if run is None:
        run = MetafieldRun(shop_id=shop_id)
    elif run.next_at is not None:
        held = _after_others(run.next_at, wall)
    run.is_ending = False
    _restart(session, run, wall)
    run.next_at = held
    session.add(run)
    session.flush()
    shopify_shops.look_at_scopes(session, shop_id, wall)
    enqueue_after_commit(JOB)


def turn_off(session: AnySession, shop_id: int, wall: datetime) -> None:
    """Have what was written taken away at Shopify, and write no more."""
    run = session.get(MetafieldRun, shop_id, with_for_update=True, populate_existing=True)
    if run is None or run.is_ending:
        return
    run.is_ending, run.since = True, wall
    run.next_at = _after_others(run.next_at or wall, wall)
    run.tries, run.error = 0, None
    session.flush()
    enqueue_after_commit(JOB)


def go_on(session: AnySession, shop_id: int, wall: datetime) -> None:
    """The app is back in the shop."""
    session.execute(
        text("update metafield_run set next_at = :wall, tries = 0 where shop_id = :shop"),
        {"shop": shop_id, "wall": wall},
    )


def begin(session: AnySession, wall: datetime, now: datetime) -> Task | None:
    """The shop whose turn it is, with whom to write there; nobody else takes it until the lease is over."""
    due = (
        select(MetafieldRun)
        .where(MetafieldRun.next_at <= wall)
        .order_by(MetafieldRun.next_at)
        .limit(1)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    while (run := session.execute(due).scalar_one_or_none()) is not None:
        shop = session.get_one(ShopifyShop, run.shop_id, populate_existing=True)
        if shop.state != "installed":
            if run.is_ending:  # nobody who has lost the token can take anything away
                session.delete(run)
            else:
                run.next_at = None
        elif scopes.FOR_CUSTOMER_ACCOUNTS not in shop.scopes and not run.is_ending:
            run.error, run.next_at = NOT_GRANTED, wall + PERMISSION_EVERY
        else:
            if shop.installed_at is not None and shop.installed_at > run.since and not run.is_ending:
                _restart(session, run, wall)
            return _task(session, run, wall, now)
        session.flush()
    return None


def note_defined(session: AnySession, task: Task) -> None:
    """Shopify knows now what the metafields are."""
    session.execute(
        text("update metafield_run set is_defined = true where shop_id = :shop and since = :since"),
        {"shop": task.shop_id, "since": task.since},
    )


def note(session: AnySession, task: Task, members: Sequence[Shown], gone: Collection[int]) -> None:
    """These were written as they are; those in `gone` are no customers at Shopify any more."""
    members = sorted(members, key=lambda each: each.member_id)
    session.execute(
        _NOTE,
        {
            "shop": task.shop_id,
            "began": task.began,
            "members": [each.member_id for each in members],
            "customers": [each.customer_id for each in members],
            "points": [each.points for each in members],
            "levels": [each.level for each in members],
            "gone": [each.member_id in gone for each in members],
        },
    )


def finish(session: AnySession, task: Task, wall: datetime) -> None:
    """All members of the task were written."""
    changes = {**task.then, "next_at": wall + task.pause, "tries": 0, "error": None}
    columns = ", ".join(f"{name} = :new_{name}" for name in changes)
    session.execute(
        text(f"update metafield_run set {columns} where {_MINE}"),  # noqa: S608 - our own words
        _of(task) | {f"new_{name}": value for name, value in changes.items()},
    )


def pause(session: AnySession, task: Task, wall: datetime) -> None:
    """There was no time for all of them: the others follow."""
    session.execute(text(f"update metafield_run set next_at = :wall where {_MINE}"), _of(task) | {"wall": wall})  # noqa: S608


def fail(
    session: AnySession, task: Task, reason: str, wall: datetime, *, pause_seconds: float | None, for_good: bool
) -> None:
    """It could not go on: again after ten seconds, twenty … to an hour, and no sooner than Shopify asks for.

    `for_good`: no repetition helps as things are, so an hour is soon enough.
    """
    backed_off = min(FIRST_PAUSE * 2 ** min(task.tries, 10), LONGEST_PAUSE)
    wait = LONGEST_PAUSE if for_good else max(backed_off, timedelta(seconds=pause_seconds or 0))
    session.execute(
        text(f"update metafield_run set next_at = :next, tries = tries + 1, error = :error where {_MINE}"),  # noqa: S608
        _of(task) | {"next": wall + wait, "error": reason[:_LONGEST_ERROR]},
    )


def end(session: AnySession, task: Task) -> None:
    """What was written is taken away. What is known of it is of before `since`, should it be switched on again."""
    session.execute(text(f"delete from metafield_run where {_MINE} and is_ending"), _of(task))  # noqa: S608


def _after_others(next_at: datetime, wall: datetime) -> datetime:
    """Once whoever may be speaking with Shopify for the shop has ended."""
    return min(max(next_at, wall), wall + LEASE)


def _restart(session: AnySession, run: MetafieldRun, wall: datetime) -> None:
    """Write everybody; a minute later look at all of them again, for what was being committed meanwhile."""
    newest = session.execute(_NEWEST, {"shop": run.shop_id}).one()
    run.since, run.is_defined = wall, False
    run.after_member_id, run.walk_at = 0, wall + LATEST_COMMIT
    run.from_entry_id = run.mark_entry_id = newest.entry
    run.from_change_id = run.mark_change_id = newest.change
    run.marked_at = run.next_at = wall
    run.tries, run.error = 0, None


def _task(session: AnySession, run: MetafieldRun, wall: datetime, now: datetime) -> Task:
    run.next_at = wall + LEASE
    members: list[Shown] = []
    then: dict[str, Any] = {}
    wait = EVERY
    if not run.is_ending:
        if run.after_member_id is None and run.walk_at <= wall:
            run.after_member_id, run.walk_at = 0, wall + ALL_EVERY
        if run.after_member_id is not None:
            members = _differing(session, run, _ALL, now)
            ids = list(
                session.execute(
                    text(_MEMBERS), {"shop": run.shop_id, "after": run.after_member_id, "page": PAGE}
                ).scalars()
            )
            is_last = len(ids) < PAGE
            then = {"after_member_id": None if is_last else ids[-1]}
            wait = EVERY if is_last else timedelta()
        elif _are_many(session, run):
            # Everybody a minute from now, when all of these are committed.
            newest = session.execute(_NEWEST, {"shop": run.shop_id}).one()
            then = {"walk_at": wall + LATEST_COMMIT, "marked_at": wall}
            for name in ("from", "mark"):
                then |= {f"{name}_entry_id": newest.entry, f"{name}_change_id": newest.change}
        else:
            newest = session.execute(_NEWEST, {"shop": run.shop_id}).one()
            members = _differing(session, run, _THOSE_CHANGED, now)
            if len(members) == PAGE:  # there may be more
                wait = timedelta()
            elif run.marked_at + LATEST_COMMIT <= wall:
                then = {
                    "from_entry_id": run.mark_entry_id,
                    "from_change_id": run.mark_change_id,
                    "mark_entry_id": newest.entry,
                    "mark_change_id": newest.change,
                    "marked_at": wall,
                }
    session.flush()
    return Task(
        run.shop_id, run.since, wall, run.next_at, run.is_ending, run.is_defined, run.tries, members, then, wait
    )


def _differing(session: AnySession, run: MetafieldRun, which: TextClause, now: datetime) -> list[Shown]:
    levels = _levels(session, run.shop_id, now)
    rows = session.execute(
        which,
        {
            "shop": run.shop_id,
            "now": now,
            "since": run.since,
            "page": PAGE,
            "levels": list(levels),
            "names": list(levels.values()),
        }
        | (
            {"after": run.after_member_id}
            if which is _ALL
            else {"entry": run.from_entry_id, "change": run.from_change_id}
        ),
    )
    return [
        Shown(
            row.id,
            row.external_id,
            int(row.points),
            row.level,
            are_points_news=row.points_there != row.points,
            is_level_news=row.level_there != row.level or row.last_level != row.level,
        )
        for row in rows
    ]


def _levels(session: AnySession, shop_id: int, now: datetime) -> dict[str, str]:
    """The names of the program's levels, in the shop's language."""
    settings = programs.settings_of(programs.version_for(session, shop_id, now))
    if settings.tiers is None:
        return {}
    locale = shops.facts(shop_id).locale
    return {level.id: pick(level.name, locale, locale) or level.id for level in settings.tiers.levels}


def _are_many(session: AnySession, run: MetafieldRun) -> bool:
    found = session.execute(
        text("select 1 from entry where shop_id = :shop and id > :after order by shop_id, id offset :most limit 1"),
        {"shop": run.shop_id, "after": run.from_entry_id, "most": MOST_ENTRIES},
    )
    return found.first() is not None


def _of(task: Task) -> dict[str, Any]:
    return {"shop": task.shop_id, "lease": task.lease, "since": task.since}
