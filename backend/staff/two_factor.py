"""The second factor: codes of an authenticator app (RFC 6238, by pyotp), and recovery codes for who has lost it."""

import hmac
import secrets
from datetime import datetime
from hashlib import sha256

import pyotp
import segno
from sqlalchemy import func, update

from backend.errors import BadInput
from backend.ledger.posting import AnySession
from backend.models import Staff
from backend.staff import letters, team_log
from backend.vault import vault

ISSUER = "Lagniappe"
RECOVERY_CODES = 10
_PURPOSE = "totp"
_STEP_SECONDS = 30
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that look alike


def new_secret(shop_id: int) -> str:
    """A secret that nobody has yet, sealed: a form may carry it until its owner shows a code."""
    return vault().seal(pyotp.random_base32(), shop_id=shop_id, purpose=_PURPOSE)


def shown(sealed: str, shop_id: int, *, email: str, shop_name: str) -> tuple[str, str]:
    """The secret as one types it, and as a picture (SVG) that authenticator apps read."""
    secret = vault().open(sealed, shop_id=shop_id, purpose=_PURPOSE)
    address = pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=f"{ISSUER} {shop_name}".replace(":", " "))
    picture = segno.make(address, error="m").svg_inline(
        scale=5, dark="#000", light="#fff", title="QR code for your authenticator app", lineclass="", svgclass="qr"
    )
    return " ".join(secret[at : at + 4] for at in range(0, len(secret), 4)), picture


def turn_on(session: AnySession, person: Staff, sealed: str, code: str, now: datetime, wall: datetime) -> list[str]:
    """From now on it is asked for. Returns the recovery codes, which are shown only now. Raises BadInput."""
    step = _step_of(vault().open(sealed, shop_id=person.shop_id, purpose=_PURPOSE), "".join(code.split()), wall)
    if step is None:
        raise _wrong("This is not the app's code of this moment. Check the clock of your phone, and type the next one.")
    person.totp_secret, person.totp_step = sealed, step
    codes = ["-".join(_random(5) for _ in range(2)) for _ in range(RECOVERY_CODES)]
    person.recovery_codes = [_hash(each) for each in codes]
    team_log.note(session, person.shop_id, now, person.name, "two_factor_on")
    _tell(session, person, "two_factor_on", wall)
    return codes


def turn_off(session: AnySession, person: Staff, now: datetime, wall: datetime, *, author: str | None = None) -> None:
    """A password is enough again. `author` is somebody else who does it for who has lost the app and the codes."""
    if person.totp_secret is None:
        return
    person.totp_secret, person.recovery_codes = None, []
    if author is None:
        team_log.note(session, person.shop_id, now, person.name, "two_factor_off")
    else:
        team_log.note(session, person.shop_id, now, author, "two_factor_reset", person.name)
    _tell(session, person, "two_factor_off", wall)


def is_right(session: AnySession, person: Staff, code: str, wall: datetime) -> bool:
    """Whether the code of the app, or one of the recovery codes, is theirs; it is used up with that."""
    typed = "".join(code.split()).lower()
    if typed.isdigit():
        assert person.totp_secret is not None
        step = _step_of(vault().open(person.totp_secret, shop_id=person.shop_id, purpose=_PURPOSE), typed, wall)
        return step is not None and _take(session, person, Staff.totp_step < step, totp_step=step)
    used = _hash(typed)
    left = func.array_remove(Staff.recovery_codes, used)
    if not _take(session, person, Staff.recovery_codes.contains([used]), recovery_codes=left):
        return False
    _tell(session, person, "recovery_code", wall)
    return True


def _take(session: AnySession, person: Staff, is_unused, **change) -> bool:  # type: ignore[no-untyped-def]
    """In one statement: two who use the same code at once are one."""
    of_theirs = (Staff.shop_id == person.shop_id, Staff.id == person.id, is_unused)
    taken = session.execute(
        update(Staff).where(*of_theirs).values(**change).returning(Staff.id),
        execution_options={"synchronize_session": False},
    )
    return taken.scalar() is not None


def _step_of(secret: str, code: str, wall: datetime) -> int | None:
    """Which step of half a minute the code belongs to: this one, the one before or the next, as clocks differ."""
    now = int(wall.timestamp()) // _STEP_SECONDS
    one = pyotp.TOTP(secret)
    for step in (now, now - 1, now + 1):
        if hmac.compare_digest(one.generate_otp(step).encode(), code.strip().encode()):
            return step
    return None


def _tell(session: AnySession, person: Staff, what: str, wall: datetime) -> None:
    letters.write_to(session, person.shop_id, person.id, "account_changed", f"{what}:{wall.isoformat()}", what=what)


def _random(characters: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(characters))


def _hash(code: str) -> bytes:
    """Fifty random bits, tried five times in a quarter of an hour: SHA-256 is enough."""
    return sha256(code.replace("-", "").encode()).digest()


def _wrong(message: str) -> BadInput:
    return BadInput(message, [{"field": "code", "message": message}])
