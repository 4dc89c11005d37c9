"""Image files of every depth and mode: each is brought to bytes by its own range, or refused by name."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from genius.errors import GeniusError
from genius.training.decoding import read_image
from PIL import Image, ImageCms

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (30, 40, 3), dtype=np.uint8)
GREY = np.repeat(BYTES[:, :, :1], 3, 2)
DEEP = BYTES.astype(np.uint16) * 257 + RNG.integers(-128, 128, BYTES.shape)  # whose nearest bytes are those
DEEP = np.clip(DEEP, 0, 65535).astype(np.uint16)
SMOOTH = np.stack(np.broadcast_arrays(*np.ogrid[0:240:30j, 0:250:40j], 60.0), 2).astype(np.uint8)  # for lossy modes


def saved(image, form, **options):
    file = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(file, form, **options)
    return file.getvalue()


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(values, colour, depth=16, size=None, more=b""):
    """Write a PNG of 16 bits and several channels, which Pillow writes none of."""
    height, width = size or values.shape[:2]
    lines = b"".join(b"\0" + line.astype(f">u{depth // 8}").tobytes() for line in values)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + more + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def tiff(values, *, signed=None, order="<", bits=None):
    """Write a TIFF of one strip, as programs for measurements do."""
    height, width, *channels = values.shape
    samples = channels[0] if channels else 1
    data = values.astype(values.dtype.newbyteorder(order)).tobytes()
    shape = struct.pack(f"{order}{samples}H", *[bits or 8 * values.itemsize] * samples)
    tags = [(256, 4, width), (257, 4, height), (259, 3, 1), (262, 3, 2 if samples == 3 else 1), (273, 4, 8)]
    tags += [(277, 3, samples), (278, 4, height), (279, 4, len(data)), (258, 3, None)]
    tags += [(339, 3, signed)] if signed and samples == 1 else []
    tags.sort()
    at = 8 + len(data)
    behind = at + 2 + 12 * len(tags) + 4
    entries = b""
    for tag, kind, value in tags:
        number = samples if tag == 258 else 1
        if tag == 258:
            held = struct.pack(f"{order}I", behind) if samples > 2 else shape.ljust(4, b"\0")
        else:
            held = struct.pack(f"{order}{'H' if kind == 3 else 'I'}", value).ljust(4, b"\0")
        entries += struct.pack(f"{order}HHI", tag, kind, number) + held
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", at)
    return start + data + struct.pack(f"{order}H", len(tags)) + entries + bytes(4) + shape


def as_lab(image):
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    return ImageCms.applyTransform(Image.fromarray(image), ImageCms.buildTransform(*profiles, "RGB", "LAB"))


def read(tmp_path, content, name="image.png"):
    (tmp_path / name).write_bytes(content)
    return read_image(str(tmp_path / name)).permute(1, 2, 0).numpy()


def as_16_bits(form):
    return saved(DEEP[:, :, 0], form)


EXACT = {  # a level of 255 apart at most
    "16-bit grey PNG": (lambda: as_16_bits("PNG"), GREY),
    "16-bit grey TIFF": (lambda: as_16_bits("TIFF"), GREY),
    "16-bit grey TIFF, compressed": (lambda: saved(DEEP[:, :, 0], "TIFF", compression="tiff_lzw"), GREY),
    "16-bit grey TIFF, big-endian": (lambda: tiff(DEEP[:, :, 0], order=">"), GREY),
    "16-bit colour TIFF": (lambda: tiff(DEEP), BYTES),
    "16-bit colour TIFF, big-endian": (lambda: tiff(DEEP, order=">"), BYTES),
    "16-bit grey PGM": (lambda: as_16_bits("PPM"), GREY),
    "16-bit grey JPEG 2000": (lambda: as_16_bits("JPEG2000"), GREY),
    "10-bit grey PGM": (lambda: b"P5 40 30 1023\n" + (DEEP[:, :, 0] >> 6).astype(">u2").tobytes(), GREY),
    "10-bit colour PPM": (lambda: b"P6 40 30 1023\n" + (DEEP >> 6).astype(">u2").tobytes(), BYTES),
    "16-bit colour PNG": (lambda: png(DEEP, 2), BYTES),
    "16-bit grey PNG with alpha": (lambda: png(np.dstack([DEEP[:, :, 0], DEEP[:, :, 0] | 65535]), 4), GREY),
    "16-bit colour PNG with alpha": (lambda: png(np.dstack([DEEP, DEEP[:, :, 0] | 65535]), 6), BYTES),
    "float TIFF": (lambda: saved((BYTES[:, :, 0] / 255).astype(np.float32), "TIFF"), GREY),
    "CMYK TIFF": (lambda: saved(Image.fromarray(BYTES).convert("CMYK"), "TIFF"), BYTES),
    "RGBX BMP": (lambda: saved(Image.fromarray(BYTES).convert("RGBA"), "BMP"), BYTES),
    "lossless WebP": (lambda: saved(BYTES, "WEBP", lossless=True), BYTES),
    "grey with alpha": (lambda: saved(Image.fromarray(BYTES[:, :, 0]).convert("LA"), "PNG"), GREY),
    "1-bit": (lambda: saved(Image.fromarray(BYTES[:, :, 0] > 127), "PNG"), np.where(GREY > 127, 255, 0)),
    "1-bit TIFF": (lambda: saved(Image.fromarray(BYTES[:, :, 0] > 127), "TIFF"), np.where(GREY > 127, 255, 0)),
    "palette": (lambda: saved(Image.fromarray(BYTES // 128 * 255).quantize(8), "PNG"), BYTES // 128 * 255),
}


@pytest.mark.parametrize("form", EXACT)
def test_values_are_scaled_by_their_own_range(tmp_path, form):
    content, expected = EXACT[form]
    found = read(tmp_path, content())
    assert np.abs(found.astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    ("content", "apart"),
    [
        (lambda: saved(SMOOTH, "JPEG", quality=95), 12),
        (lambda: saved(Image.fromarray(SMOOTH).convert("CMYK"), "JPEG", quality=95), 12),
        (lambda: saved(Image.fromarray(SMOOTH).convert("YCbCr"), "TIFF"), 3),
        (lambda: saved(as_lab(SMOOTH), "TIFF"), 40),
        (lambda: saved(Image.fromarray(SMOOTH), "GIF"), 40),
        (lambda: saved(Image.fromarray(SMOOTH), "AVIF", quality=95), 16),
    ],
    ids=["JPEG", "CMYK JPEG", "YCbCr TIFF", "LAB TIFF", "GIF", "AVIF"],
)
def test_other_colours_become_rgb(tmp_path, content, apart):
    assert np.abs(read(tmp_path, content()).astype(int) - SMOOTH).max() <= apart


UNKNOWN = {
    "32-bit integers": (
        lambda: tiff(DEEP[:, :, 0].astype(np.uint32)),
        "its values are 32-bit integers, and nothing says",
    ),
    "signed 32 bits": (lambda: saved(DEEP[:, :, 0].astype(np.int32), "TIFF"), "its values are signed integers, and"),
    "signed 16 bits": (lambda: tiff(DEEP[:, :, 0].astype(np.int16), signed=2), "its values are signed integers, and"),
    "signed 8 bits": (lambda: tiff(BYTES[:, :, 0].astype(np.int8), signed=2), "its values are signed integers, and"),
    "doubles": (lambda: tiff(BYTES[:, :, 0] / 255, signed=3), "it is a TIFF of a kind that is not read: save it with"),
    "four bands": (lambda: tiff(np.dstack([DEEP, DEEP])), "it is a TIFF of a kind that is not read"),
    "floats to 255": (lambda: saved(np.float32(BYTES[:, :, 0]), "TIFF"), "floats from 0 to 255, where 0 to 1 is read"),
    "floats below 0": (lambda: saved(np.float32(BYTES[:, :, 0] - 0.5), "TIFF"), "where 0 to 1 is read: scale it"),
    "not a number": (lambda: saved(np.full((3, 3), np.nan, np.float32), "TIFF"), "floats from nan to nan"),
    "bytes in 16 bits": (lambda: saved(np.uint16(BYTES[:, :, 0]), "PNG"), "its 16-bit values keep to the darkest 1/16"),
    "bytes in 16-bit colours": (lambda: png(np.uint16(BYTES), 2), "its 16-bit values keep to the darkest 1/16"),
    "11 bits in 16": (lambda: tiff(np.uint16(DEEP >> 5)), "scale it, or save 8 bits"),
    "a program for another program": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "of no known form"),
    "a web page": (lambda: b"<html><body>404 Not Found</body></html>", "it is of no known form"),
    "nothing": (lambda: b"", "it is empty"),
    "half of a TIFF": (lambda: tiff(DEEP)[:1000], ""),
    "half of a GIF": (lambda: saved(BYTES, "GIF")[:300], ""),
    "half of a WebP": (lambda: saved(BYTES, "WEBP")[:300], ""),
    "more pixels than memory": (lambda: png(np.zeros((1, 1)), 0, 8, size=(60_000, 60_000)), "decompression bomb"),
    "a large JPEG of few bytes": (
        lambda: saved(BYTES, "JPEG").replace(struct.pack(">HH", 30, 40), struct.pack(">HH", 65000, 65000), 1),
        "decompression bomb",
    ),
}


@pytest.mark.parametrize("what", UNKNOWN)
def test_what_has_no_range_or_is_no_image_is_refused_by_name(tmp_path, what):
    content, reason = UNKNOWN[what]
    with pytest.raises(GeniusError) as caught:
        read(tmp_path, content(), "odd.jpg")
    assert str(caught.value).startswith(f"'{tmp_path / 'odd.jpg'}' cannot be read as an image: ")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_transparent_shows_grey(tmp_path):
    """On it neither black nor white drawings vanish, and colours that nobody sees do not count."""
    alpha = np.where(np.arange(40) < 20, 0, 255).astype(np.uint8) * np.ones((30, 1), np.uint8)
    expected = np.where(alpha[:, :, None] > 0, BYTES, 128)
    assert (read(tmp_path, saved(np.dstack([BYTES, alpha]), "PNG")) == expected).all()
    assert (read(tmp_path, saved(np.dstack([BYTES, alpha]), "WEBP", lossless=True, exact=True)) == expected).all()
    paletted = Image.fromarray(np.uint8(alpha > 0) * 3 + np.uint8(0), "P")
    paletted.putpalette([250, 0, 0, 1, 1, 1, 2, 2, 2, 0, 0, 250])
    expected = np.where(alpha[:, :, None] > 0, [0, 0, 250], 128)
    assert (read(tmp_path, saved(paletted, "PNG", transparency=0)) == expected).all()
    assert (read(tmp_path, saved(paletted, "GIF", transparency=0)) == expected).all()
    red = np.where(alpha[:, :, None] > 0, [0, 0, 250], [250, 0, 0]).astype(np.uint8)
    assert (read(tmp_path, saved(red, "PNG", transparency=(250, 0, 0))) == expected).all()


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_several_frames_the_first_is_read(tmp_path, form):
    first, second = (Image.new("RGB", (20, 10), colour) for colour in ((250, 0, 0), (0, 250, 0)))
    options = {} if form == "TIFF" else {"duration": 100}
    options |= {"lossless": True} if form == "WEBP" else {}
    found = read(tmp_path, saved(first, form, save_all=True, append_images=[second], **options))
    assert (found == [250, 0, 0]).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_turned_as_viewers_turn_them(tmp_path, orientation):
    marked = np.zeros((16, 24, 3), np.uint8)
    marked[:8, :8] = 255
    exif = Image.Exif()
    exif[274] = orientation
    corner = [(0, 0), (0, 1), (1, 1), (1, 0), (0, 0), (0, 1), (1, 1), (1, 0)][orientation - 1]
    for form in ("JPEG", "PNG", "TIFF", "WEBP"):
        found = read(tmp_path, saved(marked, form, exif=exif, quality=95))
        assert found.shape == ((16, 24, 3) if orientation < 5 else (24, 16, 3))
        seen = found if corner[0] == 0 else found[::-1]
        seen = seen if corner[1] == 0 else seen[:, ::-1]
        assert seen[:6, :6].min() > 200, form
        assert np.median(seen[10:, 10:]) < 50, form


def test_profiles_are_left_alone_and_extensions_may_lie(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    assert (read(tmp_path, saved(BYTES, "PNG", icc_profile=profile), "photo.JPG") == BYTES).all()
    assert (read(tmp_path, saved(BYTES, "TIFF"), "photo.gif") == BYTES).all()


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(GeniusError, match="it is no file"):
        read_image(str(tmp_path / "pipe.jpg"))


def test_colour_jpegs_are_read_the_same_by_both_decoders(tmp_path):
    """Torchvision reads them here, and Pillow reads them at whoever was sent a bundle."""
    content = saved(SMOOTH, "JPEG", quality=80)
    assert np.abs(read(tmp_path, content).astype(int) - np.array(Image.open(io.BytesIO(content)))).max() <= 1
