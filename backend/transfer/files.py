"""Files in the database: a transfer's bytes in pieces of 1 MiB, read and written in order, never as a whole."""

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import text

from backend.ledger.posting import AnySession

PIECE = 1024 * 1024

Read = Callable[[int], bytes | None]
"""The piece of that number, or None behind the last."""


def write(session: AnySession, shop_id: int, transfer_id: int, number: int, content: bytes) -> None:
    """Keep one piece. All but the last have `PIECE` bytes, so that any position is found."""
    session.execute(
        text(
            "insert into transfer_chunk (shop_id, transfer_id, number, content) values (:shop, :transfer, :number, :content)"
        ),
        {"shop": shop_id, "transfer": transfer_id, "number": number, "content": content},
    )


def reader(session: AnySession, shop_id: int, transfer_id: int) -> Read:
    """Reads the pieces within this session."""

    def read(number: int) -> bytes | None:
        found: bytes | None = session.execute(
            text(
                "select content from transfer_chunk where shop_id = :shop and transfer_id = :transfer and number = :number"
            ),
            {"shop": shop_id, "transfer": transfer_id, "number": number},
        ).scalar()
        return found

    return read


def pieces(read: Read, position: int = 0) -> Iterator[bytes]:
    """The file's bytes from `position` on."""
    number, skipped = divmod(position, PIECE)
    while (piece := read(number)) is not None:
        yield piece[skipped:] if skipped else piece
        number, skipped = number + 1, 0


def lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The lines in these blocks with their ends: LF, CRLF or a lone CR."""
    rest = b""
    for block in blocks:
        found = (rest + block).splitlines(keepends=True)
        # the last line may go on in the next block, and so may a CRLF
        rest = found.pop() if found and not found[-1].endswith(b"\n") else b""
        yield from found
    if rest:
        yield rest


def in_pieces(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in blocks of `PIECE`."""
    kept = bytearray()
    for block in blocks:
        kept += block
        while len(kept) >= PIECE:
            yield bytes(kept[:PIECE])
            del kept[:PIECE]
    if kept:
        yield bytes(kept)


def drop(session: Any, shop_id: int, transfer_id: int) -> None:
    """Forget the bytes."""
    session.execute(
        text("delete from transfer_chunk where shop_id = :shop and transfer_id = :transfer"),
        {"shop": shop_id, "transfer": transfer_id},
    )
