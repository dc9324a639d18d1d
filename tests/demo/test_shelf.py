"""The rewards that the demo's shop starts with: what they promise, its store can keep."""

import json
from pathlib import Path
from typing import Any

import demo
from demo import catalogue, seeds

FOLDER = Path(demo.__path__[0])
KINDS = {
    *("fixed_amount_discount", "percentage_discount", "value_code", "free_shipping"),
    *("gift", "event_invitation", "cashback", "custom"),
}


def documents(name: str) -> Any:
    return json.loads((FOLDER / name).read_text())


def test_there_is_a_reward_of_each_of_the_eight_types_and_a_newcomer_can_have_some() -> None:
    rewards = documents("rewards.json")
    assert len(rewards) == 9
    assert {reward.get("reward_sub_type", reward["reward_type"]) for reward in rewards} == KINDS
    costs = [reward["points_to_be_redeemed"] for reward in rewards if "points_to_be_redeemed" in reward]
    assert sum(cost <= 100 for cost in costs) >= 3
    assert max(costs) > 250


def test_every_way_to_earn_leads_to_something_that_the_store_has() -> None:
    program = documents("program.json")
    kinds = {rule["kind"] for rule in program["rules"]}
    assert kinds >= {"signup", "first_order", "birthday", "newsletter", "follow", "review", "event", "product"}
    assert kinds >= {"multiplier", "exclusion"}
    sold = {product.kind for product in catalogue.PRODUCTS}
    for rule in program["rules"]:
        items = rule.get("items", {})
        assert all(catalogue.find(slug) for slug in items.get("product_ids", ())), rule
        assert set(items.get("categories", ())) <= sold, rule
        for texts in (rule["title"], rule.get("text"), rule.get("button", {}).get("label")):
            assert texts is None or texts.keys() == {"en", "fr", "de", "zh-Hant"}, rule


def test_the_rewards_for_levels_name_levels_of_the_program() -> None:
    levels = {level["id"] for level in documents("program.json")["tiers"]["levels"]}
    rules = [rule for each in documents("rewards.json") for rule in each.get("member_eligibility_rules", ())]
    named = [
        condition["value"] for rule in rules for condition in rule["conditions"] if condition["attribute"] == "Tier"
    ]
    assert named
    assert all(set(value) <= levels for value in named)


def test_every_gift_is_something_that_the_store_sells() -> None:
    gifts = [each for each in documents("rewards.json") if each["reward_type"] == "gift"]
    for gift in (*gifts, *documents("campaign.json")["gifts"]):
        assert catalogue.find(gift["product_id"]), gift


def test_the_vouchers_that_the_merchant_uploaded_are_codes_of_the_store() -> None:
    (voucher,) = [each for each in documents("rewards.json") if "coupons" in each]
    assert tuple(voucher["coupons"]) == seeds.VOUCHERS
    assert voucher["reward_value"] == f"€{seeds.VOUCHER_WORTH:.0f}"
