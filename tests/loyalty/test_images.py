"""Uploaded pictures (S3.15, S0.35; reliability "Image upload"): hostile files are refused or come out clean, quickly."""

import struct
import time as machine_time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from backend import clock
from backend.db import db, transaction
from backend.errors import BadInput
from backend.loyalty.rewards import images
from backend.loyalty.rewards.images import MAX_BYTES, Picture, banner, brand_picture
from tests.conftest import TestShop

PNG_BEGINS = b"\x89PNG\r\n\x1a\n"
SCRIPT = b"<script>alert(1)</script>"
RED, BLUE = (200, 0, 0), (0, 0, 200)


def drawn(width: int = 40, height: int = 20, mode: str = "RGB") -> Image.Image:
    """A picture whose left half is red and whose right half is blue."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height))
    return image.convert(mode)


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def png(**options: object) -> bytes:
    return saved(drawn(), "PNG", **options)


def jpeg(**options: object) -> bytes:
    return saved(drawn(), "JPEG", **options)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width: int, height: int, *chunks: bytes, bits: int = 8, colours: int = 2) -> bytes:
    """A PNG with the header of that size and these chunks, whether or not they make a picture."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colours, 0, 0, 0))
    return PNG_BEGINS + header + b"".join(chunks) + chunk(b"IEND", b"")


def exif(orientation: int = 1) -> Image.Exif:
    """What a phone writes: which way is up, and where it was."""
    written = Image.Exif()
    written[0x0112] = orientation
    written[0x010F] = "MakerOfPhones"
    written.get_ifd(0x8825)[1] = "N"
    written.get_ifd(0x8825)[2] = (48.0, 51.0, 24.0)
    return written


def opened(picture: Picture) -> Image.Image:
    image = Image.open(BytesIO(picture.content))
    image.load()
    return image


@contextmanager
def quickly(seconds: float = 1.0) -> Iterator[None]:
    """The processor's time, so that a busy machine fails nothing."""
    begun = machine_time.process_time()
    yield
    assert machine_time.process_time() - begun < seconds


def refusal(content: bytes, check: Callable[[bytes], Picture] = banner) -> str:
    with quickly(), pytest.raises(BadInput) as caught:
        check(content)
    assert caught.value.detail.endswith(".")
    return caught.value.detail


# What is allowed


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_s3_15_a_banner_is_a_jpg_or_png_of_at_most_1920_x_400(format: str) -> None:
    with quickly():
        picture = banner(saved(drawn(1920, 400), format))
    assert (picture.width, picture.height) == (1920, 400)
    assert picture.content_type == f"image/{format.lower()}"
    assert opened(picture).format == format
    assert opened(picture).size == (1920, 400)


@pytest.mark.parametrize("size", [(1921, 400), (1920, 401), (400, 1920), (1921, 1), (1, 401)])
def test_a_banner_that_is_larger_in_either_direction_is_refused(size: tuple[int, int]) -> None:
    for format in ("PNG", "JPEG"):
        assert refusal(saved(drawn(*size), format)) == (
            "The picture is too large: at most 1920 x 400 pixels are allowed."
        )


def test_s0_35_a_brand_s_picture_may_be_square() -> None:
    assert brand_picture(saved(drawn(1200, 1200), "PNG")).height == 1200
    assert refusal(saved(drawn(1201, 10), "PNG"), brand_picture) == (
        "The picture is too large: at most 1200 x 1200 pixels are allowed."
    )


def test_pixels_stay_what_they_were() -> None:
    kept = opened(banner(png()))
    assert kept.tobytes() == drawn().tobytes()
    red, green, blue = opened(banner(jpeg(quality=95))).getpixel((5, 10))
    assert red > 180
    assert max(green, blue) < 20


# What is refused


@pytest.mark.parametrize("format", ["GIF", "BMP", "TIFF", "WEBP", "ICO", "PPM", "TGA", "PCX"])
def test_another_format_is_refused_whatever_its_name_would_say(format: str) -> None:
    assert refusal(saved(drawn(), format)) == "The file is not a JPEG or PNG picture."


@pytest.mark.parametrize(
    "content",
    [
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b"<html><body>a picture</body></html>",
        b"%PDF-1.7\n",
        b"PK\x03\x04" + b"\0" * 100,
        b"GIF89a" + png(),
        b"\0" * 1000,
        b"\xff",
    ],
)
def test_a_file_that_is_no_picture_is_refused(content: bytes) -> None:
    assert refusal(content) == "The file is not a JPEG or PNG picture."


def test_nothing_at_all_is_refused() -> None:
    assert refusal(b"") == "The file is empty."


def test_a_file_over_two_mebibytes_is_refused_unopened() -> None:
    assert refusal(png() + b"\0" * MAX_BYTES) == (
        f"The file has {len(png()) + MAX_BYTES:,} bytes; at most 2,097,152 are allowed."
    )


def test_a_picture_that_grows_over_the_limit_once_it_is_written_anew_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    grey = Image.effect_noise((1000, 1000), 100).point(lambda value: value // 32 * 32)
    noise = Image.merge("RGB", [grey, grey.rotate(90), grey.rotate(180)])
    content = saved(noise, "JPEG", quality=50)
    assert len(content) < MAX_BYTES
    assert brand_picture(content).width == 1000
    monkeypatch.setattr(images, "MAX_BYTES", len(content))
    assert "once it is written anew" in refusal(content, brand_picture)


@pytest.mark.filterwarnings("error::PIL.Image.DecompressionBombWarning")  # as the module says; pytest has its own
@pytest.mark.parametrize(
    "size", [(50_000, 50_000), (20_000, 20_000), (9_500, 9_500), (2**31 - 1, 2**31 - 1), (1920, 2**31 - 1), (0, 0)]
)
def test_a_bomb_is_refused_before_a_pixel_is_unpacked(size: tuple[int, int]) -> None:
    row = zlib.compress(b"\0" * 10_000_000, 9)
    with quickly(0.3):
        refusal(png_of(*size, chunk(b"IDAT", row)))


def test_a_jpeg_that_claims_to_be_huge_is_refused() -> None:
    content = bytearray(jpeg())
    frame = content.index(b"\xff\xc0")
    content[frame + 5 : frame + 9] = struct.pack(">HH", 65_500, 65_500)
    assert "too large" in refusal(bytes(content))


def test_more_pixel_data_than_pixels_is_not_unpacked() -> None:
    packing = zlib.compressobj(9)
    rows = packing.compress((b"\0" + b"\xc8\0\0" * 40) * 20) + packing.flush(zlib.Z_FULL_FLUSH)
    more = packing.compress(b"\0" * 10_000_000) + packing.flush(zlib.Z_FULL_FLUSH)
    content = png_of(40, 20, chunk(b"IDAT", rows + more * 150))
    assert len(content) < MAX_BYTES
    with quickly(0.3):
        picture = banner(content)
    assert len(picture.content) < 1000


@pytest.mark.parametrize("kind", [b"iCCP", b"zTXt", b"iTXt"])
def test_text_and_profiles_of_a_png_are_not_unpacked(kind: bytes) -> None:
    packed = zlib.compress(b"\0" * 1_000_000, 9)
    bomb = chunk(kind, b"name\0" + (b"\1\0\0\0" if kind == b"iTXt" else b"\0") + packed)
    rows = zlib.compress((b"\0" + b"\xc8\0\0" * 40) * 20)
    content = png_of(40, 20, *[bomb] * 1900, chunk(b"IDAT", rows))
    assert len(content) < MAX_BYTES
    with quickly(0.3):
        assert len(banner(content).content) < 1000


def test_a_png_in_too_many_pieces_is_refused() -> None:
    content = png_of(40, 20, *[chunk(b"IDAT", b"")] * 100_000)
    with quickly(0.3):
        assert "pieces" in refusal(content)


def test_a_jpeg_of_very_many_layers_is_refused() -> None:
    content = saved(drawn(1920, 400), "JPEG", progressive=True)
    scan = content.rindex(b"\xff\xda")
    layers = content[:scan] + content[scan:-2] * 100 + content[-2:]
    with quickly(0.3):
        assert "layers" in refusal(layers)
    assert banner(content).width == 1920


def test_a_jpeg_of_as_many_layers_as_are_allowed_is_decoded_in_time() -> None:
    content = saved(drawn(1200, 1200), "JPEG", progressive=True)
    scan = content.rindex(b"\xff\xda")
    layers = images._MAX_SCANS - content.count(b"\xff\xda")
    with quickly(2):
        brand_picture(content[:scan] + content[scan:-2] * layers + content[scan:])


@pytest.mark.parametrize("content", [png(), jpeg(), saved(drawn(), "JPEG", progressive=True)])
def test_a_file_that_was_cut_off_is_refused(content: bytes) -> None:
    for share in (0.05, 0.3, 0.5, 0.7, 0.9):
        assert "picture" in refusal(content[: int(len(content) * share)])


def test_missing_pixel_data_is_refused() -> None:
    half = zlib.compress((b"\0" + b"\xc8\0\0" * 40) * 10)
    for content in (
        png_of(40, 20),
        png_of(40, 20, chunk(b"IDAT", b"")),
        png_of(40, 20, chunk(b"IDAT", half[:-8])),
    ):
        assert refusal(content) == "The file is a damaged picture."


def test_rows_that_the_pixel_data_ends_without_are_black() -> None:
    """Zero, not what the memory held before."""
    half = zlib.compress((b"\0" + b"\xc8\0\0" * 40) * 10)
    kept = opened(banner(png_of(40, 20, chunk(b"IDAT", half))))
    assert kept.tobytes() == b"\xc8\0\0" * 40 * 10 + b"\0\0\0" * 40 * 10


def test_a_wrong_checksum_is_refused() -> None:
    content = bytearray(png())
    content[content.index(b"IDAT") + 10] ^= 1
    assert refusal(bytes(content)) == "The file is a damaged picture."


def test_an_animated_png_is_refused() -> None:
    content = png(save_all=True, append_images=[drawn().rotate(180)], duration=100)
    assert refusal(content) == "The file holds more than one picture; animations are not allowed."


def test_a_jpeg_of_several_pictures_is_refused() -> None:
    content = saved(drawn(), "MPO", save_all=True, append_images=[drawn().rotate(180)])
    assert refusal(content) == "The file holds more than one picture; animations are not allowed."


# What comes out clean


@pytest.mark.parametrize("content", [png(), jpeg()])
def test_what_follows_the_end_is_dropped(content: bytes) -> None:
    clean = banner(content).content
    assert banner(content + SCRIPT).content == clean
    assert banner(content + b"PK\x03\x04" + SCRIPT * 1000).content == clean


def test_comments_texts_and_profiles_are_dropped() -> None:
    texts = PngInfo()
    texts.add_text("Comment", SCRIPT.decode())
    texts.add_itxt("XML:com.adobe.xmp", SCRIPT.decode())
    for content in (
        png(pnginfo=texts, icc_profile=SCRIPT, exif=exif()),
        jpeg(comment=SCRIPT, icc_profile=SCRIPT, exif=exif(), xmp=SCRIPT),
    ):
        clean = banner(content).content
        for trace in (SCRIPT, b"MakerOfPhones", b"Exif", b"eXIf", b"iCCP", b"ICC_PROFILE", b"tEXt", b"adobe"):
            assert trace not in clean
        assert not opened(banner(content)).getexif()
        assert not {"comment", "icc_profile", "exif", "xmp", "Comment"} & opened(banner(content)).info.keys()


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_picture_is_turned_upright_before_that_is_forgotten(orientation: int, format: str) -> None:
    image = Image.new("RGB", (40, 20), BLUE)
    image.paste(RED, (0, 0, 20, 10))  # the corner that is at the left above
    back = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    lying = image if back is None else image.transpose(back)
    picture = banner(saved(lying, format, exif=exif(orientation), **({"quality": 95} if format == "JPEG" else {})))
    assert (picture.width, picture.height) == (40, 20)
    kept = opened(picture)
    assert 0x0112 not in kept.getexif()
    for place, red in (((3, 3), True), ((36, 3), False), ((3, 16), False), ((36, 16), False)):
        assert (kept.getpixel(place)[0] > 128) is red


def test_the_limit_of_a_banner_is_that_of_the_upright_picture() -> None:
    assert banner(saved(drawn(400, 1920), "JPEG", exif=exif(6))).width == 1920
    assert "too large" in refusal(saved(drawn(1920, 400), "JPEG", exif=exif(6)))
    assert "too large" in refusal(saved(drawn(400, 1920), "JPEG", exif=exif(3)))


def test_an_orientation_that_there_is_not_means_none() -> None:
    assert banner(saved(drawn(), "JPEG", exif=exif(99))).width == 40


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow tells what it thinks of each
def test_damaged_exif_is_refused_or_dropped_and_never_an_error_of_ours() -> None:
    whole = jpeg(exif=exif(6))
    begins = whole.index(b"Exif\0\0") + 6
    for place in range(begins, begins + 60):
        for value in (0, 0x7F, 0xFF):
            content = whole[:place] + bytes([value]) + whole[place + 1 :]
            with suppress(BadInput):
                assert not opened(banner(content)).getexif()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_a_png_of_every_mode_is_shown_as_it_is(mode: str) -> None:
    image = Image.new("I;16", (40, 20), 0x8000) if mode == "I;16" else drawn(mode=mode)
    kept = opened(banner(saved(image, "PNG")))
    assert kept.mode in ("L", "P", "RGB", "RGBA")
    if mode == "I;16":
        assert set(kept.tobytes()) == {0x80}
    elif mode != "1":
        assert kept.convert("RGB").tobytes() == image.convert("RGB").tobytes()


def test_a_png_of_sixteen_bits_a_colour_keeps_the_upper_eight() -> None:
    rows = zlib.compress((b"\0" + b"\xc8\x12\0\x34\0\x56" * 40) * 20)
    kept = opened(banner(png_of(40, 20, chunk(b"IDAT", rows), bits=16)))
    assert kept.getpixel((0, 0)) == (0xC8, 0, 0)


def test_transparency_is_kept() -> None:
    glass = drawn(mode="RGBA")
    glass.putalpha(77)
    assert opened(banner(saved(glass, "PNG"))).getpixel((0, 0)) == (*RED, 77)
    palette = drawn(mode="P")
    red = palette.getpixel((0, 0))
    kept = opened(banner(saved(palette, "PNG", transparency=red))).convert("RGBA")
    assert kept.getpixel((0, 0))[3] == 0
    assert kept.getpixel((39, 0))[3] == 255
    assert opened(banner(saved(drawn(), "PNG", transparency=RED))).getpixel((0, 0))[3] == 0
    assert opened(banner(saved(drawn(), "PNG", transparency=RED))).getpixel((39, 0)) == (*BLUE, 255)


def test_a_jpeg_for_print_becomes_one_for_screens() -> None:
    kept = opened(banner(saved(drawn(mode="CMYK"), "JPEG", quality=95)))
    assert kept.mode == "RGB"
    red, green, blue = kept.getpixel((5, 10))
    assert red > 150
    assert max(green, blue) < 60


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(deadline=None)
@given(st.sampled_from([png(), jpeg(exif=exif(6)), png(exif=exif(8))]), st.data())
def test_a_file_with_any_bytes_changed_is_refused_or_comes_out_clean(content: bytes, data: st.DataObject) -> None:
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    try:
        picture = banner(bytes(changed))
    except BadInput as error:
        assert error.detail.endswith(".")
    else:
        assert banner(picture.content).width == picture.width
        assert b"MakerOfPhones" not in picture.content


def test_what_was_written_anew_is_a_picture_that_is_allowed_again() -> None:
    once = banner(png(exif=exif(6)) + SCRIPT)
    assert banner(once.content) == once


# Kept once, found by its content


def test_a_picture_is_kept_once_and_found_by_its_content(shop: TestShop) -> None:
    picture = banner(png())
    with transaction() as session:
        first = images.keep(session, shop.id, picture, clock.now())
    with transaction() as session:
        assert images.keep(session, shop.id, banner(png() + SCRIPT), clock.now()) == first
        assert session.execute(db.text("select count(*) from image where shop_id = :s"), {"s": shop.id}).scalar() == 1
    assert first == sha256(picture.content).hexdigest()
    assert images.find(shop.id, first) == picture


def test_another_shop_s_picture_is_not_found(shop: TestShop, new_shop: Callable[..., TestShop]) -> None:
    with transaction() as session:
        kept = images.keep(session, shop.id, banner(jpeg()), clock.now())
    assert images.find(new_shop().id, kept) is None
    assert images.find(shop.id, "0" * 64) is None
