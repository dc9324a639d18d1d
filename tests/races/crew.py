"""Processes that do something at the same moment, each with an app of its own on the same database."""

import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any

from tests import stopwatch
from tests.races import work

PATIENCE_SECONDS = 300.0


@dataclass
class Hand:
    """One process, ready to begin."""

    process: ForkServerProcess
    line: Connection

    def go(self) -> None:
        self.line.send("go")

    def result(self) -> Any:
        """What it returned. Raises what it raised."""
        assert self.line.poll(PATIENCE_SECONDS), "a process did not end in time"
        is_good, value = self.line.recv()
        self.process.join()
        if not is_good:
            raise AssertionError(f"a process failed:\n{value}")
        return value

    def kill(self) -> None:
        """kill -9, wherever it is."""
        self.process.kill()
        self.process.join()


class Crew:
    """Starts processes by forking one that has imported everything."""

    def __init__(self, environ: dict[str, str]) -> None:
        self._environ = environ
        self._context: ForkServerContext = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["pytest", "tests.races.work"])
        self._hands: list[Hand] = []

    def ready(self, task: str, *arguments: Any) -> Hand:
        """A process that has its app and its connection and waits for `go`."""
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=work.be_a_hand, args=(self._environ, theirs, task, arguments))
        process.start()
        theirs.close()
        hand = Hand(process, ours)
        self._hands.append(hand)
        return hand

    def together(self, tasks: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Do all of these at the same moment, each in a process of its own; returns their results in that order."""
        hands = [self.ready(*task) for task in tasks]
        for hand in hands:
            self.wait_until_ready(hand)
        for hand in hands:
            hand.go()
        return [hand.result() for hand in hands]

    @staticmethod
    def wait_until_ready(hand: Hand) -> None:
        assert hand.line.poll(PATIENCE_SECONDS), "a process did not start in time"
        assert hand.line.recv() == "ready"

    def dismiss(self) -> None:
        for hand in self._hands:
            if hand.process.is_alive():
                hand.kill()
        self._hands.clear()


def eventually(is_so: Any, what: str) -> None:
    """Wait until it is so; fails with `what` if it is not in time."""
    ends_at = stopwatch.now() + PATIENCE_SECONDS
    while not is_so():
        assert stopwatch.now() < ends_at, f"not in time: {what}"
        time.sleep(0.02)
