"""Rows that are codes for a reward's pool."""

from typing import Any

from backend.errors import LagniappeError
from backend.ledger.posting import AnySession
from backend.loyalty.rewards import rewards
from backend.transfer.outcomes import Outcome, Run


def take(session: AnySession, run: Run, rows: list[tuple[int, dict[str, Any]]]) -> dict[int, Outcome]:
    """Add the codes to the pool of the reward that was chosen; a code that the shop knows is refused."""
    codes = [values["code"] for _, values in rows]
    try:
        report = rewards.add_codes(session, run.shop.id, int(run.options.get("reward_id") or 0), codes, run.now, 0)
    except LagniappeError as error:
        return {place: Outcome("refused", error.detail, values["code"]) for place, values in rows}
    refused = {each.line: each.reason for each in report.refused}
    return {
        place: Outcome("refused", f"The code {refused[at]}.", values["code"])
        if at in refused
        else Outcome("made", "", values["code"])
        for at, (place, values) in enumerate(rows)
    }
