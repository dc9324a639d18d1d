"""What a server that was killed left behind: processes, pid files, locks (reliability F-46)."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
_PATIENCE = 10.0


def end_processes(command: str, mark: str) -> None:
    """Kill every process of program `command` whose command line has `mark` in it, and wait until they are gone.

    Orphans of a killed postmaster hold its shared memory, so that no new one could start. There is nothing left that
    they could spoil: what was committed is in the log, and the next start reads it.
    """
    deadline = time.monotonic() + _PATIENCE
    while found := list(_processes(command, mark)):
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if time.monotonic() > deadline:
            return  # the server itself says in its log what is in its way
        time.sleep(0.01)


def _processes(command: str, mark: str) -> Iterator[int]:
    for folder in _PROC.iterdir() if _PROC.is_dir() else ():
        if not folder.name.isdigit():
            continue
        try:
            if (folder / "comm").read_text().strip() == command and mark.encode() in (folder / "cmdline").read_bytes():
                yield int(folder.name)
        except OSError:
            continue  # it ended meanwhile
