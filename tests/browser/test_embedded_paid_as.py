"""The form of a value code inside Shopify's admin: what money needs is asked for with saving, and with nothing else."""

from playwright.sync_api import expect
from sqlalchemy import text

from backend.db import transaction
from backend.loyalty.shops import shops
from tests.browser.test_embedded_admin import Desk, desk, kiln, served  # noqa: F401 - fixtures
from tests.shopify.conftest import shopify, token_door  # noqa: F401 - fixtures


def test_shopify_is_asked_for_what_the_chosen_money_needs_when_it_is_saved(desk: Desk) -> None:  # noqa: F811
    with transaction() as session:
        session.execute(text("update shop set platform = 'shopify' where id = :shop"), {"shop": desk.shop.id})
    shops.forget_facts()
    asked: list[list[str]] = []
    desk.page.expose_function("pretendGrant", lambda wanted: asked.append(wanted))
    desk.open("/admin/reward-campaigns/new")
    desk.shows("Add reward campaign")
    form = desk.app.locator("form.rewarding")
    form.get_by_label("Campaign type").select_option("value_code")
    form.get_by_label("Paid as").select_option("store_credit")
    expect(form.get_by_label("Smallest order")).to_be_hidden()
    expect(form.get_by_label("Codes begin with")).to_be_hidden()
    told = form.get_by_text("Shopify asks you when you save.").locator("visible=true")
    expect(told).to_contain_text("read_store_credit_accounts and write_store_credit_account_transactions")
    form.get_by_label("Paid as").select_option("gift_card")
    expect(form.get_by_label("Codes begin with")).to_be_visible()
    form.get_by_label("Campaign type").select_option("fixed_amount_discount")  # of which there is nothing to choose
    expect(form.get_by_label("Paid as")).to_be_hidden()
    expect(form.get_by_label("Smallest order")).to_be_visible()
    form.get_by_label("Campaign type").select_option("value_code")
    form.get_by_label("Name", exact=True).fill("A gift card")
    form.get_by_label("Cost in points").fill("500")
    form.get_by_label("Reward value").fill("10")
    form.get_by_role("button", name="Look again").click()
    assert asked == []
    form.get_by_role("button", name="SAVE").last.click()
    desk.says("was added")
    assert asked == [["write_gift_cards", "write_gift_card_transactions"]]
