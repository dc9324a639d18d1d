"""The gift cards of shops on the pretend Shopify: with their codes and what happened to them, by what its schema says."""

import itertools
import re
import threading
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.shopify.pretend import Pretend, by_kind, figure

_CODE = re.compile(r"[0-9A-Za-z]{8,20}")


@dataclass
class GiftCard:
    """One card. `moves` are its transactions, the oldest first."""

    number: int
    shop: str
    code: str
    given: dict[str, Any]
    balance: Decimal
    is_enabled: bool = True
    moves: list[dict[str, Any]] = field(default_factory=list)

    @property
    def gid(self) -> str:
        return f"gid://shopify/GiftCard/{self.number}"

    @property
    def initial(self) -> Decimal:
        return Decimal(self.given["initialAmount"]["amount"])


@dataclass
class GiftCards:
    """All gift cards of all shops."""

    cards: dict[str, GiftCard] = field(default_factory=dict)
    """By Shopify's id."""
    finds: bool = True
    """Whether a search shows anything: what was made a moment ago is not found at once."""
    refuses: str | None = None
    """The code of the error that the next card meets."""
    _numbers: Any = field(default_factory=lambda: itertools.count(5001))
    _lock: Any = field(default_factory=threading.RLock)

    def register(self, pretend: Pretend) -> "GiftCards":
        pretend.resolvers |= {
            "Mutation.giftCardCreate": self._create,
            "Mutation.giftCardDebit": self._debit,
            "Mutation.giftCardDeactivate": self._deactivate,
            "Query.giftCards": self._search,
            "Query.giftCard": lambda shop, id: self._node(shop, id),
            "Query.nodes": by_kind(pretend),
            "nodes GiftCard": self._node,
        }
        return self

    # What a test looks at and does

    def of(self, shop: str) -> list[GiftCard]:
        return [each for each in self.cards.values() if each.shop == shop]

    def spend(self, card: GiftCard, amount: str) -> None:
        """A customer pays with it."""
        with self._lock:
            assert card.is_enabled and card.balance >= Decimal(amount)
            self._move(card, "GiftCardDebitTransaction", -Decimal(amount), None)

    def top_up(self, card: GiftCard, amount: str) -> None:
        """The merchant puts something on it."""
        with self._lock:
            self._move(card, "GiftCardCreditTransaction", Decimal(amount), "For the trouble")

    def merchants_own(self, shop: str, code: str, note: str | None = "Sold at the till") -> GiftCard:
        return self._put(
            shop, {"code": code, "initialAmount": {"amount": "50.00", "currencyCode": "EUR"}, "note": note}
        )

    # What Shopify answers

    def _create(self, shop: str, input: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            if self.refuses is not None:
                return _refused(self.refuses, f"{input['code']} is not good", ["input"], giftCard=None)
            if _CODE.fullmatch(input["code"]) is None:
                return _refused("INVALID", "Code is invalid", ["input", "code"], giftCard=None)
            if any(each.code.upper() == input["code"].upper() for each in self.of(shop)):
                return _refused("TAKEN", "Code has already been taken", ["input", "code"], giftCard=None)
            return {"giftCard": {"id": self._put(shop, input).gid}, "userErrors": []}

    def _put(self, shop: str, given: dict[str, Any]) -> GiftCard:
        with self._lock:
            card = GiftCard(next(self._numbers), shop, given["code"], given, Decimal(given["initialAmount"]["amount"]))
            self.cards[card.gid] = card
            return card

    def _search(self, shop: str, query: str, first: int, **_: Any) -> dict[str, Any]:
        found = [each for each in self.of(shop) if self.finds and query.upper() in each.code.upper()]
        return {"nodes": [self._shown(each) for each in found[:first]]}

    def _node(self, shop: str, gid: str) -> dict[str, Any] | None:
        card = self.cards.get(gid)
        return None if card is None or card.shop != shop else self._shown(card)

    def _shown(self, card: GiftCard) -> dict[str, Any]:
        """All of it as it is in one moment."""
        with self._lock:
            return self._as_it_is(card, list(card.moves))

    def _as_it_is(self, card: GiftCard, moves: list[dict[str, Any]]) -> dict[str, Any]:
        currency = card.given["initialAmount"]["currencyCode"]

        def transactions(first: int, reverse: bool = False, **_: Any) -> dict[str, Any]:
            return {"nodes": (moves[::-1] if reverse else moves)[:first]}

        return {
            "__typename": "GiftCard",
            "id": card.gid,
            "note": card.given["note"],
            "lastCharacters": card.code[-4:].lower(),
            "balance": {"amount": figure(card.balance), "currencyCode": currency},
            "initialValue": {"amount": figure(card.initial), "currencyCode": currency},
            "enabled": card.is_enabled,
            "expiresOn": card.given.get("expiresOn"),
            "transactions": transactions,
        }

    def _debit(self, shop: str, id: str, debitInput: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        with self._lock:
            card = self.cards.get(id)
            if card is None or card.shop != shop:
                return _refused("GIFT_CARD_NOT_FOUND", "Gift card not found", ["id"], giftCardDebitTransaction=None)
            amount = Decimal(debitInput["debitAmount"]["amount"])
            if not card.is_enabled:
                return _refused("INVALID", "Gift card is disabled", ["id"], giftCardDebitTransaction=None)
            if card.balance < amount:
                return _refused(
                    "INSUFFICIENT_FUNDS", "Insufficient funds", ["debitInput"], giftCardDebitTransaction=None
                )
            made = self._move(card, "GiftCardDebitTransaction", -amount, debitInput.get("note"))
            return {"giftCardDebitTransaction": made, "userErrors": []}

    def _move(self, card: GiftCard, typename: str, amount: Decimal, note: str | None) -> dict[str, Any]:
        card.balance += amount
        made = {"__typename": typename, "id": f"gid://shopify/{typename}/{next(self._numbers)}", "note": note}
        card.moves.append(made)
        return made

    def _deactivate(self, shop: str, id: str) -> dict[str, Any]:
        card = self.cards.get(id)
        if card is None or card.shop != shop:
            return _refused("GIFT_CARD_NOT_FOUND", "Gift card not found", ["id"])
        card.is_enabled = False
        return {"userErrors": []}


def _refused(code: str, message: str, field: list[str], **rest: None) -> dict[str, Any]:
    return {**rest, "userErrors": [{"code": code, "field": field, "message": message}]}
