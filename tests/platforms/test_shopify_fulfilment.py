"""When an order on Shopify counts as collected (docs/decisions/0025)."""

from datetime import UTC, datetime

import pytest

from backend.platforms.shopify.fulfilment import Fulfilment, LineToDeliver, Progress, progress


def day(number: int) -> datetime:
    return datetime(2026, 11, number, 12, tzinfo=UTC)


def by_carrier(shipment_status: str | None, at: int = 21, status: str = "success", **quantities: int) -> Fulfilment:
    return Fulfilment(status, shipment_status, True, quantities or {"jar": 1}, day(at))


def by_hand(shipment_status: str | None = None, at: int = 21, status: str = "success", **quantities: int) -> Fulfilment:
    return Fulfilment(status, shipment_status, False, quantities or {"jar": 1}, day(at))


JAR = [LineToDeliver("jar", 1)]
JAR_AND_BOWLS = [LineToDeliver("jar", 1), LineToDeliver("bowl", 4)]
COLLECTED_ON_21 = Progress("collected", collected_at=day(21))

CASES = {
    "nothing went out": (JAR, [], Progress("pending")),
    "a parcel with a number is on its way": (JAR, [by_carrier(None)], Progress("shipped")),
    "its label is printed": (JAR, [by_carrier("label_printed")], Progress("shipped")),
    "it is in transit": (JAR, [by_carrier("in_transit")], Progress("shipped")),
    "nobody opened": (JAR, [by_carrier("attempted_delivery")], Progress("shipped")),
    "it could not be delivered": (JAR, [by_carrier("failure")], Progress("shipped")),
    "a word that nobody knows": (JAR, [by_carrier("teleported")], Progress("shipped")),
    "it is delivered": (JAR, [by_carrier("delivered")], COLLECTED_ON_21),
    "it waits for the customer": (JAR, [by_carrier("ready_for_pickup")], Progress("arrived", arrived_at=day(21))),
    "it waits, without a number": (JAR, [by_hand("ready_for_pickup")], Progress("arrived", arrived_at=day(21))),
    "it was picked up": (JAR, [by_hand("picked_up")], COLLECTED_ON_21),
    "nothing more will be said of it": (JAR, [by_hand()], COLLECTED_ON_21),
    "more will be said of it": (JAR, [by_hand("out_for_delivery")], Progress("shipped")),
    "it is not out yet": (JAR, [by_hand(status="pending"), by_hand(status="open")], Progress("pending")),
    "it was called off": (JAR, [by_carrier("delivered", status="cancelled")], Progress("pending")),
    "half of it": (JAR_AND_BOWLS, [by_hand(jar=1, bowl=2)], Progress("pending")),
    "the second half": (
        JAR_AND_BOWLS,
        [by_hand(jar=1, bowl=2), by_hand(at=23, bowl=2)],
        Progress("collected", collected_at=day(23)),
    ),
    "the halves in the other order": (
        JAR_AND_BOWLS,
        [by_hand(at=23, bowl=2), by_hand(jar=1, bowl=2)],
        Progress("collected", collected_at=day(23)),
    ),
    "one parcel is behind": (JAR_AND_BOWLS, [by_hand(jar=1), by_carrier("in_transit", bowl=4)], Progress("shipped")),
    "one parcel waits": (
        JAR_AND_BOWLS,
        [by_carrier("delivered", at=24, jar=1), by_carrier("ready_for_pickup", at=22, bowl=4)],
        Progress("arrived", arrived_at=day(24)),
    ),
    "one after all was there moves nothing": (JAR, [by_hand(), by_hand(at=28)], COLLECTED_ON_21),
    "a download beside it is not waited for": (
        [*JAR, LineToDeliver("file", 1, requires_shipping=False)],
        [by_hand()],
        COLLECTED_ON_21,
    ),
    "a download alone is": ([LineToDeliver("file", 1, requires_shipping=False)], [], Progress("pending")),
    "and is handed over": ([LineToDeliver("file", 1, requires_shipping=False)], [by_hand(file=1)], COLLECTED_ON_21),
    "what was taken out is not waited for": ([*JAR, LineToDeliver("bowl", 0)], [by_hand()], COLLECTED_ON_21),
    "nothing is left of the order": ([LineToDeliver("jar", 0)], [], Progress("pending")),
}


@pytest.mark.parametrize("lines, fulfilments, meant", CASES.values(), ids=CASES.keys())
def test_an_order_is_as_far_as_the_last_of_its_pieces(lines, fulfilments, meant):
    assert progress(lines, fulfilments) == meant
