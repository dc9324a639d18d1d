"""Money: a `Decimal` with its ISO 4217 currency, never a float."""

from decimal import Decimal
from functools import lru_cache

from babel.numbers import get_currency_precision, list_currencies

_CURRENCIES = frozenset(list_currencies())


def is_currency(code: str) -> bool:
    """True for an ISO 4217 code such as "EUR"."""
    return code in _CURRENCIES


@lru_cache(maxsize=512)
def quantum(currency: str) -> Decimal:
    """The smallest amount of the currency: EUR 0.01, JPY 1, KWD 0.001."""
    return Decimal(1).scaleb(-int(get_currency_precision(currency)))


def quantize(amount: Decimal, currency: str) -> Decimal:
    """The amount rounded half-even to the currency's own digits."""
    return amount.quantize(quantum(currency))
