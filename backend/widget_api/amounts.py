"""Money as a language writes it."""

import re
from decimal import Decimal
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.numbers import format_currency

from backend.money import quantum

_LETTER_BESIDE_DIGIT = re.compile(r"(?<=[A-Za-z])(?=\d)")  # Unicode CLDR wants "KWD 1.250", Babel writes "KWD1.250"


@lru_cache(maxsize=4096)
def money(amount: Decimal, currency: str, language: str) -> str:
    """An amount with its currency, whole ones without decimals: "€10", "12,50 €"; what is less than a coin with all that it
    has, such as the value of one point: "€0.005"."""
    try:
        locale = Locale.parse(language, sep="-")
    except (ValueError, UnknownLocaleError):
        locale = Locale("en")
    pattern = locale.currency_formats["standard"].pattern
    whole, exact = amount == amount.to_integral_value(), Decimal(f"{amount.normalize():f}")
    decimals = max(-int(exponent) for exponent in (exact.as_tuple().exponent, quantum(currency).as_tuple().exponent))
    digits = "0" if whole else f"0.{decimals * '0'}"
    text = format_currency(
        amount, currency, format=pattern.replace("0.00", digits), locale=locale, currency_digits=False
    )
    return _LETTER_BESIDE_DIGIT.sub("\N{NO-BREAK SPACE}", text)
