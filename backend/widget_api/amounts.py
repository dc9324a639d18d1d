"""Money as a language writes it."""

import re
from decimal import Decimal
from functools import lru_cache

from babel.numbers import format_currency

from backend.loyalty.wording import locale_of
from backend.money import quantum

_LETTER_BESIDE_DIGIT = re.compile(r"(?<=[A-Za-z])(?=\d)")  # Unicode CLDR wants "KWD 1.250", Babel writes "KWD1.250"


@lru_cache(maxsize=4096)
def money(amount: Decimal, currency: str, language: str) -> str:
    """An amount with its currency, to the smallest coin, whole ones without decimals: "€10", "12,50 €"."""
    return _written(amount, _decimals(quantum(currency)), currency, language)


@lru_cache(maxsize=4096)
def rate(amount: Decimal, currency: str, language: str) -> str:
    """The same of a rate, which may be less than a coin, such as the value of one point: with all that it has, "€0.005"."""
    exact = Decimal(f"{amount.normalize():f}")
    return _written(amount, max(_decimals(exact), _decimals(quantum(currency))), currency, language)


def _decimals(amount: Decimal) -> int:
    return max(-int(amount.as_tuple().exponent), 0)


def _written(amount: Decimal, decimals: int, currency: str, language: str) -> str:
    locale = locale_of(language)
    pattern = locale.currency_formats["standard"].pattern
    digits = f"0.{decimals * '0'}" if decimals and amount != amount.to_integral_value() else "0"
    text = format_currency(
        amount, currency, format=pattern.replace("0.00", digits), locale=locale, currency_digits=False
    )
    return _LETTER_BESIDE_DIGIT.sub("\N{NO-BREAK SPACE}", text)
