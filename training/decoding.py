"""Image files, decoded to bytes of three colours. Every failure is an error of the file. Imports torch."""

import io
import os
import stat
import warnings
from functools import cache
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from torchvision.io import ImageReadMode, decode_jpeg
from torchvision.transforms.functional import pil_to_tensor

from ..errors import GeniusError
from ..printable import named

DECODING = (
    "the first frame, turned as its EXIF data says; grey, palettes, CMYK, YCbCr and LAB become RGB; what is "
    "transparent shows a grey of 128; 16-bit values are divided by 257, and floats from 0 to 1 multiplied by 255; "
    "colour profiles are left alone"
)
"""The decoding of an image file to bytes from 0 to 255, in words."""

# recognised by content, not by a file's name; Pillow has more formats, some of which start other programs
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "DIB", "PPM", "JPEG2000", "AVIF")
_BACKGROUND = 128  # on which neither black nor white drawings vanish
_TIFF = (b"II*\0", b"MM\0*")  # how each of them begins
_BITS_PER_SAMPLE, _SAMPLE_FORMAT, _SIGNED = 258, 339, 2  # its tags
_DARK = 16  # of 255: where no value of a deep image reaches it, 4 of its bits or more are not in use


def read_image(path: str) -> Tensor:
    """Read an image file as bytes of shape (3, height, width).

    Raises: GeniusError where it is no image, a broken image, or an image whose range of values is unknown.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would be waited for
            raise ValueError("it is no file")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # oddities of files that can be read
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _decode(Path(path).read_bytes())
    except Exception as error:  # decoders raise exceptions of every type: SyntaxError, struct.error, zlib.error, …
        raise GeniusError(f"{path!r} cannot be read as an image: {_reason(error)}") from error


def as_bytes(image: object) -> Tensor:
    """Return an image of Pillow's, or a tensor of bytes or of floats from 0 to 1, as bytes.

    The shape is (channels, height, width): one channel for what is grey, three for all else of Pillow's.
    Raises: ValueError for a value that is neither.
    """
    if isinstance(image, Image.Image):
        deep = 16 if image.mode[0] == "I" else 8
        plain = image.convert("L") if image.mode in ("1", "L") else _in_bytes(image, deep)
        return cast(Tensor, pil_to_tensor(plain))
    if not isinstance(image, Tensor):
        raise ValueError(f"it is neither Pillow's nor a tensor but {named(image)}")
    image = image[None] if image.dim() == 2 else image
    if image.dim() != 3:
        raise ValueError(f"its shape is {tuple(image.shape)}, not (channels, height, width)")
    if image.dtype == torch.uint8:
        return image
    if not image.dtype.is_floating_point or not 0 <= float(image.min()) <= float(image.max()) <= 1:
        raise ValueError(
            "its values are neither bytes nor floats from 0 to 1: leave normalisation out, it is done here"
        )
    return (image * 255).round().to(torch.uint8)


def _decode(content: bytes) -> Tensor:
    """Decode JPEG by torchvision, which is faster, and other formats by Pillow: a broken PNG crashes torchvision."""
    if not content:
        raise ValueError("it is empty")
    image = _open(content)
    if image.format in ("JPEG", "MPO") and image.mode in ("L", "RGB"):
        held = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        try:
            return cast(Tensor, decode_jpeg(held, ImageReadMode.RGB, apply_exif_orientation=True))
        except RuntimeError:
            pass  # Pillow knows more forms of JPEG, and names the fault
    ImageOps.exif_transpose(image, in_place=True)
    return cast(Tensor, pil_to_tensor(_in_bytes(image, _bits(image, content))))


def _open(content: bytes) -> Image.Image:
    """Read an image's header. Pillow refuses headers that claim an excessive number of pixels."""
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


def _bits(image: Image.Image, content: bytes) -> int:
    """Return the bits of a value in the file."""
    if image.format == "PNG":
        return content[24]  # of its first chunk
    tags = getattr(image, "tag_v2", {})
    if _SIGNED in tags.get(_SAMPLE_FORMAT, ()):
        raise ValueError(f"its values are signed integers, {_UNKNOWN}")
    deep = 16 if image.mode[0] == "I" else 8
    return int(max(tags.get(_BITS_PER_SAMPLE, (deep,))))


_UNKNOWN = "and nothing says where black and white are: save it with 8 or 16 bits"


def _in_bytes(image: Image.Image, bits: int) -> Image.Image:
    """Convert an image to RGB, its values scaled from their own range; `bits` are those of a value in the file."""
    if image.mode[0] in "IF":
        values = np.asarray(image)
        found = Image.fromarray(_of_floats(values) if image.mode == "F" else _of_integers(values, bits)).convert("RGB")
    elif image.has_transparency_data:
        background = Image.new("RGBA", image.size, (_BACKGROUND,) * 3)
        found = Image.alpha_composite(background, image.convert("RGBA")).convert("RGB")
    else:
        found = image.convert("RGB")
    if 8 < bits <= 16 and max(high for _, high in found.getextrema()) < _DARK:  # type: ignore[misc]
        raise ValueError(f"its {bits}-bit values keep to the darkest 1/16 of their range: scale it, or save 8 bits")
    return found


def _of_integers(values: npt.NDArray[np.integer], bits: int) -> npt.NDArray[np.uint8]:
    if bits > 16:
        raise ValueError(f"its values are {bits}-bit integers, {_UNKNOWN}")
    scaled: npt.NDArray[np.uint8] = np.rint(values * (255 / (2**bits - 1))).astype(np.uint8)
    return scaled


def _of_floats(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    low, high = float(values.min()), float(values.max())
    if not 0 <= low <= high <= 1:
        raise ValueError(f"its values are floats from {low:g} to {high:g}, where 0 to 1 is read: scale it")
    return np.rint(values * 255).astype(np.uint8)


def _reason(error: Exception) -> str:
    """Return the complaint of a decoder, or of the file system, in one line."""
    if isinstance(error, UnidentifiedImageError):
        return "it is of no known form"
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(said).split())
