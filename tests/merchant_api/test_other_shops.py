"""No id, address or key of one shop opens anything of another (reliability section 3: cross-shop IDOR, G9)."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from sqlalchemy import text

from backend import clock
from backend.db import db
from backend.jobs import points
from backend.ledger.posting import Author
from backend.loyalty.redemptions import redemptions
from backend.loyalty.redemptions.redemptions import Redeemer
from backend.merchant_api.operations import OPERATIONS, Operation
from tests.conftest import TestShop
from tests.merchant_api.conftest import Api
from tests.merchant_api.test_authentication import SOME_BODY

CANARY = "canary"
CANARY_LABEL = {"key": CANARY, "value": CANARY}
WITH_IDS = [each for each in OPERATIONS.values() if "{" in each.path]
WITHOUT_IDS = [each for each in OPERATIONS.values() if "{" not in each.path]


@dataclass
class Victim:
    """A shop full of canaries."""

    api: Api
    refs: list[str]
    delivery: str
    reward: str
    redemption: str
    referral: str

    def id_for(self, operation: Operation) -> str:
        ids = {"redemptions": self.redemption, "referrals": self.referral}
        return ids.get(operation.path.split("/")[1], self.delivery)


@pytest.fixture
def victim(new_shop: Callable[..., TestShop]) -> Victim:
    shop = new_shop(name=CANARY, domain=f"{CANARY}.example")
    api = Api(shop, shop.made.api_key)
    member = api.member(CANARY, email=f"{CANARY}@mail.example", email_verified=True, first_name=CANARY)
    assert api.adjust(member, 100, CANARY).status_code == 201
    api.put("/program", {"points_name": {"en": {"other": CANARY}}})
    delivery = api.get("/deliveries").json["items"][0]["id"]
    refs = [member, f"external:{CANARY}", f"email:{CANARY}@mail.example"]
    reward = api.post("/rewards", SOME_BODY["create_reward"] | {"reward_name": CANARY, "labels": [CANARY_LABEL]})
    assert api.post("/campaigns", SOME_BODY["create_campaign"] | {"names": {"en": CANARY}}).status_code == 201
    assert api.post("/segments", {"id": CANARY, "name": CANARY, "rules": []}).status_code == 201
    points.segments()
    who = Redeemer(int(member), Author("customer"))
    had = redemptions.redeem(shop.facts, who, int(reward.json["id"], 16), {}, "a key", clock.now())
    code = db.session.execute(text("select referral_code from member where id = :id"), {"id": int(member)}).scalar_one()
    db.session.rollback()
    api.member(f"{CANARY}-friend", email=f"{CANARY}-friend@mail.example", referral_code=code)
    referral = api.get("/referrals").json["items"][0]["id"]
    return Victim(api, refs, delivery, reward.json["id"], str(had["id"]), referral)


def entries() -> int:
    count: int = db.session.execute(text("select count(*) from entry")).scalar_one()
    db.session.rollback()
    return count


@pytest.mark.parametrize("operation", WITH_IDS, ids=lambda each: each.name)
def test_a_foreign_id_answers_like_one_that_does_not_exist(api: Api, victim: Victim, operation: Operation) -> None:
    before = entries()
    body = {"json": SOME_BODY[operation.name]} if operation.body is not None else {}
    nothing = {"ref": "9" * 18, "id": "9" * 18, "reward": f"{2**60:024x}", "segment": "nothing"}
    unknown = api.call(operation.method, operation.path.format(**nothing), **body)
    assert unknown.status_code == 404
    for ref in victim.refs:
        path = operation.path.format(ref=ref, id=victim.id_for(operation), reward=victim.reward, segment=CANARY)
        foreign = api.call(operation.method, path, **body)
        assert (foreign.status_code, foreign.data) == (404, unknown.data)
    assert entries() == before


@pytest.mark.parametrize("operation", WITHOUT_IDS, ids=lambda each: each.name)
def test_no_list_and_no_object_shows_a_foreign_canary(api: Api, victim: Victim, operation: Operation) -> None:
    api.member("own")
    body = {"json": SOME_BODY[operation.name]} if operation.body is not None else {}
    answer = api.call(operation.method, operation.path, **body)
    assert answer.status_code == operation.status
    assert CANARY.encode() not in answer.data
    if operation.name == "export_shop":
        with zipfile.ZipFile(io.BytesIO(answer.data)) as opened:
            assert not any(CANARY.encode() in opened.read(name) for name in opened.namelist())


def test_the_filters_of_the_lists_find_nothing_foreign(api: Api, victim: Victim) -> None:
    assert api.get("/members", email=f"{CANARY}@mail.example").json["items"] == []
    assert api.get("/members", external_id=CANARY).json["items"] == []
    assert api.get("/members", segment=CANARY).json["items"] == []
    assert api.get("/rewards", label=CANARY).json["items"] == []
    assert api.get("/redemptions", member=victim.refs[0]).json["items"] == []
    assert api.get("/redemptions", reward=victim.reward).json["items"] == []
    assert api.get("/referrals", advocate=victim.refs[0]).json["items"] == []


def test_the_victim_itself_sees_its_canaries(victim: Victim) -> None:
    for ref in victim.refs:
        assert CANARY in victim.api.get(f"/members/{ref}").text
        assert CANARY in victim.api.get(f"/members/{ref}/transactions").text
    assert CANARY in victim.api.get(f"/deliveries/{victim.delivery}").text
    assert CANARY in victim.api.get("/program").text
    assert CANARY in victim.api.get("/shop").text
    assert CANARY in victim.api.get(f"/rewards/{victim.reward}").text
    assert CANARY in victim.api.get("/rewards", label=CANARY).text
    assert CANARY in victim.api.get("/members", segment=CANARY).text
    assert CANARY in victim.api.get(f"/segments/{CANARY}").text
    assert CANARY in victim.api.get("/campaigns").text
    assert CANARY in victim.api.get("/redemptions", member=victim.refs[0]).text
    assert CANARY in victim.api.get(f"/redemptions/{victim.redemption}").text
    assert CANARY in victim.api.get("/referrals", advocate=victim.refs[0]).text
    assert CANARY in victim.api.get(f"/referrals/{victim.referral}").text


def test_the_same_platform_id_in_two_shops_is_two_members(api: Api, victim: Victim) -> None:
    own = api.member(CANARY)
    assert own != victim.refs[0]
    assert api.get(f"/members/external:{CANARY}").json["id"] == own
    assert api.get(f"/members/external:{CANARY}/balance").json["available"] == 0


def test_the_same_idempotency_key_in_two_shops_is_two_requests(api: Api, victim: Victim) -> None:
    own = api.member()
    body = {"points": 5, "reason": "A test"}
    one = api.post(f"/members/{own}/adjustments", body, key="same")
    other = victim.api.post(f"/members/{victim.refs[0]}/adjustments", body, key="same")
    assert one.status_code == other.status_code == 201
    assert one.json["id"] != other.json["id"]
