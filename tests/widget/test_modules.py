"""The widget's pure modules, run in a browser: colour, words, numbers, days, markup."""

import json
from collections.abc import Callable
from typing import Any

import pytest

Module = Callable[[str, str], Any]

GROUNDS = ["#f4f4f7", "#232329"]
"""What text stands on in panel.css, light and dark."""

SAMPLE = """Array.from({length: 4096}, (_, i) => i.toString(16).padStart(3, "0"))
    .map((three) => "#" + [...three].map((digit) => digit + digit).join(""))"""
"""Every colour with 16 steps of red, green and blue."""


def test_any_accent_carries_a_readable_ink(module: Module) -> None:
    worst = module("color.js", f"m => Math.min(...{SAMPLE}.map(c => m.contrast(c, m.ink(c))))")
    assert worst >= 4.5


@pytest.mark.parametrize("ground", GROUNDS)
def test_any_accent_becomes_readable_text(module: Module, ground: str) -> None:
    worst = module(
        "color.js", f"m => Math.min(...{SAMPLE}.map(c => m.contrast(m.readable(c, '{ground}'), '{ground}')))"
    )
    assert worst >= 4.5


@pytest.mark.parametrize("ground", GROUNDS)
def test_an_accent_that_can_be_read_is_left_alone(module: Module, ground: str) -> None:
    changed = module(
        "color.js",
        f"m => {SAMPLE}.filter(c => m.contrast(c, '{ground}') >= 4.5).filter(c => m.readable(c, '{ground}') !== c)",
    )
    assert changed == []


def test_contrast_is_that_of_wcag(module: Module) -> None:
    assert module("color.js", "m => m.contrast('#000000', '#ffffff')") == pytest.approx(21)
    assert module("color.js", "m => m.contrast('#777777', '#ffffff')") == pytest.approx(4.48, abs=0.01)
    assert module("color.js", "m => m.ink('#ffd400')") == "#000000"
    assert module("color.js", "m => m.ink('#2e5e4e')") == "#ffffff"


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("en", "en"),
        ("de-CH", "de"),
        ("fr-CA", "fr"),
        ("es-419", "es"),
        ("zh-TW", "zh-Hant"),
        ("zh-HK", "zh-Hant"),
        ("zh-CN", None),
        ("pt-PT", "pt-BR"),
        ("sr-Latn", None),
        ("not a language", None),
        ("", None),
    ],
)
def test_a_reader_gets_the_closest_language(module: Module, locale: str, language: str | None) -> None:
    ours = "['en', 'de', 'es', 'fr', 'pt-BR', 'zh-Hant']"
    assert module("lagniappe.js", f"m => m.closest('{locale}', {ours}) ?? null") == language


PROGRAM = """{
    shop: { currency: "EUR", timezone: "Europe/Paris" },
    program: { points_name: { one: "bean", other: "beans" } },
    strings: { close: "Shut" },
}"""
WORDS = """{
    points: { one: "point", other: "points" }, close: "Close", hello: "Hello, {name}", some: "Collect {unit}",
    wait: { one: "a second", other: "{n} seconds" },
}"""


def formatted(module: Module, expression: str, locale: str = "en", program: str = PROGRAM) -> Any:
    return module(
        "format.js", f"m => {{ const f = new m.Format({WORDS}, '{locale}', {program}); return {expression}; }}"
    )


def test_points_are_called_what_the_program_calls_them(module: Module) -> None:
    assert formatted(module, "[f.points(1), f.points(1240), f.say('some')]") == [
        "1\u00a0bean",
        "1,240\u00a0beans",
        "Collect beans",
    ]
    assert formatted(module, "f.points(3)", program="undefined") == "3\u00a0points"


def test_plurals_follow_the_language(module: Module) -> None:
    polish = "{program: {points_name: {one: 'punkt', few: 'punkty', many: 'punktów', other: 'punktu'}}}"
    assert formatted(module, "[1, 3, 5, 22].map(n => f.unit(n))", "pl", polish) == [
        "punkt",
        "punkty",
        "punktów",
        "punkty",
    ]
    assert formatted(module, "[f.say('wait', {n: 1}), f.say('wait', {n: 7})]") == ["a second", "7 seconds"]


def test_points_without_a_number_are_several(module: Module) -> None:
    """Not two: a language may have a form for a pair, and nobody collects a pair."""
    arabic = "{program: {points_name: {one: 'نقطة', two: 'نقطتان', few: 'نقاط', other: 'نقطة'}}}"
    assert formatted(module, "f.say('some')", "ar", arabic) == "Collect نقاط"


def test_numbers_have_the_digits_that_the_server_writes(module: Module) -> None:
    assert formatted(module, "[f.number(1240), f.day('2026-12-03T23:00:00Z')].join().match(/[٠-٩]/)", "ar-EG") is None


def test_the_merchants_words_win(module: Module) -> None:
    assert formatted(module, "[f.say('close'), f.say('hello', {name: 'Ada'}), f.say('unknown')]") == [
        "Shut",
        "Hello, Ada",
        "",
    ]


def test_days_are_those_of_the_shop(module: Module) -> None:
    """S3.5: points due on 12/4 in Paris are due then for a reader anywhere."""
    assert formatted(module, "f.day('2026-12-03T23:00:00Z')") == "Dec 4, 2026"
    assert formatted(module, "f.day('2026-12-03T23:00:00Z')", "de") == "04.12.2026"


@pytest.mark.parametrize("end", ["2020-12-31T23:00:00Z", "2020-12-31T22:59:59Z"])
def test_what_ends_at_midnight_is_good_until_the_day_before(module: Module, end: str) -> None:
    """S3.4: points that expire at the end of 12/31."""
    assert formatted(module, f"f.lastDay('{end}')") == "Dec 31, 2020"


@pytest.mark.parametrize(
    ("rate", "currency", "said"),
    [("2", "EUR", "€2"), ("2.50", "EUR", "€2.50"), ("0.005", "EUR", "€0.005"), ("0.5", "JPY", "¥0.5")],
)
def test_a_rate_is_said_with_all_its_decimals(module: Module, rate: str, currency: str, said: str) -> None:
    """S0.24: 200 points for a euro are not nothing for each."""
    how = module("elements/rate.js", "m => m.RATE")
    assert formatted(module, f"f.money('{rate}', '{currency}', {json.dumps(how)})") == said


def test_no_datum_breaks_a_sentence(module: Module) -> None:
    assert formatted(module, "f.day('nonsense')") == ""
    assert formatted(module, "f.money('12.50', 'nonsense')") == "12.50 nonsense"
    assert formatted(module, "f.money('12.50')") == "€12.50"
    assert formatted(module, "f.money('12.504')") == "€12.50"
    assert formatted(module, "f.day('2026-12-03T23:00:00Z')", program="{shop: {timezone: 'Nowhere/Land'}}") != ""


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("m.html`<p>${'<img src=x onerror=alert(1)>'}</p>`", "<p>&lt;img src=x onerror=alert(1)&gt;</p>"),
        ("""m.html`<p title="${`" onclick="x`}">a</p>`""", '<p title="&quot; onclick=&quot;x">a</p>'),
        ("m.html`<ul>${['a', '<b>'].map((x) => m.html`<li>${x}</li>`)}</ul>`", "<ul><li>a</li><li>&lt;b&gt;</li></ul>"),
        ("m.html`${null}${undefined}${false}${0}`", "0"),
        ("m.html`${{toString: () => '<i>'}}`", "&lt;i&gt;"),
        ("m.html`<div>${m.trusted('<em>not</em>')}</div>`", "<div><em>not</em></div>"),
    ],
)
def test_markup_escapes_by_construction(module: Module, markup: str, text: str) -> None:
    assert module("html.js", f"m => String({markup})") == text


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", " jAvAsCrIpT:alert(1)", "data:text/html,x", "java\\nscript:x", "vbscript:x"]
)
def test_a_link_leads_to_the_web_or_nowhere(module: Module, address: str) -> None:
    assert module("html.js", f"""m => String(m.html`<a href="${{"{address}"}}">a</a>`)""") == '<a href="#">a</a>'


def test_a_link_of_the_web_stays(module: Module) -> None:
    for address in ("https://store.example/a?b=1&c=2", "/shop", "shop", "#top", "mailto:a@b.example"):
        shown = address.replace("&", "&amp;")
        assert (
            module("html.js", f"""m => String(m.html`<a href="${{"{address}"}}">a</a>`)""")
            == f'<a href="{shown}">a</a>'
        )


def test_a_new_rendering_keeps_focus_and_what_is_unfolded(module: Module) -> None:
    kept = module(
        "html.js",
        """m => {
            const shown = (n) => m.html`<details id="d"><summary id="s">${n}</summary></details><button id="b">${n}</button>`;
            m.render(document.body, shown(1));
            document.getElementById("d").open = true;
            document.getElementById("b").focus();
            m.render(document.body, shown(2));
            return [document.getElementById("d").open, document.activeElement.id, document.activeElement.textContent];
        }""",
    )
    assert kept == [True, "b", "2"]
