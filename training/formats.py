"""The forms of image files that are read, and their headers. Does not load torch."""

import io
from functools import cache
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from .dataset import COLOURS, GREY

# recognised by content, not by a file's name; Pillow has more formats, some of which start other programs
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "DIB", "PPM", "JPEG2000", "AVIF")
_TIFF = (b"II*\0", b"MM\0*")  # how each of them begins


def open_image(content: bytes) -> Image.Image:
    """Read the header of an image file from its content.

    Raises: ValueError, and Pillow's errors, among them those for headers that claim an excessive number of pixels.
    """
    if not content:
        raise ValueError("it is empty")
    try:
        return Image.open(io.BytesIO(content), formats=_known())
    except UnidentifiedImageError:
        if content[:4] in _TIFF:
            raise ValueError("it is a TIFF of a kind that is not read: save it with 8 or 16 bits a colour") from None
        raise


@cache
def _known() -> list[str]:
    Image.init()
    return [name for name in _FORMATS if name in Image.OPEN]


def channels_of(image: Image.Image) -> int:
    """Return the channels of one of Pillow's images: 1 for all shades of grey, 3 for all else."""
    return GREY if image.mode in ("1", "L") or image.mode[0] in "IF" else COLOURS


def channels_among(paths: list[str]) -> int:
    """Return 1 where all of these image files are grey, else 3; files that cannot be read tell nothing."""
    found = {_channels_in(path) for path in paths} - {0}
    return GREY if found == {GREY} else COLOURS


def side_among(paths: list[str]) -> int:
    """Return the side in pixels of these image files where all are squares of one size, else 0."""
    sizes = {_size_in(path) for path in paths} - {None}
    width, height = sizes.pop() or (0, 0) if len(sizes) == 1 else (0, 0)
    return width if width == height else 0


def _channels_in(path: str) -> int:
    image = _header_of(path)
    return 0 if image is None else channels_of(image)


def _size_in(path: str) -> tuple[int, int] | None:
    image = _header_of(path)
    return None if image is None else image.size


def _header_of(path: str) -> Image.Image | None:
    try:
        return open_image(Path(path).read_bytes())
    except MemoryError:
        raise
    except Exception:  # decoders raise exceptions of every type, and the file is named where it is read
        return None
