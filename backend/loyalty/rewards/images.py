"""Pictures that merchants upload: checked, decoded whole, and written anew, so that nothing but pixels is kept.

What an uploaded file says of itself is not believed. It is opened as JPEG or PNG whatever its name, its dimensions are
judged before a pixel is decoded, and what is kept is our own encoding of the pixels: no EXIF (a phone writes where it
was), no comment, no colour profile, no bytes after the end. See reliability section 4, "Image upload".
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from io import BytesIO

from PIL import ExifTags, Image, UnidentifiedImageError
from sqlalchemy import text

from backend import db
from backend.errors import BadInput
from backend.ledger.posting import AnySession

MAX_BYTES = 2 * 1024 * 1024
"""Of an upload, and of what we make of it. A door refuses a longer body before it reads it."""
BANNER_SIZE = (1920, 400)
"""The widest and highest banner that is allowed (S3.15)."""
BRAND_SIZE = (1200, 1200)

_CONTENT_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png"}
_JPEG_QUALITY = 90
_PNG_LEVEL = 3
"""Of zlib. Noise of few colours at the largest size costs 0.3 s; at Pillow's own 6 it would be 1.8 s."""
_MAX_SCANS = 50
"""Of a progressive JPEG; the usual ones have about ten. Each costs a pass over the whole picture, and 2 MiB could hold
70,000."""
_PNG_BEGINS = b"\x89PNG\r\n\x1a\n"
_MAX_CHUNKS = 4096
_NEEDED_CHUNKS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"eXIf", b"acTL", b"fcTL", b"fdAT"})
"""Pixels, the way up, and what betrays an animation. The others are not even unpacked: a kilobyte of text or colour
profile unpacks to a megabyte, and 2 MiB hold two thousand of them."""

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns a picture upright, by its EXIF orientation."""

# For the whole process, because a filter for one block would be seen by the other threads too.
warnings.simplefilter("error", Image.DecompressionBombWarning)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that is safe to show to anybody: our own encoding."""

    content_type: str
    content: bytes
    width: int
    height: int

    @property
    def id(self) -> str:
        """The SHA-256 of the content in hex: the same picture has the same id."""
        return sha256(self.content).hexdigest()


def banner(content: bytes) -> Picture:
    """A campaign's banner: JPEG or PNG, at most 1920 x 400 once upright (S3.15).

    Raises BadInput with one sentence for anything else.
    """
    return _checked(content, BANNER_SIZE)


def brand_picture(content: bytes) -> Picture:
    """The picture of a reward's brand (S0.35): JPEG or PNG, at most 1200 x 1200. Raises BadInput like `banner`."""
    return _checked(content, BRAND_SIZE)


def keep(session: AnySession, shop_id: int, picture: Picture, now: datetime) -> str:
    """Store the picture for the shop, once however often it comes, and return its id."""
    session.execute(
        text(
            "insert into image (shop_id, id, content_type, content, width, height, created_at)"
            " values (:shop_id, :id, :content_type, :content, :width, :height, :now) on conflict do nothing"
        ),
        {
            "shop_id": shop_id,
            "id": picture.id,
            "content_type": picture.content_type,
            "content": picture.content,
            "width": picture.width,
            "height": picture.height,
            "now": now,
        },
    )
    return picture.id


def find(shop_id: int, image_id: str) -> Picture | None:
    """The shop's picture with this id, or None: another shop's is not found."""
    row = db.one_statement(
        "select content_type, content, width, height from image where shop_id = %(shop_id)s and id = %(id)s",
        {"shop_id": shop_id, "id": image_id},
    )
    return None if row is None else Picture(**row)


def path(widget_key: str, image_id: str) -> str:
    """Where everybody can see the shop's picture, under our own address."""
    return f"/widget/v1/images/{widget_key}/{image_id}"


def _checked(content: bytes, largest: tuple[int, int]) -> Picture:
    if not content:
        raise BadInput("The file is empty.")
    if len(content) > MAX_BYTES:
        raise BadInput(f"The file has {len(content):,} bytes; at most {MAX_BYTES:,} are allowed.")
    try:
        picture = _written_anew(content, largest)
    except BadInput:
        raise
    except UnidentifiedImageError:
        raise BadInput("The file is not a JPEG or PNG picture.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large(largest) from None
    except Exception:  # a decoder that meets a made-up file raises anything: struct.error, SyntaxError, KeyError …
        raise BadInput("The file is a damaged picture.") from None
    if len(picture.content) > MAX_BYTES:
        raise BadInput(f"The picture has more than {MAX_BYTES:,} bytes once it is written anew.")
    return picture


def _written_anew(content: bytes, largest: tuple[int, int]) -> Picture:
    if content.startswith(_PNG_BEGINS):
        content = _PNG_BEGINS + b"".join(_needed_chunks(content))
    elif content.count(b"\xff\xda") > _MAX_SCANS:
        raise BadInput("The picture is made of too many layers; save it as a plain JPEG.")
    with Image.open(BytesIO(content), formats=("JPEG", "PNG")) as image:
        kind = "PNG" if image.format == "PNG" else "JPEG"
        lying = image.size[::-1]  # it may be turned, which is known once it is decoded
        if not (_fits(image.size, largest) or _fits(lying, largest)):
            raise _too_large(largest)
        if getattr(image, "n_frames", 1) > 1:
            raise BadInput("The file holds more than one picture; animations are not allowed.")
        image.load()
        turn = _UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
        upright = _pixels(image, kind)
    if turn is not None:
        upright = upright.transpose(turn)
    if not _fits(upright.size, largest):
        raise _too_large(largest)
    written = BytesIO()
    if kind == "PNG":
        upright.save(written, "PNG", compress_level=_PNG_LEVEL)
    else:
        upright.save(written, "JPEG", quality=_JPEG_QUALITY)
    return Picture(_CONTENT_TYPES[kind], written.getvalue(), *upright.size)


def _needed_chunks(content: bytes) -> Iterator[bytes]:
    """The chunks of a PNG that make its pixels. Ends after IEND, whatever follows."""
    begins = len(_PNG_BEGINS)
    for _ in range(_MAX_CHUNKS):
        length, kind = int.from_bytes(content[begins : begins + 4]), content[begins + 4 : begins + 8]
        ends = begins + 12 + length
        if len(kind) < 4 or ends > len(content):
            raise BadInput("The file is a damaged picture: its end is missing.")
        if kind in _NEEDED_CHUNKS:
            yield content[begins:ends]
        if kind == b"IEND":
            return
        begins = ends
    raise BadInput(f"The file is cut into more than {_MAX_CHUNKS:,} pieces; save it as a plain PNG.")


def _pixels(image: Image.Image, kind: str) -> Image.Image:
    """A copy in a mode that every browser shows, with nothing besides its pixels and what they need to be read."""
    if image.mode == "P" and kind == "PNG":  # spelled out, it would be three times as large
        palette = image.copy()
        palette.info = {key: value for key, value in image.info.items() if key == "transparency"}
        return palette
    if image.mode.startswith("I"):  # 16 bits of grey: the upper eight
        plain = image.convert("I").point(lambda grey: grey * (1 / 256)).convert("L")
    elif kind == "PNG" and image.has_transparency_data:
        plain = image.convert("RGBA")
    else:
        plain = image.convert("L" if image.mode in ("1", "L") else "RGB")
    plain.info = {}  # a comment or a transparent colour in here would be saved too
    return plain


def _fits(size: tuple[int, int], largest: tuple[int, int]) -> bool:
    return size[0] <= largest[0] and size[1] <= largest[1]


def _too_large(largest: tuple[int, int]) -> BadInput:
    return BadInput(f"The picture is too large: at most {largest[0]} x {largest[1]} pixels are allowed.")
