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


def test_there_is_one_reward_of_each_of_the_eight_types_and_a_newcomer_can_have_some() -> None:
    rewards = documents("rewards.json")
    assert len(rewards) == 8
    assert {reward.get("reward_sub_type", reward["reward_type"]) for reward in rewards} == KINDS
    costs = [reward["points_to_be_redeemed"] for reward in rewards if "points_to_be_redeemed" in reward]
    assert sum(cost <= 100 for cost in costs) >= 3
    assert max(costs) > 250


def test_every_gift_is_something_that_the_store_sells() -> None:
    gifts = [each for each in documents("rewards.json") if each["reward_type"] == "gift"]
    for gift in (*gifts, *documents("campaign.json")["gifts"]):
        assert catalogue.find(gift["product_id"]), gift


def test_the_vouchers_that_the_merchant_uploaded_are_codes_of_the_store() -> None:
    (voucher,) = [each for each in documents("rewards.json") if "coupons" in each]
    assert tuple(voucher["coupons"]) == seeds.VOUCHERS
    assert voucher["reward_value"] == f"€{seeds.VOUCHER_WORTH:.0f}"
