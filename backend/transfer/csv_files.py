"""Reading CSV files as they come: any usual encoding, comma, semicolon or tab, quoted line ends, from any position on.

Nothing here fails for a bad row: it comes with what is wrong with it, and the next one is read.
"""

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass

from backend.transfer import files

MAX_BYTES = 100_000_000
LONGEST_CELL = 100_000
_LONGEST_ROW_BYTES = 1_000_000
"""A quotation mark that is never closed ends here, not with the file."""
_BOM = b"\xef\xbb\xbf"
DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True)
class Row:
    """One record. `line` is where it begins in the file, from 1; `ends` the position of the byte behind it."""

    line: int
    lines: int
    ends: int
    cells: tuple[str, ...]
    wrong: str | None = None

    @property
    def is_empty(self) -> bool:
        return self.wrong is None and not any(cell.strip() for cell in self.cells)


class Arriving:
    """An upload on its way into the database: UTF-16 becomes UTF-8, anything else stays and is recognised.

    Ask `encoding` once everything has gone through.
    """

    def __init__(self) -> None:
        self.encoding = "utf-8"
        self._utf_16: codecs.IncrementalDecoder | None = None
        self._proof = codecs.getincrementaldecoder("utf-8")()
        self._has_begun = False

    def through(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        for block in blocks:
            yield self._take(block)
        yield self._take(b"", final=True)

    def _take(self, block: bytes, final: bool = False) -> bytes:
        if not self._has_begun and block:
            self._has_begun = True
            if block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                self._utf_16 = codecs.getincrementaldecoder("utf-16")(errors="replace")
        if self._utf_16 is not None:
            return self._utf_16.decode(block, final).encode(errors="replace")
        if self.encoding == "utf-8":
            try:
                self._proof.decode(block, final)
            except UnicodeDecodeError:
                self.encoding = "cp1252"
        return block


def guess_delimiter(first_line: str) -> str:
    """What parts the columns of a heading: whichever of the usual ones parts it most."""
    return max(DELIMITERS, key=lambda sign: (first_line.count(sign), -DELIMITERS.index(sign)))


def rows(read: files.Read, encoding: str, delimiter: str, position: int = 0, line: int = 0) -> Iterator[Row]:
    """The records from a position between two of them on; `line` lines stand before it.

    Where a quotation mark is never closed only the line that opens it is lost: the next one is read as a row.
    """
    source = _Lines(read, encoding, position)
    parsed = csv.reader(source, delimiter=delimiter, strict=True)
    while True:
        source.begin_row()
        wrong: str | None = None
        cells: list[str] = []
        try:
            cells = next(parsed)
        except StopIteration:
            return
        except (csv.Error, _TooLongError) as error:
            several = len(source.taken) > 1
            wrong = "A quotation mark is never closed." if several else f"The row cannot be read: {error}."
            source.taken = source.taken[:1]
        if wrong is None and any("\0" in cell for cell in cells):
            wrong = "The row holds a NUL character."
        elif wrong is None and any(len(cell) > LONGEST_CELL for cell in cells):
            wrong = f"A cell has more than {LONGEST_CELL:,} characters."
        begins, taken = line + 1, source.taken
        position, line = position + sum(taken), line + len(taken)
        yield Row(begins, len(taken), position, () if wrong else tuple(cells), wrong)
        if wrong is not None:
            source = _Lines(read, encoding, position)
            parsed = csv.reader(source, delimiter=delimiter, strict=True)


class _TooLongError(Exception):
    pass


class _Lines:
    """Lines as text. `taken` are the lengths of those that csv has asked for since the row began."""

    def __init__(self, read: files.Read, encoding: str, position: int) -> None:
        self.taken: list[int] = []
        self._size = 0
        self._encoding = encoding
        self._source = files.lines(files.pieces(read, position))

    def __iter__(self) -> "_Lines":
        return self

    def begin_row(self) -> None:
        self.taken, self._size = [], 0

    def __next__(self) -> str:
        try:
            raw = next(self._source)
        except StopIteration:
            raise StopIteration from None
        self.taken.append(len(raw))
        self._size += len(raw)
        if self._size > _LONGEST_ROW_BYTES and len(self.taken) > 1:
            raise _TooLongError
        text = raw.removeprefix(_BOM).decode(self._encoding, errors="replace")
        return text[:-1] + "\n" if text.endswith("\r") else text
