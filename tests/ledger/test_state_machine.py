"""Whatever is done to it in whatever order, the ledger says what a simple model says (reliability G10)."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.ledger.machine import LedgerMachine, walk
from tests.ledger.seeded_bugs import STEPS, WALKS

QUICK = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # shrinking takes minutes: the nightly profile does it
    suppress_health_check=list(HealthCheck),
)


def test_the_ledger_agrees_with_a_simple_model_after_every_step(in_ledger: None) -> None:
    """60 runs of 40 steps; with `--hypothesis-profile nightly` as many as that profile says."""
    is_nightly = settings.default.max_examples > 100
    run_state_machine_as_test(LedgerMachine, settings=settings.default if is_nightly else QUICK)


@pytest.mark.parametrize("seed", range(WALKS))
def test_the_walks_that_find_the_seeded_bugs_find_nothing_in_the_ledger_itself(in_ledger: None, seed: int) -> None:
    walk(seed, STEPS)
