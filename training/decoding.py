"""Image files, decoded: whatever is wrong with one is the file's fault and names it. Imports torch."""

import io
from pathlib import Path
from typing import cast

import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torchvision.io import ImageReadMode, decode_jpeg
from torchvision.transforms.functional import pil_to_tensor

from ..spaces.errors import GeniusError

_JPEG = b"\xff\xd8\xff"  # how each of them begins


def read_image(path: str) -> Tensor:
    """Read an image file as bytes of shape (3, height, width).

    Raises: GeniusError where it is none, or a broken one.
    """
    try:
        return _decode(Path(path).read_bytes())
    except Exception as error:  # decoders raise whatever comes: SyntaxError, struct.error, zlib.error, ...
        raise GeniusError(f"{path!r} cannot be read as an image: {_reason(error)}") from error


def _decode(content: bytes) -> Tensor:
    """Decode by torchvision what it decodes faster, by Pillow all else; a broken PNG ends torchvision's process."""
    if not content:
        raise ValueError("it is empty")
    if content.startswith(_JPEG):
        try:
            return cast(Tensor, decode_jpeg(torch.frombuffer(bytearray(content), dtype=torch.uint8), ImageReadMode.RGB))
        except RuntimeError:
            pass  # Pillow knows more forms of JPEG, and says what is wrong
    image = Image.open(io.BytesIO(content))
    if image.mode[0] in "IF":
        raise ValueError("its pixels have more than 8 bits a colour")
    return cast(Tensor, pil_to_tensor(image.convert("RGB")))


def _reason(error: Exception) -> str:
    """Say in one line what a decoder, or the file system, complained about."""
    if isinstance(error, UnidentifiedImageError):
        return "it is of no known form"
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(said).split())
