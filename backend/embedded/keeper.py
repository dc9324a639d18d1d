"""The process that owns one embedded server: starts it, starts it again when it dies, ends it with its last user.

Users hold a shared lock on one file; the keeper ends when it can have that lock alone. The system drops the lock of a
user that was killed, and the server dies with its keeper, so no way of dying leaves anything running.
A second lock, on the keeper's own file, makes sure there is one keeper. That file holds the address while the server
answers.
"""

import fcntl
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import IO, Protocol

from backend.embedded.places import CannotStart, Places, places_of
from backend.embedded.postgres import Postgres
from backend.embedded.valkey import Valkey

READY, TAKEN, FAILED = "ready", "taken", "failed: "
"""The first line that a keeper prints."""

_TICK = 0.05
_LONGEST_PAUSE = 1.0
_LOG_LIMIT = 10_000_000


class Server(Protocol):
    places: Places
    stopping: tuple[tuple[signal.Signals, float], ...]

    @property
    def url(self) -> str: ...
    def prepare(self) -> None: ...
    def clean(self) -> None: ...
    def start(self) -> subprocess.Popen[bytes]: ...
    def answers(self) -> bool: ...


SERVERS: dict[str, type[Postgres] | type[Valkey]] = {"postgres": Postgres, "valkey": Valkey}


def main(name: str, data_dir: Path) -> None:
    """Keep server `name` until nobody uses it. Prints one line once it answers, or why it does not."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    places = places_of(name, data_dir)
    with places.keeper_lock.open("r+") as own_lock, places.users_lock.open("r+") as users_lock:
        if not _locked(own_lock):
            print(TAKEN, flush=True)
            return
        try:
            _publish(own_lock, "")
            server = SERVERS[name](places)
            _shorten(places.log)
            server.prepare()
            Keeper(server, own_lock, users_lock).keep()
        except (CannotStart, OSError) as error:
            print(FAILED + str(error), flush=True)
        finally:
            places.remove_sockets()


class Keeper:
    def __init__(self, server: Server, own_lock: IO[str], users_lock: IO[str]) -> None:
        self._server = server
        self._own_lock = own_lock
        self._users_lock = users_lock
        self._told_to_end = False
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "_told_to_end", True))

    def keep(self) -> None:
        """Return when the server is stopped because nobody uses it. Raises CannotStart if it never answered."""
        pause = 0.0
        was_ready = False
        while not self._is_over():
            log_start = _size(self._server.places.log)
            self._server.clean()
            started = time.monotonic()
            process = self._server.start()
            try:
                was_ready = self._watch(process, say_ready=not was_ready) or was_ready
            finally:
                self._stop(process)
            if not was_ready and not self._is_over():
                raise CannotStart(self._last_words(log_start))
            # At once if it had been well; a server that dies again and again is tried at most once a second.
            pause = 0.0 if time.monotonic() - started > 5 else min(pause + 0.25, _LONGEST_PAUSE)
            self._sleep(pause)

    def _watch(self, process: subprocess.Popen[bytes], *, say_ready: bool) -> bool:
        """Wait until the server has died or is not needed any more. True if it answered at some time."""
        ready = False
        while process.poll() is None and not self._is_over():
            if not ready and self._server.answers():
                ready = True
                _publish(self._own_lock, self._server.url)
                if say_ready:
                    print(READY, flush=True)
            time.sleep(_TICK)
        _publish(self._own_lock, "")
        return ready

    def _is_over(self) -> bool:
        """Nobody uses it, or we were told to end, or the data folder was taken away."""
        return self._told_to_end or _locked(self._users_lock) or self._has_lost_its_folder()

    def _has_lost_its_folder(self) -> bool:
        try:
            found = self._server.places.keeper_lock.stat()
        except OSError:
            return True
        return found.st_ino != os.fstat(self._own_lock.fileno()).st_ino

    def _stop(self, process: subprocess.Popen[bytes]) -> None:
        for sign, seconds in () if self._has_lost_its_folder() else self._server.stopping:
            if process.poll() is None:
                process.send_signal(sign)
                try:
                    process.wait(seconds)
                except subprocess.TimeoutExpired:
                    continue
        process.kill()
        process.wait()
        self._server.clean()

    def _sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self._is_over():
            time.sleep(_TICK)

    def _last_words(self, log_start: int) -> str:
        log = self._server.places.log
        with log.open("rb") as written:
            written.seek(log_start)
            lines = written.read().decode(errors="replace").strip().splitlines() or ["it gave no reason"]
        reason = next((line for line in lines if "FATAL" in line or "PANIC" in line), lines[-1])
        return f"The embedded {self._server.places.name} does not start ({reason.strip()}), see {log}."


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _publish(own_lock: IO[str], text: str) -> None:
    own_lock.seek(0)
    own_lock.truncate()
    own_lock.write(text)
    own_lock.flush()


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _shorten(log: Path) -> None:
    if _size(log) > _LOG_LIMIT:
        log.rename(log.with_suffix(".log.1"))
