"""The launcher is a light guest on a store's page (design section 8, contract section 9)."""

import json

from playwright.sync_api import expect

from tests.widget.conftest import Store

WATCH = """
window.known = new Set(Object.getOwnPropertyNames(window));
window.shifts = 0;
new PerformanceObserver((list) => {
    for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) window.shifts += value;
}).observe({ type: "layout-shift", buffered: true });
"""


def test_nothing_but_the_loader_is_asked_for_before_somebody_is_interested(store: Store) -> None:
    store.visit(identity="jwt")
    store.page.wait_for_load_state("networkidle")
    assert store.calls() == ["loader.js?shop=wk_test"]
    assert store.page.evaluate("document.cookie") == ""
    assert store.page.evaluate("localStorage.length") == 0


def test_the_pointer_brings_the_panel_and_the_program_but_makes_nobody_a_member(store: Store) -> None:
    store.visit(identity="jwt")
    with store.page.expect_response("**/elements/panel.js"), store.page.expect_response("**/program?locale=en"):
        store.page.get_by_role("button", name="Rewards").hover()
    assert store.calls() == ["loader.js?shop=wk_test", "wk_test/program?locale=en"]


def test_focus_brings_them_too(store: Store) -> None:
    store.visit()
    with store.page.expect_response("**/program?locale=en"):
        store.page.keyboard.press("Tab")


def test_the_launcher_shifts_nothing_and_leaves_no_global(store: Store) -> None:
    store.page.add_init_script(WATCH)
    store.visit()
    store.open()
    found = (
        "Object.getOwnPropertyNames(window).filter((name) => !known.has(name) && !['known', 'shifts'].includes(name))"
    )
    assert [name for name in store.page.evaluate(found) if not name.isdigit()] == []
    assert store.page.evaluate("shifts") == 0


def test_two_copies_make_one_launcher(store: Store) -> None:
    errors: list[str] = []
    store.page.on("pageerror", lambda error: errors.append(str(error)))
    store.visit(times=2)
    assert store.page.locator("lagniappe-widget").count() == 1
    assert errors == []
    store.open()


def test_it_sits_in_the_corner_that_was_chosen(store: Store) -> None:
    store.visit()
    box = store.page.get_by_role("button", name="Rewards").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] == 1260
    store.visit(look={"position": "left"})
    assert (store.page.get_by_role("button", name="Rewards").bounding_box() or {})["x"] == 20
    store.visit(look={"position": "left"}, position="right")
    assert (store.page.get_by_role("button", name="Rewards").bounding_box() or {})["x"] > 1000


def test_the_stores_styles_do_not_reach_in_and_the_theming_properties_do(store: Store) -> None:
    store.visit(
        head="""<style>
            button { display: none !important; font: 40px serif; }
            body > * { position: relative; transform: rotate(5deg); max-width: 10px; }
            lagniappe-widget { --lagniappe-accent: rgb(200, 0, 0); --lagniappe-offset-x: 40px; }
        </style>"""
    )
    launcher = store.page.get_by_role("button", name="Rewards")
    box = launcher.bounding_box()
    assert box is not None
    assert (box["x"] + box["width"], box["height"]) == (1240, 56)
    assert launcher.evaluate("(button) => getComputedStyle(button).fontSize") == "16px"
    assert launcher.evaluate("(button) => getComputedStyle(button).backgroundColor") == "rgb(200, 0, 0)"


def test_the_page_is_told(store: Store) -> None:
    store.page.add_init_script(
        """window.heard = [];
        for (const name of ["ready", "opened"]) document.addEventListener(`lagniappe:${name}`, () => heard.push(name));"""
    )
    store.visit()
    assert store.page.evaluate("heard") == ["ready"]
    store.open()
    store.page.wait_for_function("heard.length > 1")
    assert store.page.evaluate("heard") == ["ready", "opened"]


def test_a_page_can_open_it(store: Store) -> None:
    store.visit()
    store.page.evaluate("document.querySelector('lagniappe-widget').open()")
    store.page.get_by_role("dialog", name="Rewards").wait_for()


def test_a_friends_link_is_remembered_and_sent_with_the_session(store: Store) -> None:
    store.visit(query="?ref=Friend-7", identity="jwt")
    store.visit(identity="jwt")
    store.open()
    store.page.get_by_text("Hello, Ada").wait_for()
    assert store.bodies == [{"identity": "jwt", "ref": "Friend-7"}]


def test_a_friends_link_is_forgotten_after_thirty_days(store: Store) -> None:
    store.visit()
    days_ago = "localStorage.setItem('lagniappe:wk_test:ref', JSON.stringify(['old', Date.now() - 31 * 86400000]))"
    store.page.evaluate(days_ago)
    store.visit(identity="jwt")
    store.open()
    store.page.get_by_text("Hello, Ada").wait_for()
    assert store.bodies == [{"identity": "jwt"}]


def test_what_cannot_be_a_friends_code_is_not_kept(store: Store) -> None:
    store.visit(query="?ref=" + "%3Cscript%3E")
    assert store.page.evaluate("localStorage.length") == 0


def test_when_the_panel_cannot_be_loaded_it_says_so_and_the_next_click_tries_again(store: Store) -> None:
    store.visit()
    store.page.context.set_offline(True)
    store.page.route("**/assets/**", lambda route: route.abort())
    store.page.get_by_role("button", name="Rewards").click()
    store.page.get_by_role("status").get_by_text("Please try again.").wait_for()
    store.page.context.set_offline(False)
    store.page.unroute("**/assets/**")
    store.open()
    expect(store.page.get_by_text("Please try again.")).to_have_count(0)


def test_it_works_where_scripts_and_styles_are_held_on_a_short_lead(store: Store) -> None:
    policy = (
        "default-src 'none'; script-src https://points.example; connect-src https://points.example; style-src 'none';"
        "require-trusted-types-for 'script'; trusted-types lagniappe"
    )
    errors: list[str] = []
    store.page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    store.visit(head=f'<meta http-equiv="Content-Security-Policy" content="{policy}">', identity="jwt")
    store.open()
    store.page.get_by_role("tab", name="My balance").click()
    store.page.get_by_text("Order #1001").wait_for()
    assert json.dumps([error for error in errors if "favicon" not in error]) == "[]"
