"""What a mail is about is looked up when it goes out (`about_points`, `about_rewards`, `about_members`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from backend.ledger.posting import AnySession
from backend.loyalty.program.settings import ProgramSettings
from backend.loyalty.shops.shops import ShopFacts


class NothingToTell(Exception):
    """What the mail would say is not so any more; the reason stands in the outbox."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which mail it is, for whom, and where to look."""

    session: AnySession
    shop: ShopFacts
    settings: ProgramSettings
    payload: Mapping[str, Any]
    locale: str
    """The reader's."""
    now: datetime

    @property
    def member_id(self) -> int:
        return int(self.payload["member_id"])
