"""What tables for spreadsheets (CSV) must heed: names are other people's words, and where a file is opened none of them may
become a formula.
"""

BYTE_ORDER_MARK = "\ufeff"
"""Spreadsheets take a table without it for one in the encoding of their country."""
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""A cell that begins with one is a formula. In Chinese and Japanese the wide ones are read as the others."""


def harmless(text: str) -> str:
    """The text as no spreadsheet reads a formula in it.

    >>> harmless("=1+1"), harmless("Order 1")
    ("'=1+1", 'Order 1')
    """
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text
