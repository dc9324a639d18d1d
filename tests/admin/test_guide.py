"""The set-up guide: five minutes from a new shop to its widget (S3.3 to S3.8)."""

from collections.abc import Callable
from typing import Any

from bs4 import BeautifulSoup

from backend import clock
from backend.db import transaction
from backend.loyalty.rewards import rewards
from backend.loyalty.rewards.rewards import Reward
from backend.loyalty.shops import sightings
from tests.admin.conftest import Desk, said
from tests.admin.test_program import draft, in_force, make_unchosen, sent_of, shown, versions
from tests.admin.test_reward_form import field, sent, value
from tests.conftest import TestShop
from tests.extensions.theme import EXTENSION
from tests.loyalty.rewards_world import reward
from tests.shopify.pretend import CLIENT_ID

BLOCKS = EXTENSION / "blocks"
STEPS = ["Rate", "Assign day", "Expiry", "First reward", "Look", "Update", "Snippet"]


def here(page: BeautifulSoup) -> str:
    """The step that the guide shows."""
    found = page.select_one(".wizard [aria-current]")
    assert found is not None
    return str(found.find(string=True)).strip()


def done(page: BeautifulSoup) -> list[str]:
    """The steps that are marked as done."""
    return [str(each.find(string=True)).strip() for each in page.select(".wizard a") if each.select_one(".aside")]


def next_step(desk: Desk, step: str, **typed: Any) -> BeautifulSoup:
    """Fill in a step and press Next; the page that comes."""
    answer = desk.post(f"/guide/{step}", **sent(desk.page(f"/guide/{step}")) | typed)
    assert answer.status_code == 303, said(answer)
    return desk.page(answer.headers["Location"].removeprefix("/admin"))


def only_reward(shop: TestShop) -> Reward:
    with transaction() as session:
        (found,) = rewards.newest(session, shop.id, before=2**62, limit=10)
    return found


def test_from_a_new_shop_to_the_snippet(desk: Desk, shop: TestShop) -> None:
    make_unchosen(shop)
    page = desk.page("/guide")
    assert [str(each.find(string=True)).strip() for each in page.select(".wizard a")] == STEPS
    assert (here(page), done(page)) == ("Rate", [])
    assert here(next_step(desk, "rate", **{"earn.spend_step": "5"})) == "Assign day"
    assert here(next_step(desk, "delay", **{"assign.delay_days": "14"})) == "Expiry"
    expiry = {"expiry.kind": "fixed_day", "expiry.month": "12", "expiry.day": "31"}
    assert here(next_step(desk, "expiry", **expiry)) == "First reward"
    answer = desk.post("/guide/reward", reward_name="5 off", reward_value="5", points_to_be_redeemed="200")
    assert answer.headers["Location"].endswith("/guide/look")
    page = next_step(desk, "look", **{"appearance.position": "left"})
    assert (here(page), done(page)) == ("Update", ["Rate", "Assign day", "Expiry", "First reward", "Look"])
    before = in_force(shop)
    assert (before["earn"]["spend_step"], before["appearance"]["position"]) == ("10", "right")
    told = desk.done("/guide/update", **sent_of(desk, "/guide/update"))
    assert "in force from now on" in told
    after = in_force(shop)
    assert after["earn"]["spend_step"] == "5"
    assert after["assign"]["delay_days"] == 14
    assert after["expiry"] == {"kind": "fixed_day", "month": 12, "day": 31, "grace_days": 7}
    assert after["appearance"]["position"] == "left"
    assert versions(shop)[0][1] == "Ada Admin"
    assert only_reward(shop).definition.points_to_be_redeemed == 200
    page = desk.page("/guide")
    assert (here(page), done(page)) == ("Snippet", STEPS[:-1])


def test_the_guide_goes_on_where_it_was_left(desk: Desk, shop: TestShop) -> None:
    make_unchosen(shop)
    next_step(desk, "rate")
    next_step(desk, "delay")
    page = desk.page("/guide")
    assert (here(page), done(page)) == ("Expiry", ["Rate", "Assign day"])
    assert draft(shop) == in_force(shop)


def test_whoever_keeps_the_settings_of_a_new_shop_has_chosen_them_too(desk: Desk, shop: TestShop) -> None:
    make_unchosen(shop)
    reward(shop)
    for step in ("rate", "delay", "expiry", "look"):
        next_step(desk, step)
    desk.done("/guide/update", **sent_of(desk, "/guide/update"))
    assert versions(shop)[0][1] == "Ada Admin"
    assert here(desk.page("/guide")) == "Snippet"


def test_a_step_keeps_what_it_does_not_show(desk: Desk, shop: TestShop) -> None:
    shop.set_program(earn={"spend_step": "10", "base": "total", "round": "ceil", "pos": False})
    next_step(desk, "rate", **{"earn.points_per_step": "2"})
    found = draft(shop)
    assert found is not None
    assert found["earn"] == {
        "spend_step": "10",
        "points_per_step": 2,
        "base": "total",
        "round": "ceil",
        "pos": False,
    }


def test_a_mistake_is_said_at_its_field(desk: Desk, shop: TestShop) -> None:
    refused = desk.post("/guide/rate", **sent(desk.page("/guide/rate")) | {"earn.spend_step": "free"})
    assert refused.status_code == 422
    assert field(shown(refused), "earn.spend_step")["aria-invalid"] == "true"
    refused = desk.post("/guide/reward", reward_name="5 off", reward_value="", points_to_be_redeemed="x")
    assert refused.status_code == 422
    assert "Cost in points" in said(refused)
    page = shown(refused)
    assert field(page, "points_to_be_redeemed")["aria-invalid"] == "true"
    assert value(page, "reward_name") == "5 off"


def test_a_shop_that_has_rewards_need_not_make_one(desk: Desk, shop: TestShop) -> None:
    made = reward(shop)
    page = desk.page("/guide/reward")
    assert made.name in page.get_text()
    assert page.select_one('[name="reward_value"]') is None


def test_the_real_widget_is_beside_the_steps_with_the_draft(desk: Desk, shop: TestShop) -> None:
    frame = desk.page("/guide/look").select_one("iframe[data-preview]")
    assert frame is not None
    assert "draft=1" in str(frame["src"])
    typed = sent(desk.page("/guide/look")) | {"appearance.accent": "#123456", "do": "show"}
    assert desk.post("/guide/look", **typed).headers["Location"].endswith("/guide/look")
    found = draft(shop)
    assert found is not None
    assert found["appearance"]["accent"] == "#123456"
    assert in_force(shop)["appearance"]["accent"] != "#123456"


def test_the_snippet_is_the_shop_s_own(desk: Desk, shop: TestShop) -> None:
    snippet = desk.page("/guide/snippet").select_one("#snippet")
    assert snippet is not None
    script = BeautifulSoup(snippet.get_text(), "html.parser").script
    assert script is not None
    assert script["src"] == f"http://127.0.0.1:8000/widget/v1/loader.js?shop={shop.made.shop.widget_key}"
    assert script.has_attr("defer")
    assert not script.has_attr("data-identity")


def test_the_snippet_s_step_sees_the_widget_on_the_store_s_pages(desk: Desk, shop: TestShop) -> None:
    """A page of the store that loads it counts; one of ours, or of another store, does not."""
    sightings.forget()
    for referrer in (None, "http://127.0.0.1:8000/admin/guide", "https://shop.example.evil.example/", "https://[oops"):
        load(shop, referrer)
    assert "No page of shop.example has loaded" in seen(desk)
    load(shop, "https://shop.example/cups?x=1")
    load(shop, "https://shop.example/")
    assert "The widget is on your store" in seen(desk)
    with transaction() as session:
        assert sightings.first(session, shop.id) is not None


def test_the_snippet_s_step_sees_that_webhooks_arrive(desk: Desk, shop: TestShop) -> None:
    assert "No webhook has arrived yet" in seen(desk)
    shop.tell("customer.created", {"id": "c1"}, at=clock.now())
    assert "Your store sends webhooks" in seen(desk)


def test_on_shopify_the_widget_is_switched_on_in_the_theme(
    sign_in: Callable[..., Desk], new_shop: Callable[..., TestShop]
) -> None:
    shop = new_shop(platform="shopify", domain="kiln-guide.myshopify.com")
    page = sign_in(of=shop).page("/guide/snippet")
    assert here(page) == "Your theme"
    assert page.select_one("#snippet") is None
    editor = "https://kiln-guide.myshopify.com/admin/themes/current/editor"
    switch, *blocks = [each["href"] for each in page.select("main a[target=_top]")]
    assert switch == f"{editor}?context=apps&template=index&activateAppId={CLIENT_ID}/loyalty_embed"
    assert blocks == [
        f"{editor}?template={template}&addAppBlockId={CLIENT_ID}/{block}&target=mainSection"
        for template, block in (
            ("product", "product_points"),
            ("cart", "cart_points"),
            ("customers/account", "balance"),
        )
    ]
    assert {path.stem for path in BLOCKS.glob("*.liquid")} == {"loyalty_embed"} | {
        url.partition(f"{CLIENT_ID}/")[2].partition("&")[0] for url in blocks
    }
    assert "Shopify sends them by itself" in seen(sign_in(of=shop))


def test_only_steps_that_there_are(desk: Desk) -> None:
    assert desk.get("/guide/nonsense").status_code == 404
    assert desk.post("/guide/nonsense").status_code == 404


def load(shop: TestShop, referrer: str | None) -> None:
    headers = {"Referer": referrer} if referrer else {}
    answer = shop.client.get(f"/widget/v1/loader.js?shop={shop.made.shop.widget_key}", headers=headers)
    assert answer.status_code == 200


def seen(desk: Desk) -> str:
    found = desk.page("/guide/snippet").select_one("#seen")
    assert found is not None
    return " ".join(found.get_text(" ").split())
