"""A user's JPEG or PNG made into the bot's video picture."""

from __future__ import annotations

import io
import warnings

import numpy as np
from PIL import Image, ImageOps

from rejoinder.errors import InvalidRequest
from rejoinder.media.frame import VIDEO_SIZE, Rgb

MAX_PIXELS = 40_000_000
"""A larger picture (8 K is 33 million) is refused before it is decoded: it would cost 120 MB and up."""


def picture(data: bytes, field: str) -> Rgb:
    """Decode, turn upright and fit into :data:`VIDEO_SIZE` on black.

    Raises :class:`InvalidRequest` naming ``field``.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise InvalidRequest(
                        f"{field}: the image has {image.width} x {image.height} pixels; at most {MAX_PIXELS} are taken",
                        field=field,
                        code="image_too_large",
                    )
                upright = ImageOps.exif_transpose(image)
                fitted = ImageOps.pad(_flat(upright), VIDEO_SIZE, color=(0, 0, 0))
    except InvalidRequest:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InvalidRequest(
            f"{field}: expected a JPEG or PNG image that can be decoded ({error})", field=field, code="invalid_image"
        ) from error
    return np.asarray(fitted, np.uint8)


def _flat(image: Image.Image) -> Image.Image:
    """Without transparency: a logo on a transparent ground is shown on white."""
    rgba = image.convert("RGBA")
    ground = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
    return Image.alpha_composite(ground, rgba).convert("RGB")
