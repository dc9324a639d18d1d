"""Fast is worth nothing if it is wrong: the ledger's own check, on every database of the run."""

from backend import clock
from backend.db import transaction
from backend.ledger import check
from benchmarks.stage import Stage


def prove(stage: Stage) -> str:
    """One line for the report. Raises AssertionError if an invariant is broken."""
    members = entries = 0
    for database in stage.databases():
        with database.app.app_context(), transaction() as session:
            found = check.check(session, clock.now(), clock.wall())
        assert not found.violations, found.violations[:5]
        members, entries = members + found.members, entries + found.entries
    return f"clean ({members:,} members, {entries:,} entries)"
