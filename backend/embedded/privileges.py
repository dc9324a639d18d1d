"""PostgreSQL refuses to run as root. Started by root it runs as an unprivileged user, for its own process only.

Nothing of the system is changed: no user is made and no folder's permission is loosened, although the project may lie
under a folder that only root may enter. Reading through such folders is lent to the process as one capability.
"""

import functools
import os
import pwd
import shutil
import subprocess
from pathlib import Path

from backend.embedded.places import CannotStart

_NOBODY = 65534
_LENDABLE = ("dac_read_search", "dac_override")
"""The least that lets a process through folders that are closed to it; containers often have only the second."""

_IMPOSSIBLE = (
    "PostgreSQL does not run as root and cannot be run as another user here:"
    " run as an ordinary user, or set DATABASE_URL."
)


def owner_for(home: Path) -> tuple[int, int] | None:
    """The user and group that PostgreSQL must run as, if we are root: who owns the data folder, else `nobody`."""
    if os.geteuid() != 0:
        return None
    if home.exists() and (found := home.stat()).st_uid != 0:
        return found.st_uid, found.st_gid
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return _NOBODY, _NOBODY
    return nobody.pw_uid, nobody.pw_gid


def give(folder: Path, owner: tuple[int, int] | None) -> None:
    """Let `owner` own the folder and what is in it (a backup restored by root belongs to root). Raises CannotStart."""
    if owner is None or folder.stat().st_uid == owner[0]:
        return
    try:
        for parent, _, files in os.walk(folder, topdown=False):
            for name in files:
                os.chown(Path(parent, name), *owner, follow_symlinks=False)
            os.chown(parent, *owner)
    except PermissionError as error:
        raise CannotStart(_IMPOSSIBLE) from error


def as_owner(owner: tuple[int, int] | None, binaries: Path, folder: Path, *, death: str | None = None) -> list[str]:
    """What to put before a command of PostgreSQL so that `owner` runs it: it must reach `binaries` and write `folder`.

    `death` names the signal that the process gets when its parent ends. Raises CannotStart.
    """
    if owner is None:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise CannotStart(
            "PostgreSQL does not run as root and `setpriv` is missing: run as an ordinary user, or set DATABASE_URL."
        )
    return [*_prefix(setpriv, owner, binaries, folder), *([f"--pdeathsig={death}"] if death else [])]


@functools.cache
def _prefix(setpriv: str, owner: tuple[int, int], binaries: Path, folder: Path) -> tuple[str, ...]:
    uid, gid = owner
    for capability in _LENDABLE:
        prefix = (
            setpriv,
            f"--reuid={uid}",
            f"--regid={gid}",
            "--clear-groups",
            # Otherwise access(2), with which PostgreSQL looks for its own programs, ignores what is lent.
            "--securebits=+no_setuid_fixup",
            "--no-new-privs",
            f"--inh-caps=-all,+{capability}",
            f"--ambient-caps=-all,+{capability}",
        )
        probe = subprocess.run(  # noqa: S603 - our own command
            [*prefix, "sh", "-c", 'cd "$1" && test -w . && "$2" --show -D "$1"', "sh", folder, binaries / "initdb"],
            cwd="/",
            capture_output=True,
            check=False,
        )
        if probe.returncode == 0:
            return prefix
    raise CannotStart(_IMPOSSIBLE)
