"""Store credit at the pretend Shopify: an account for each customer and currency, with what went in and out, by what its
schema says. A debit spends what ends soonest first."""

import itertools
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.shopify.pretend import Pretend, by_kind, figure

CREDIT = "StoreCreditAccountCreditTransaction"
DEBIT = "StoreCreditAccountDebitTransaction"


@dataclass
class Move:
    """One transaction. `remaining`: of a credit, what is left of it."""

    gid: str
    typename: str
    amount: Decimal
    event: str
    at: datetime
    expires_at: datetime | None = None
    remaining: Decimal = Decimal(0)


@dataclass
class Account:
    gid: str
    shop: str
    customer: str
    currency: str
    moves: list[Move] = field(default_factory=list)

    @property
    def balance(self) -> Decimal:
        return sum((each.remaining for each in self.moves), Decimal(0))

    def credits(self) -> list[Move]:
        return [each for each in self.moves if each.typename == CREDIT]

    def debits(self) -> list[Move]:
        return [each for each in self.moves if each.typename == DEBIT]


@dataclass
class StoreCredit:
    """All accounts of all shops."""

    accounts: list[Account] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    """Customers that there are no more."""
    page: int = 100
    """How many transactions a page has at most."""
    _numbers: Any = field(default_factory=lambda: itertools.count(7001))
    _lock: Any = field(default_factory=threading.RLock)

    def register(self, pretend: Pretend) -> "StoreCredit":
        pretend.resolvers |= {
            "Mutation.storeCreditAccountCredit": self._credit,
            "Mutation.storeCreditAccountDebit": self._debit,
            "Query.customer": self._customer,
            "Query.storeCreditAccount": self._account,
            "Query.nodes": by_kind(pretend),
            f"nodes {CREDIT}": self._node,
        }
        return self

    # What a test looks at and does

    def of(self, shop: str, customer: str, currency: str = "EUR") -> Account:
        """The customer's account, made if there is none."""
        with self._lock:
            for each in self.accounts:
                if (each.shop, each.customer, each.currency) == (shop, customer, currency):
                    return each
            made = Account(f"gid://shopify/StoreCreditAccount/{next(self._numbers)}", shop, customer, currency)
            self.accounts.append(made)
            return made

    def by_hand(self, account: Account, amount: str, event: str = "ADJUSTMENT") -> Move:
        """The merchant puts something in, or an order's refund does."""
        with self._lock:
            return self._put(account, Decimal(amount), event, None)

    def spend(self, account: Account, amount: str, event: str = "ORDER_PAYMENT") -> None:
        """The customer pays with it, or the merchant takes it out."""
        with self._lock:
            assert account.balance >= Decimal(amount)
            self._take(account, Decimal(amount), event)

    # What Shopify answers

    def _credit(self, shop: str, id: str, creditInput: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        kind, customer = _parts(id)
        assert kind == "Customer"
        if customer in self.gone:
            return _refused("OWNER_NOT_FOUND", "Owner does not exist", ["id"])
        given = creditInput["creditAmount"]
        ends = creditInput.get("expiresAt")
        expires_at = datetime.fromisoformat(ends) if isinstance(ends, str) else ends
        with self._lock:
            made = self._put(
                self.of(shop, customer, given["currencyCode"]), Decimal(given["amount"]), "ADJUSTMENT", expires_at
            )
        return {"storeCreditAccountTransaction": {"id": made.gid}, "userErrors": []}

    def _debit(self, shop: str, id: str, debitInput: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        account = next((each for each in self.accounts if (each.gid, each.shop) == (id, shop)), None)
        if account is None:
            return _refused("ACCOUNT_NOT_FOUND", "Account does not exist", ["id"])
        with self._lock:
            amount = Decimal(debitInput["debitAmount"]["amount"])
            if account.balance < amount:
                return _refused("INSUFFICIENT_FUNDS", "Insufficient funds", ["debitInput"])
            made = self._take(account, amount, "ADJUSTMENT")
        return {"storeCreditAccountTransaction": {"id": made.gid}, "userErrors": []}

    def _put(self, account: Account, amount: Decimal, event: str, expires_at: datetime | None) -> Move:
        made = Move(self._name(CREDIT), CREDIT, amount, event, datetime.now(UTC), expires_at, amount)
        account.moves.append(made)
        return made

    def _take(self, account: Account, amount: Decimal, event: str) -> Move:
        made = Move(self._name(DEBIT), DEBIT, -amount, event, datetime.now(UTC))
        never = datetime.max.replace(tzinfo=UTC)
        for each in sorted(account.credits(), key=lambda credit: credit.expires_at or never):
            taken = min(each.remaining, amount)
            each.remaining -= taken
            amount -= taken
        account.moves.append(made)
        return made

    def _name(self, kind: str) -> str:
        return f"gid://shopify/{kind}/{next(self._numbers)}"

    def _customer(self, shop: str, id: str) -> dict[str, Any] | None:
        _, customer = _parts(id)
        if customer in self.gone:
            return None
        own = [each for each in self.accounts if (each.shop, each.customer) == (shop, customer)]
        nodes = [{"id": each.gid, "balance": _money(each.balance, each.currency)} for each in own]
        return {"storeCreditAccounts": lambda first, **_: {"nodes": nodes[:first]}}

    def _account(self, shop: str, id: str) -> dict[str, Any] | None:
        account = next((each for each in self.accounts if (each.gid, each.shop) == (id, shop)), None)
        if account is None:
            return None

        def transactions(first: int, after: str | None = None, reverse: bool = False, **_: Any) -> dict[str, Any]:
            moves = account.moves[::-1] if reverse else account.moves
            begin = int(after or 0)
            end = begin + min(first, self.page)
            nodes = [self._shown(account, each) for each in moves[begin:end]]
            return {"nodes": nodes, "pageInfo": {"hasNextPage": len(moves) > end, "endCursor": str(end)}}

        return {"transactions": transactions}

    def _node(self, shop: str, gid: str) -> dict[str, Any] | None:
        for account in self.accounts:
            for each in account.moves:
                if each.gid == gid and account.shop == shop:
                    return self._shown(account, each)
        return None

    def _shown(self, account: Account, move: Move) -> dict[str, Any]:
        return {
            "__typename": move.typename,
            "id": move.gid,
            "amount": _money(move.amount, account.currency),
            "remainingAmount": _money(move.remaining, account.currency),
            "createdAt": move.at.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "expiresAt": None if move.expires_at is None else move.expires_at.isoformat(),
            "event": move.event,
            "account": {"id": account.gid},
        }


def _money(amount: Decimal, currency: str) -> dict[str, str]:
    return {"amount": figure(amount), "currencyCode": currency}


def _parts(gid: str) -> tuple[str, str]:
    kind, _, number = gid.removeprefix("gid://shopify/").partition("/")
    return kind, number


def _refused(code: str, message: str, field: list[str]) -> dict[str, Any]:
    return {
        "storeCreditAccountTransaction": None,
        "userErrors": [{"code": code, "field": field, "message": message}],
    }
