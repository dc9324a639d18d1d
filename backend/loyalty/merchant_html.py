"""Merchants' own HTML (the program's rules, a reward's description), cleaned to a small allow-list.

Cleaned when it is written and again when it is shown (reliability section 3). The result is plain formatted text with
https and mailto links: no image, no style, no class, no id, no script. It is never put through a template engine:
`{{…}}` passes untouched.
"""

import re
from collections.abc import Mapping
from html import unescape

import nh3

from backend.errors import BadInput

MAX_CHARACTERS = 20_000
MAX_TAGS = 1_000
"""Length alone does not bound the work: 20,000 characters of open formatting tags between paragraphs make an HTML5
parser build 21 million characters in 2 s, because each paragraph opens all of them again. Under both limits the worst
known text takes about 0.2 s."""

_TAGS = {"a", "b", "blockquote", "br", "em", "h2", "h3", "h4", "hr", "i", "li", "ol", "p", "s", "strong", "u", "ul"}
"""What a rules text needs, no more."""


_MARK = re.compile(r"\{\{ ?([a-z_]+) ?\}\}")
_BLOCK = re.compile(r"<(?:/(?:p|h[2-4]|li|blockquote|ul|ol)|br|hr)[^>]*>", re.IGNORECASE)


def _whole_address(tag: str, attribute: str, value: str) -> str | None:
    """Leaves `https:path` out, which a browser reads as a path of the page it is on."""
    if attribute == "href" and not value.strip().lower().startswith(("https://", "mailto:")):
        return None
    return value


_cleaner = nh3.Cleaner(
    tags=_TAGS,
    attributes={"a": {"href", "title"}, "*": set()},  # without "*" every element may carry lang and title
    attribute_filter=_whole_address,
    url_schemes={"https", "mailto"},
    url_relative="deny",
    link_rel="nofollow noopener noreferrer",
)


def clean(html: str, *, limit: int = MAX_CHARACTERS) -> str:
    """The text with everything outside the allow-list taken out; cleaning it again changes nothing.

    Raises BadInput over `limit` characters (before or after cleaning, which adds `rel` to links), over 1,000 tags, or
    on text that is not Unicode.
    """
    if len(html) > limit:
        raise BadInput(f"The text is {len(html):,} characters long; at most {limit:,} are allowed.")
    if html.count("<") > MAX_TAGS:
        raise BadInput(f"The text has more than {MAX_TAGS:,} tags.")
    try:
        cleaned = _cleaner.clean(html)
    except UnicodeEncodeError:
        raise BadInput("The text holds half a character (a lone surrogate).") from None
    if len(cleaned) > limit or cleaned.count("<") > MAX_TAGS:
        raise BadInput(f"The text is too long once cleaned: at most {limit:,} characters and {MAX_TAGS:,} tags.")
    return cleaned


def as_text(html: str) -> str:
    """Cleaned text without its formatting: a line for each paragraph and each item of a list."""
    lines = unescape(nh3.clean(_BLOCK.sub("\n", html), tags=set())).splitlines()
    return "\n".join(line for line in (" ".join(line.split()) for line in lines) if line)


def filled_in(text: str, blanks: Mapping[str, str]) -> str:
    """The text with each `{{name}}` of the blanks filled in, once. For HTML the values come escaped."""
    return _MARK.sub(lambda mark: blanks.get(mark[1], mark[0]), text)
