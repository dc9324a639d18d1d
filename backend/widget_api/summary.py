"""A member's points in one line, ready to be shown: for a page that shows no more of the program than that."""

from collections.abc import Iterable
from typing import Any

from backend.loyalty.wording import points_text
from backend.widget_api.block_words import words_in
from backend.widget_api.program_document import ProgramDocument
from backend.widget_api.reward_shapes import missing_sentence


def summary(document: ProgramDocument, available: int, rewards: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """ "120 points", and "380 points to €10 off" of the reward that is nearest; of nothing else is it true that points
    are what is missing. With points for all of them: what the dearest is."""
    words = words_in(document.language)

    def named(points: int) -> str:
        return points_text(document.settings.points_name, points, document.language, document.shop.locale)

    waiting, ready = [], []
    for each in rewards:
        if each["redeemable"]:
            ready.append(each)
        elif each["message"] == missing_sentence(each["missing_points"], document.words):
            waiting.append(each)
    next_text = None
    if waiting:
        nearest = min(waiting, key=lambda each: each["missing_points"])
        next_text = words["missing"].format(points=named(nearest["missing_points"]), reward=nearest["name"])
    elif ready:
        dearest = max(ready, key=lambda each: each["cost"])
        next_text = words["enough"].format(reward=dearest["name"])
    return {"locale": document.language, "points_text": named(available), "next_text": next_text}
