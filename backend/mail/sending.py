"""Handing a mail to the mail server of MAIL_URL.

`smtp://` speaks plainly and encrypts if a password is to be sent and the server can; `smtp+starttls://` insists on
encrypting, `smtps://` is encrypted from the first byte. `?from=rewards@shop.example` says where mails come from.
"""

import logging
import re
import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.policy import EmailPolicy
from email.utils import format_datetime
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from backend import clock
from backend.mail.messages import Message
from backend.platforms.base import Never, TryAgain

TIMEOUT_SECONDS = 10.0
_PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}
_LONGEST_ADDRESS = 320
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


class _Whole(UnstructuredHeader):
    """A header in one piece: Python would write an address longer than a line in =?utf-8?q?, which nobody reads there."""

    name: str

    def fold(self, *, policy: EmailPolicy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


_headers = HeaderRegistry()
for _name in ("list-unsubscribe", "list-id"):
    _headers.map_to_type(_name, _Whole)  # type: ignore[arg-type]  # the registry makes it a BaseHeader
_POLICY = SMTP_POLICY.clone(header_factory=_headers)

log = logging.getLogger(__name__)

Post = Callable[[EmailMessage], None]
"""Sends one letter. Raises TryAgain or Never."""


@dataclass(frozen=True)
class MailServer:
    """What MAIL_URL says. `sender` is the address that mails come from."""

    scheme: str
    host: str
    port: int
    user: str | None
    password: str | None
    sender: str

    @classmethod
    def from_url(cls, url: str, base_url: str) -> "MailServer":
        """Read an address that `Config` has checked. Without `?from=` mails come from no-reply at our own host."""
        parts = urlsplit(url)
        host = urlsplit(base_url).hostname or "localhost"
        return cls(
            scheme=parts.scheme,
            host=parts.hostname or "localhost",
            port=parts.port or _PORTS[parts.scheme],
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            sender=parse_qs(parts.query).get("from", [f"no-reply@{host}"])[0],
        )


@dataclass(frozen=True)
class Letterhead:
    """Whose mail it is. `list_name` is what mail programs sort by; with `unsubscribe_url` they offer one click (RFC 8058)."""

    from_address: str
    from_name: str
    list_name: str
    unsubscribe_url: str | None = None

    @property
    def host(self) -> str:
        return self.from_address.rpartition("@")[2]


def letter(message: Message, *, to_address: str, to_name: str | None, head: Letterhead, key: str) -> EmailMessage:
    """The message with its headers. `key` says which mail it is: the same key makes the same Message-ID.

    Raises Never for an address that is none.
    """
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = _address(head.from_address, head.from_name)
    mail["To"] = _address(to_address, to_name)
    mail["Subject"] = _printable(message.subject)
    mail["Date"] = format_datetime(clock.wall())
    mail["Message-ID"] = f"<{sha256(key.encode()).hexdigest()[:40]}@{head.host}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["List-Id"] = f"<{head.list_name}.{head.host}>"
    if head.unsubscribe_url is not None:
        mail["List-Unsubscribe"] = f"<{head.unsubscribe_url}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail.set_content(message.text, cte="quoted-printable")
    mail.add_alternative(message.html, subtype="html", cte="quoted-printable")
    return mail


@contextmanager
def postbox(server: MailServer | None) -> Iterator[Post]:
    """A line to the mail server for as many letters as one likes; connects at the first, again after a break.

    Without a server (demo and tests only) a letter is written to the log and counts as sent.
    """
    if server is None:
        yield _to_the_log
        return
    line = _Line(server)
    try:
        yield line.post
    finally:
        line.hang_up()


class _Line:
    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._smtp: smtplib.SMTP | None = None

    def post(self, mail: EmailMessage) -> None:
        if self._smtp is not None and not self._is_alive(self._smtp):
            self.hang_up()
        if self._smtp is None:
            try:
                self._smtp = _connect(self._server)
            except (smtplib.SMTPException, OSError) as error:
                raise TryAgain(f"The mail server cannot be used: {_name_of(error)}") from error
        try:
            self._smtp.send_message(mail)
        except (smtplib.SMTPException, OSError) as error:
            raise _worth(error) from error
        except BaseException:  # the line may stand in the middle of a letter
            self.hang_up()
            raise

    def hang_up(self) -> None:
        """Close without ceremony: QUIT would wait for an answer."""
        if self._smtp is not None:
            self._smtp.close()
            self._smtp = None

    @staticmethod
    def _is_alive(smtp: smtplib.SMTP) -> bool:
        try:
            return smtp.noop()[0] == 250
        except (smtplib.SMTPException, OSError):
            return False


def _connect(server: MailServer) -> smtplib.SMTP:
    own_name = server.sender.rpartition("@")[2]  # given, because smtplib would ask the DNS for it
    tls = ssl.create_default_context()
    smtp: smtplib.SMTP
    if server.scheme == "smtps":
        smtp = smtplib.SMTP_SSL(server.host, server.port, own_name, timeout=TIMEOUT_SECONDS, context=tls)
    else:
        smtp = smtplib.SMTP(server.host, server.port, own_name, timeout=TIMEOUT_SECONDS)
    try:
        smtp.ehlo_or_helo_if_needed()
        can = smtp.has_extn("starttls")
        if server.scheme == "smtp+starttls" or (server.scheme == "smtp" and server.password and can):
            smtp.starttls(context=tls)
        if server.user is not None:
            smtp.login(server.user, server.password or "")
    except BaseException:
        smtp.close()
        raise
    return smtp


def _worth(error: Exception) -> TryAgain | Never:
    """What a failure is worth: never again if the server refuses this reader or this letter for good."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            code, said = next(iter(error.recipients.values()))
            refused = f"The mail server refused the address: {code} {_said(said)}"
            return Never(refused) if code >= 500 else TryAgain(refused)
        case smtplib.SMTPNotSupportedError():
            return Never(f"The mail server cannot take this address or letter: {error}")
        case smtplib.SMTPDataError() if error.smtp_code >= 500:
            return Never(f"The mail server refused the letter: {error.smtp_code} {_said(error.smtp_error)}")
        case smtplib.SMTPResponseException():
            return TryAgain(f"The mail server said {error.smtp_code} {_said(error.smtp_error)}")
        case _:
            return TryAgain(f"The mail server did not take the letter: {_name_of(error)}")


def _name_of(error: Exception) -> str:
    return _printable(f"{type(error).__name__}: {error}")[:200]


def _said(answer: Any) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else str(answer)
    return _printable(text)[:200]


def _printable(text: str) -> str:
    return _CONTROL.sub(" ", text).strip()


def _address(address: str, name: str | None) -> Address:
    try:
        local, _, domain = address.rpartition("@")
        spec = f"{local}@{domain if domain.isascii() else domain.encode('idna').decode()}"
        if len(spec) > _LONGEST_ADDRESS or _CONTROL.search(spec):
            raise ValueError
        return Address(display_name=_printable(name or ""), addr_spec=spec)
    except (ValueError, IndexError, MessageError):
        raise Never("The e-mail address is none.") from None


def _to_the_log(mail: EmailMessage) -> None:
    body = mail.get_body(("plain",))
    log.info("no MAIL_URL: not sent: %s: %s", mail["Subject"], body.get_content() if body is not None else "")
