"""Getting a peer: downloaded once into a folder that git ignores, and again when its list of packages has changed."""

import hashlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmarks.processes import ROOT

KEPT = ROOT / ".lagniappe-bench"
_PATIENCE = 900.0


class Absent(Exception):
    """This peer cannot run here; the text says why. Whatever else is measured goes on without it."""


def installed(name: str, project: Path, commands: Sequence[Sequence[str | Path]]) -> Path:
    """The folder that holds the peer, with the project's files. Raises Absent if it cannot be got."""
    folder = KEPT / name
    files = sorted(each for each in project.iterdir() if each.is_file())
    wanted = hashlib.sha256(b"".join(each.read_bytes() for each in files)).hexdigest()
    stamp = folder / ".installed"
    if stamp.exists() and stamp.read_text() == wanted:
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    for each in files:
        (folder / each.name).write_bytes(each.read_bytes())
    for command in commands:
        run(command, folder, os.environ, f"{name} cannot be installed")
    stamp.write_text(wanted)
    return folder


def run(command: Sequence[str | Path], folder: Path, environ: "os._Environ[str] | dict[str, str]", trouble: str) -> str:
    """What the command printed. Raises Absent, with the end of what it complained about."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Absent(f"{trouble}: {error}") from None
    if done.returncode:
        raise Absent(f"{trouble}: {' '.join((done.stderr or done.stdout).split())[-300:]}")
    return done.stdout
