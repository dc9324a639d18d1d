"""The widget API: what members say that they did, and their birthday. Each is recorded once within the rule's limit."""

import re
from datetime import date
from typing import Annotated, Any

from flask import Response, request
from pydantic import BaseModel, BeforeValidator, ConfigDict

from backend import clock, db, strict_json
from backend.errors import Conflict, NotFound
from backend.loyalty.bonuses import claims
from backend.loyalty.bonuses.rule_payments import Came
from backend.loyalty.wording import points_text
from backend.widget_api import earn_shapes, program_document, reading
from backend.widget_api.door import blueprint, json_body, member_session, own, wanted_language
from backend.widget_api.program_document import ProgramDocument

_RULE = re.compile(r"[a-z0-9_-]{1,64}")
_IN_WORDS = frozenset({"already_claimed", "limit_reached", "already_known"})
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _a_day(value: object) -> date:
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise ValueError('should be a date such as "1990-02-28"')


class ClaimRequest(BaseModel):
    """Body of `POST …/me/earn/<rule_id>`. `birthday` belongs to a rule of the kind birthday."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    birthday: Annotated[date | None, BeforeValidator(lambda value: None if value is None else _a_day(value))] = None


@blueprint.post("/me/earn/<rule_id>")
@db.retrying
def claim(rule_id: str) -> Response:
    """Claim what a rule gives: a visit, a follow, a share, or a birthday told."""
    shop, session = member_session("writes")
    reading.refuse_revoked(session)
    wanted = json_body(ClaimRequest) if request.mimetype or request.content_length else ClaimRequest()
    document = program_document.of(shop, wanted_language())
    if _RULE.fullmatch(rule_id) is None:
        raise NotFound("The program has no such rule.")
    now = clock.now()
    try:
        with db.transaction() as transaction:
            came = claims.claim(transaction, shop, session.member_id, rule_id, wanted.birthday, document.language, now)
            shown = _shown(came, document)
    except Conflict as refusal:
        if refusal.code in _IN_WORDS:
            refusal.detail = document.words[refusal.code]
        raise
    return own(shop, strict_json.dumps(shown), 201)


def _shown(came: Came, document: ProgramDocument) -> dict[str, Any]:
    rule, bonus = came.rule, came.bonus
    points = bonus.points if bonus is not None else rule.points or 0
    progress = earn_shapes.state(rule, came.used, is_birthday_known=True)
    return {
        "id": rule.id,
        "points": points,
        "points_text": points_text(document.settings.points_name, points, document.language, document.shop.locale),
        "due_at": bonus.why["due_at"] if bonus is not None else None,
        "done": progress["done"],
        "limit": progress["limit"],
    }
