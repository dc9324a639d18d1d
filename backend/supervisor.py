"""Runs programs side by side: starts again what dies, ends all together, leaves nothing running.

Each program is a process group of its own, so that what it started ends with it. The supervisor never waits for
anybody: not for a program, and not for whoever reads its output.
"""

import os
import select
import selectors
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType

_TICK = 0.1
_LONGEST_PAUSE = 0.8
_LIVED_WELL = 5.0
_GRACE = 4.0
"""Seconds that programs have for ending by themselves; with the embedded servers' own all ends within 10."""
_LINE_LIMIT = 4096
"""Bytes. A pipe that is ready takes this much without waiting (PIPE_BUF)."""
_READ_SIZE = 65536


@dataclass(frozen=True)
class Program:
    """A name for the output, a shell command as in a Procfile, and what `on_ready` waits for."""

    name: str
    command: str
    health_url: str | None = None
    environ: Mapping[str, str] = field(default_factory=dict)


class Supervisor:
    """A context manager. SIGINT, SIGTERM and SIGHUP end what `run_once` and `run` do, a second one at once; between
    them they raise KeyboardInterrupt.
    """

    def __init__(self, *, on_tick: Callable[[], None] = lambda: None) -> None:
        """`on_tick` is called about ten times a second while programs run, and must not wait."""
        self._on_tick = on_tick
        self._output = Output()
        self._signals = 0
        self._is_running = False
        self._failure: BaseException | None = None

    def __enter__(self) -> "Supervisor":
        self._undertaker = _Undertaker()
        self._previous_handlers = {
            number: signal.signal(number, self._take_signal)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous_handlers.items():
            signal.signal(number, handler)
        self._undertaker.dismiss()

    def run_once(self, program: Program, environ: Mapping[str, str]) -> int | None:
        """Run one program to its end; its exit status, or None if a signal ended it."""
        with self._running([program], environ) as (child,):
            while not self._signals:
                self._look_after([child])
                if (status := child.status()) is not None:
                    return status
        return None

    def run(
        self, programs: Iterable[Program], environ: Mapping[str, str], *, on_ready: Callable[[], None] | None = None
    ) -> None:
        """Run programs until a signal comes. `on_ready` is called once, in a thread, when every health address answers.

        Raises what `on_ready` raised, after everything has stopped.
        """
        with self._running(programs, environ) as children:
            if on_ready is not None:
                addresses = [child.program.health_url for child in children if child.program.health_url]
                threading.Thread(target=self._await_health, args=(addresses, on_ready), daemon=True).start()
            while not self._signals and self._failure is None:
                self._look_after(children)
                for child in children:
                    child.restart_if_dead(self._output)
        if self._failure is not None:
            raise self._failure

    def say(self, text: str) -> None:
        self._output.line("up", text.encode())

    @contextmanager
    def _running(self, programs: Iterable[Program], environ: Mapping[str, str]) -> Iterator[list["_Child"]]:
        environ = {**environ, "PATH": _path(environ), "PYTHONUNBUFFERED": "1"}
        children = [_Child(program, environ, self._undertaker) for program in programs]
        self._output.fit(child.program.name for child in children)
        self._is_running = True
        try:
            for child in children:
                child.start()
            yield children
        finally:
            self._end(children)
            self._is_running = False

    def _look_after(self, running: Iterable["_Child"]) -> None:
        """Pass on the output for one tick, then look at the undertaker and at what `on_tick` looks at."""
        self._output.pump(running, _TICK)
        self._undertaker.mend()
        self._on_tick()

    def _end(self, running: list["_Child"]) -> None:
        signals_before = self._signals
        deadline = time.monotonic() + _GRACE
        for child in running:
            child.ask_to_end()
        while time.monotonic() < deadline and self._signals == signals_before:
            self._output.pump(running, _TICK)
            if all(child.status() is not None for child in running):
                break
        for child in running:
            child.end()
        self._output.pump(running, 0)
        for child in running:
            child.close()

    def _await_health(self, addresses: list[str], on_ready: Callable[[], None]) -> None:
        while not all(answers(address) for address in addresses):
            time.sleep(_TICK)
        if self._signals:
            return
        try:
            on_ready()
        except BaseException as error:  # handed to the main thread, which stops everything and raises it
            self._failure = error

    def _take_signal(self, number: int, frame: FrameType | None) -> None:
        self._signals += 1
        if not self._is_running:
            raise KeyboardInterrupt


class _Child:
    """One program's process group, over all its lives."""

    def __init__(self, program: Program, environ: Mapping[str, str], undertaker: "_Undertaker") -> None:
        self.program = program
        self._environ = {**environ, **program.environ}
        self._undertaker = undertaker
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._start_again_at = 0.0
        self._pause = 0.0
        self.unfinished_line = b""

    @property
    def output(self) -> int | None:
        """The file descriptor to read from, while there is one."""
        if self._process is None or self._process.stdout is None or self._process.stdout.closed:
            return None
        return self._process.stdout.fileno()

    def start(self) -> None:
        self._started = time.monotonic()
        self._process = subprocess.Popen(  # noqa: S603 - a shell command on purpose, from the Procfile
            ["/bin/sh", "-c", f"exec {self.program.command}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environ,
            start_new_session=True,
        )
        self._undertaker.note(self._process.pid)
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)

    def status(self) -> int | None:
        return None if self._process is None else self._process.poll()

    def restart_if_dead(self, output: "Output") -> None:
        """What lived well is started again at once; what dies again and again, after a pause that grows to 0.8 s."""
        if self._process is not None:
            if (status := self._process.poll()) is None:
                return
            self.end()
            output.pump([self], 0)
            self.close()
            lived_well = time.monotonic() - self._started > _LIVED_WELL
            self._pause = 0.0 if lived_well else min(self._pause + 0.2, _LONGEST_PAUSE)
            self._start_again_at = time.monotonic() + self._pause
            output.line("up", f"{self.program.name} ended ({_in_words(status)}), starting it again".encode())
            self._process = None
        if time.monotonic() >= self._start_again_at:
            self.start()

    def ask_to_end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def end(self) -> None:
        """Kill what is left of the group."""
        if self._process is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._undertaker.forget(self._process.pid)

    def close(self) -> None:
        if self._process is not None and self._process.stdout is not None:
            self._process.stdout.close()


class _Undertaker:
    """The process of `undertaker.py`, and what it must know if it has to be started again itself."""

    def __init__(self) -> None:
        self._groups: set[int] = set()
        self._start()

    def note(self, group: int) -> None:
        self._groups.add(group)
        self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        self._groups.discard(group)
        self._tell(f"-{group}\n")

    def mend(self) -> None:
        if self._process.poll() is not None:
            self._start()

    def dismiss(self) -> None:
        with suppress(OSError):
            self._orders.close()
        self._process.wait()

    def _start(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-I", "-S", Path(__file__).with_name("undertaker.py")],
            stdin=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )
        assert self._process.stdin is not None
        self._orders = self._process.stdin
        for group in self._groups:
            self._tell(f"+{group}\n")

    def _tell(self, order: str) -> None:
        with suppress(OSError):  # it was killed: the next `mend` tells its successor everything
            self._orders.write(order)
            self._orders.flush()


class Output:
    """Lines with a name in front, on standard output. What nobody reads is dropped: no program waits for a reader."""

    def __init__(self, target: int = 1) -> None:
        self._target = target
        self._width = len("up")

    def fit(self, names: Iterable[str]) -> None:
        self._width = max(self._width, *(len(name) for name in names), 0)

    def pump(self, children: Iterable[_Child], seconds: float) -> None:
        """Pass on what the children write, waiting for it at most so long."""
        until = time.monotonic() + seconds
        with selectors.DefaultSelector() as waiting:
            for child in children:
                if (output := child.output) is not None:
                    waiting.register(output, selectors.EVENT_READ, child)
            while True:
                left = max(0.0, until - time.monotonic())
                if not waiting.get_map():
                    time.sleep(left)
                    return
                found = waiting.select(left)
                for key, _ in found:
                    if not self._pass_on(key.data, key.fd):
                        waiting.unregister(key.fd)
                if not found or not left:
                    return

    def line(self, name: str, text: bytes) -> None:
        prefix = f"{name:<{self._width}} | ".encode()
        with suppress(OSError, ValueError):
            if select.select([], [self._target], [], 0)[1]:
                os.write(self._target, prefix + text[: _LINE_LIMIT - len(prefix) - 1] + b"\n")

    def _pass_on(self, child: _Child, output: int) -> bool:
        """Read once; False at the end of the output."""
        try:
            read = os.read(output, _READ_SIZE)
        except BlockingIOError:
            return True
        *lines, child.unfinished_line = (child.unfinished_line + read).split(b"\n")
        if child.unfinished_line and (not read or len(child.unfinished_line) > _LINE_LIMIT):
            lines.append(child.unfinished_line)
            child.unfinished_line = b""
        for line in lines:
            self.line(child.program.name, line)
        return bool(read)


def answers(address: str) -> bool:
    """True if a GET of this http address is answered with a status under 400 within a second."""
    try:
        with urllib.request.urlopen(address, timeout=1) as answer:  # noqa: S310 - our own addresses
            return bool(answer.status < 400)
    except (OSError, ValueError):
        return False


def _path(environ: Mapping[str, str]) -> str:
    """Programs of our virtual environment are found without activating it."""
    return os.pathsep.join([str(Path(sys.executable).parent), environ.get("PATH", os.defpath)])


def _in_words(status: int) -> str:
    return f"status {status}" if status >= 0 else signal.Signals(-status).name
