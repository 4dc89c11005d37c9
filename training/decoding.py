"""Images, decoded to bytes of one shade of grey or of three colours. Imports torch."""

import os
import stat
import warnings
from collections.abc import Sequence
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
from .dataset import COLOURS, GREY
from .formats import open_image

DECODING = (
    "the first frame, turned as its EXIF data says; grey, palettes, CMYK, YCbCr and LAB become RGB, or grey where "
    "one channel is read; transparent pixels show a grey of 128; 16-bit values are divided by 257, and floats from 0 "
    "to 1 multiplied by 255; colour profiles are left alone"
)
"""The decoding of an image file to bytes from 0 to 255, in words."""

_BACKGROUND = 128  # on which neither black nor white drawings vanish
_BITS_PER_SAMPLE, _SAMPLE_FORMAT, _SIGNED = 258, 339, 2  # its tags
_DARK = 16  # of 255: where no value of a deep image reaches it, 4 of its bits or more are not in use


def read_image(path: str, channels: int = COLOURS) -> Tensor:
    """Read an image file as bytes of shape (channels, height, width), grey or coloured.

    Raises: GeniusError where it is no image, a broken image, or an image whose range of values is unknown.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would be waited for
            raise ValueError("it is no file")
        return as_bytes(Path(path).read_bytes(), channels)
    except Exception as error:  # decoders raise exceptions of every type: SyntaxError, struct.error, zlib.error, …
        raise GeniusError(f"{path!r} cannot be read as an image: {unreadable(error)}") from error


def as_bytes(image: object, channels: int) -> Tensor:
    """Return an image as bytes of shape (channels, height, width).

    It is the content of an image file or an image of Pillow's, which become grey or coloured, or an array or a tensor
    of bytes, of 16 bits without a sign, or of floats from 0 to 1, whose channels stay.

    Raises: ValueError for a value that is none of these, and every error of a decoder.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # oddities of files that can be read
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        if isinstance(image, bytes):
            return _decode(image, channels)
        if isinstance(image, Image.Image):
            return _plain(image, 16 if image.mode[0] == "I" else 8, channels)
    found = _of_array(image)
    if len(found) != channels:
        raise ValueError(f"it has {len(found)} channels, and {channels} are read")
    return found


def _of_array(image: object) -> Tensor:
    if not isinstance(image, np.ndarray | Tensor):
        raise ValueError(f"it is neither Pillow's nor a tensor but {named(image)}")
    values = np.asarray(image)
    values = values[None] if values.ndim == 2 else values
    if values.ndim != 3:
        raise ValueError(f"its shape is {values.shape}, not (channels, height, width)")
    if values.dtype == np.uint16:
        values = _of_integers(values, 16)
        _check_range(16, [(0, int(values.max()))])
    elif values.dtype.kind == "f" and 0 <= values.min() <= values.max() <= 1:
        values = np.rint(values * 255).astype(np.uint8)
    if values.dtype != np.uint8:
        raise ValueError(
            "its values are neither bytes, nor 16 bits without a sign, nor floats from 0 to 1: leave normalisation "
            "out, it is done here"
        )
    return torch.from_numpy(np.ascontiguousarray(values))


def _decode(content: bytes, channels: int) -> Tensor:
    """Decode JPEG by torchvision, which is faster, and other formats by Pillow: a broken PNG crashes torchvision."""
    image = open_image(content)
    if image.format in ("JPEG", "MPO") and image.mode in ("L", "RGB"):
        held = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        mode = ImageReadMode.GRAY if channels == GREY else ImageReadMode.RGB
        try:
            return cast(Tensor, decode_jpeg(held, mode, apply_exif_orientation=True))
        except RuntimeError:
            pass  # Pillow knows more forms of JPEG, and names the fault
    ImageOps.exif_transpose(image, in_place=True)
    return _plain(image, _bits(image, content), channels)


def _plain(image: Image.Image, bits: int, channels: int) -> Tensor:
    if channels not in (GREY, COLOURS):
        raise ValueError(f"it is a picture, which is grey or has three colours, and {channels} channels are read")
    return cast(Tensor, pil_to_tensor(_in_bytes(image, bits, "L" if channels == GREY else "RGB")))


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


def _in_bytes(image: Image.Image, bits: int, mode: str) -> Image.Image:
    """Convert an image to RGB or L, its values scaled from their own range; `bits` are those of a value in the file."""
    if image.mode[0] in "IF":
        values = np.asarray(image)
        found = Image.fromarray(_of_floats(values) if image.mode == "F" else _of_integers(values, bits))
    elif image.has_transparency_data:
        background = Image.new("RGBA", image.size, (_BACKGROUND,) * 3)
        found = Image.alpha_composite(background, image.convert("RGBA")).convert("RGB")
    else:
        found = image
    found = found.convert(mode)
    _check_range(bits, [band.getextrema() for band in found.split()])  # type: ignore[misc]
    return found


def _check_range(bits: int, extrema: Sequence[tuple[int, int]]) -> None:
    """Refuse deep values that were scaled to bytes, and of which the highest is too low: they do not fill their bits.

    Raises: ValueError.
    """
    if 8 < bits <= 16 and max(high for _, high in extrema) < _DARK:
        raise ValueError(f"its {bits}-bit values keep to the darkest 1/16 of their range: scale it, or save 8 bits")


def _of_integers(values: npt.NDArray[np.integer], bits: int) -> npt.NDArray[np.uint8]:
    if bits > 16 or values.min() < 0 or values.max() >= 2**16:
        raise ValueError(f"its values are {bits if bits > 16 else 32}-bit integers, {_UNKNOWN}")
    scaled: npt.NDArray[np.uint8] = np.rint(values * (255 / (2**bits - 1))).astype(np.uint8)
    return scaled


def _of_floats(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    low, high = float(values.min()), float(values.max())
    if not 0 <= low <= high <= 1:
        raise ValueError(f"its values are floats from {low:g} to {high:g}, where 0 to 1 is read: scale it")
    return np.rint(values * 255).astype(np.uint8)


def unreadable(error: Exception) -> str:
    """Return the complaint of a decoder, or of the file system, in one line."""
    if isinstance(error, UnidentifiedImageError):
        return "it is of no known form"
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(said).split())
