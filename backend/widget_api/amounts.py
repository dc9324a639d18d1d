"""Money as a language writes it."""

import re
from decimal import Decimal
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.numbers import format_currency

_LETTER_BESIDE_DIGIT = re.compile(r"(?<=[A-Za-z])(?=\d)")  # Unicode CLDR wants "KWD 1.250", Babel writes "KWD1.250"


@lru_cache(maxsize=4096)
def money(amount: Decimal, currency: str, language: str) -> str:
    """An amount with its currency, whole ones without decimals: "€10", "12,50 €"."""
    try:
        locale = Locale.parse(language, sep="-")
    except (ValueError, UnknownLocaleError):
        locale = Locale("en")
    pattern = locale.currency_formats["standard"].pattern
    whole = amount == amount.to_integral_value()
    text = format_currency(
        amount,
        currency,
        format=pattern.replace("0.00", "0") if whole else pattern,
        locale=locale,
        currency_digits=not whole,
    )
    return _LETTER_BESIDE_DIGIT.sub("\N{NO-BREAK SPACE}", text)
