"""The program's settings: the version in force, its history, and a new one (contract section 8)."""

from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any

from flask import current_app
from pydantic import Field
from sqlalchemy import select

from backend.errors import BadInput, Conflict
from backend.loyalty.eligibility.eligibility_reading import read_rules
from backend.loyalty.program import programs
from backend.loyalty.program import settings as program_settings
from backend.loyalty.program.settings import ProgramSettings
from backend.merchant_api import settings_schema
from backend.merchant_api.operations import Call, DocumentedAs, operation
from backend.merchant_api.paging import Page, PageQuery, cut
from backend.merchant_api.shapes import Shown, Time, example
from backend.models import ProgramVersion


class Program(Shown):
    """One version of the program. Versions never change: an order keeps the one in force when it was made."""

    model_config = example(
        version=4,
        in_force_from="2026-11-23T06:50:00Z",
        author="API key “planner”",
        settings=program_settings.to_document(
            program_settings.parse(settings_schema.EXAMPLE, shop_locale="en"),
        ),
    )

    version: Annotated[int, Field(ge=1)]
    in_force_from: Time
    author: Annotated[str, Field(description="who put it in force")]
    settings: Annotated[ProgramSettings, Field(description="the whole document, defaults written out")]

    @property
    def id(self) -> int:
        """What pages are cut by."""
        return self.version


class Programs(Page[Program]):
    """A page of versions."""


@operation("GET", "/program", scope="read", tag="Program", summary="The program in force")
def show_program(call: Call) -> Program:
    """The version of the program's settings that is in force now."""
    return _shown(programs.version_for(call.session, call.shop_id, call.now))


@operation(
    "PUT",
    "/program",
    scope="write",
    tag="Program",
    summary="Put new settings in force",
    refusals={
        "repeated": "two rules or levels share an id, or two levels start at the same value",
        "ends_before_it_starts": "a rule's `active_to` is not later than its `active_from`",
        "contradiction": "conditions of a rule's `eligibility` that do not go together; `errors` names the fields",
    },
)
def replace_program(call: Call, body: Annotated[dict[str, Any], DocumentedAs(ProgramSettings)]) -> Program:
    """Takes the whole document and makes a new version of it, in force from now. Keys left out take the defaults of a
    new shop; unknown keys are refused by name. Orders made before keep the version that they were made under."""
    _refuse_repetition(body)
    _refuse_what_never_is(body)
    return _shown(
        programs.set_program(
            call.session,
            call.shop_id,
            body,
            author=call.caller.name,
            now=call.now,
            rehearsal=current_app.config["LAGNIAPPE"].is_rehearsal,
        )
    )


@operation("GET", "/program/versions", scope="read", tag="Program", summary="Every version of the program")
def list_program_versions(call: Call, query: PageQuery) -> Programs:
    """All versions, newest first."""
    rows = call.session.execute(
        select(ProgramVersion)
        .where(ProgramVersion.shop_id == call.shop_id, ProgramVersion.version < min(query.position, 2**31 - 1))
        .order_by(ProgramVersion.version.desc())
        .limit(query.limit + 1)
    ).scalars()
    shown, following = cut([_shown(row) for row in rows], query.limit)
    return Programs(items=list(shown), next=following)


def _refuse_repetition(document: dict[str, Any]) -> None:
    """What each item allows but the list does not. JSON Schema cannot say it, so it is no 422."""
    tiers = document.get("tiers")
    levels = tiers.get("levels") if isinstance(tiers, dict) else None
    for place, items, key in (
        ("rules", document.get("rules"), "id"),
        ("tiers.levels", levels, "id"),
        ("tiers.levels", levels, "from"),
    ):
        values = [item.get(key) for item in items if isinstance(item, dict)] if isinstance(items, list) else []
        known = [value for value in values if isinstance(value, str | int)]
        if len(set(known)) < len(known):
            message = f"two items have the same {key}"
            raise Conflict(f"{place}: {message}.", code="repeated", errors=[{"field": place, "message": message}])


def _refuse_what_never_is(document: dict[str, Any]) -> None:
    """A window that ends before it starts, conditions out of order: no schema can say that either."""
    rules = document.get("rules")
    for number, rule in enumerate(rules if isinstance(rules, list) else ()):
        given = rule if isinstance(rule, dict) else {}
        begin, end = _moment(given.get("active_from")), _moment(given.get("active_to"))
        if begin is not None and end is not None and begin >= end:
            field, message = f"rules.{number}.active_to", "should be later than active_from"
            errors = [{"field": field, "message": message}]
            raise Conflict(f"{field} {message}.", code="ends_before_it_starts", errors=errors)
        with suppress(BadInput):  # which the settings refuse
            read_rules(given.get("eligibility", []), field=f"rules.{number}.eligibility")


def _moment(value: object) -> datetime | None:
    """The moment that it says, or None: whatever else it is, the settings refuse."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None


def _shown(version: ProgramVersion) -> Program:
    return Program(
        version=version.version,
        in_force_from=version.in_force_from,
        author=version.author,
        settings=programs.settings_of(version),
    )
