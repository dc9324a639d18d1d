"""Links with which members unsubscribe: signed, for one member of one shop and for this alone. They never end."""

import hashlib
import hmac
import re
from collections.abc import Sequence

from itsdangerous import BadData, Signer

from backend.errors import NotFound

PATH = "/unsubscribe"
_PURPOSE = b"lagniappe unsubscribe link"
_MEMBER = re.compile(rb"([1-9][0-9]{0,17})-([1-9][0-9]{0,17})")


class UnsubscribeLinks:
    """Makes and reads links with SECRET_KEY: the first key signs, all of them verify.

    Whoever holds a link can do one thing: turn the mails of this member off and on.
    """

    def __init__(self, keys: Sequence[str], base_url: str) -> None:
        self._signer = Signer(
            [
                hmac.digest(key.encode(), _PURPOSE, "sha256") for key in reversed(keys)
            ],  # itsdangerous signs with the last
            key_derivation="none",  # done here
            digest_method=hashlib.sha256,
        )
        self._base_url = base_url

    def url(self, shop_id: int, member_id: int) -> str:
        return f"{self._base_url}{PATH}/{self._signer.sign(f'{shop_id}-{member_id}').decode()}"

    def read(self, token: str) -> tuple[int, int]:
        """The shop and the member of a link's last part. Raises NotFound for everything that is none of ours."""
        try:
            said = _MEMBER.fullmatch(self._signer.unsign(token))
        except (BadData, UnicodeEncodeError):
            said = None
        if said is None:
            raise NotFound()
        return int(said[1]), int(said[2])
