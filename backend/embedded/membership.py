"""Using the embedded servers of a data folder together with whoever else uses them.

Whoever comes first has them started, whoever leaves last waits until they have stopped; see `keeper.py`.
"""

import fcntl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

from backend.embedded import keeper
from backend.embedded.places import CannotStart, Places, places_of

_START_PATIENCE = 120.0
"""Seconds; reading the log again after a crash under heavy load takes a while."""
_STOP_PATIENCE = 9.0
_MOST_STARTS = 10
_outliving_us: list[subprocess.Popen[str]] = []
"""Keepers that we started and others still need: kept, since Python warns of children that are forgotten."""
_TICK = 0.02


@dataclass(frozen=True)
class Addresses:
    database_url: str
    redis_url: str


@contextmanager
def running(data_dir: Path) -> Iterator[Addresses]:
    """PostgreSQL and Valkey of this data folder, running for as long as the block.

    Joins them if another process runs them, and leaves them to whoever still uses them. Raises CannotStart.
    """
    with Membership("postgres", data_dir) as postgres, Membership("valkey", data_dir) as valkey:
        yield Addresses(postgres.address(), valkey.address())


class Servers:
    """The servers that an environment leaves to us: a context manager around their use.

    Where DATABASE_URL or REDIS_URL is unset, an embedded server of LAGNIAPPE_DATA_DIR (default `.lagniappe`) takes its
    place. Entering waits until they answer; raises CannotStart.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.data_dir = Path(environ.get("LAGNIAPPE_DATA_DIR") or ".lagniappe").resolve()
        self.environ = {**environ, "LAGNIAPPE_DATA_DIR": str(self.data_dir)}
        """The environment; inside the block with both addresses."""
        self._members = {
            variable: Membership(name, self.data_dir)
            for variable, name in (("DATABASE_URL", "postgres"), ("REDIS_URL", "valkey"))
            if not environ.get(variable)
        }
        self._stack = ExitStack()

    def __enter__(self) -> "Servers":
        with self._stack:
            for member in self._members.values():
                self._stack.enter_context(member)
            self.environ |= {variable: member.address() for variable, member in self._members.items()}
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def mend(self) -> None:
        """Have the servers started again if they were killed together with what watches them. Does not wait."""
        for member in self._members.values():
            member.mend()


@contextmanager
def filled_in(environ: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The environment with both addresses, see `Servers`, for as long as the block."""
    with Servers(environ) as servers:
        yield servers.environ


class Membership:
    """One use of one embedded server, from the moment the block is entered until it is left."""

    def __init__(self, name: str, data_dir: Path) -> None:
        self._places: Places = places_of(name, data_dir)
        self._keeper: subprocess.Popen[str] | None = None
        self._lock: IO[str] | None = None
        self._starts = 0

    def __enter__(self) -> "Membership":
        """Become a user and have a keeper started if there is none; does not wait for the server."""
        self._places.make_files()
        self._lock = self._places.users_lock.open("r+")
        fcntl.flock(self._lock, fcntl.LOCK_SH)  # waits here while a keeper without users is stopping its server
        self.mend()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop being a user; if nobody else is one, wait until the server has stopped."""
        assert self._lock is not None
        with self._lock:
            fcntl.flock(self._lock, fcntl.LOCK_UN)
            deadline = time.monotonic() + _STOP_PATIENCE
            while time.monotonic() < deadline and not _has_users(self._lock) and not self._keeper_is_gone():
                time.sleep(_TICK)
        if self._keeper is not None:
            _close(self._keeper)
            if self._keeper_is_gone():
                self._keeper.wait(_STOP_PATIENCE)
            else:
                _outliving_us.append(self._keeper)

    def address(self) -> str:
        """The server's address, once it answers. Raises CannotStart with the reason if it does not."""
        deadline = time.monotonic() + _START_PATIENCE
        while time.monotonic() < deadline:
            if (url := self._places.keeper_lock.read_text()) and not self._keeper_is_gone():
                return url
            self._raise_if_failed()
            self.mend()
            time.sleep(_TICK)
        raise CannotStart(f"The embedded {self._places.name} does not answer, see {self._places.log}.")

    def mend(self) -> None:
        """Have a keeper started if there is none (it was killed). Does not wait."""
        if self._keeper is not None and self._keeper.poll() is None:
            return
        if not self._keeper_is_gone():
            return
        if self._keeper is not None:
            _close(self._keeper)
        self._starts += 1
        with self._places.log.open("ab") as log:
            self._keeper = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "backend.embedded", self._places.name, self._places.data_dir],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # Ctrl-C is for us, not for the server
            )

    def _raise_if_failed(self) -> None:
        if self._keeper is None or self._keeper.poll() is None:
            return
        assert self._keeper.stdout is not None
        said = "" if self._keeper.stdout.closed else self._keeper.stdout.readline().strip()
        if said.startswith(keeper.FAILED):
            raise CannotStart(said.removeprefix(keeper.FAILED))
        if self._starts >= _MOST_STARTS:
            raise CannotStart(f"The embedded {self._places.name} does not start, see {self._places.log}.")

    def _keeper_is_gone(self) -> bool:
        return not _is_locked(self._places.keeper_lock)


def _is_locked(path: Path) -> bool:
    try:
        with path.open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:  # the data folder was taken away
        return False
    return False


def _has_users(lock: IO[str]) -> bool:
    """True if others hold the users' lock. While the keeper stops its server it holds the lock alone: then False."""
    for wanted, answer in ((fcntl.LOCK_EX, False), (fcntl.LOCK_SH, True)):
        try:
            fcntl.flock(lock, wanted | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        fcntl.flock(lock, fcntl.LOCK_UN)
        return answer
    return False


def _close(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    process.stdout.close()
