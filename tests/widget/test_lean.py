import json

from widget.lean import lean


def test_comments_on_lines_of_their_own_and_indentation_go() -> None:
    source = "/** What it is.\n * More of it. */\nconst a = 1;\n\n  // why\n  b(a);\n"
    assert lean("a.js", source) == "const a = 1;\nb(a);\n"


def test_what_looks_like_a_comment_inside_a_statement_stays() -> None:
    source = 'const look = /*look*/ {\n  "a": 1\n} /*look*/;\nfetch("https://store.example"); // soon\n'
    assert (
        lean("a.js", source)
        == 'const look = /*look*/ {\n"a": 1\n} /*look*/;\nfetch("https://store.example"); // soon\n'
    )


def test_a_style_sheet_keeps_every_rule() -> None:
    assert (
        lean("a.css", "/* One. */\na {\n  color: red;\n}\n/* Two. */\nb { top: 0 }\n")
        == "a {\ncolor: red;\n}\nb { top: 0 }\n"
    )


def test_json_means_the_same() -> None:
    words = '{\n  "hello": "Grüß dich, {name}",\n  "points": { "one": "Punkt" }\n}\n'
    assert lean("de.json", words) == '{"hello":"Grüß dich, {name}","points":{"one":"Punkt"}}'
    assert json.loads(lean("de.json", words)) == json.loads(words)


def test_other_files_stay_as_they_are() -> None:
    assert lean("a.svg", "<svg>\n  <!-- x -->\n</svg>") == "<svg>\n  <!-- x -->\n</svg>"
