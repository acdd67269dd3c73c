"""Image bytes to upright sRGB pixels, or to a small file of them, with Pillow.

Loaded in a decoding child only.
"""

from __future__ import annotations

import io
import json
import warnings

import pi_heif
from PIL import (
    AvifImagePlugin,
    Image,
    ImageCms,
    ImageFile,
    UnidentifiedImageError,
    WebPImagePlugin,  # noqa: F401 - registers itself, which spares loading all 43
)

from shared.decoding.blurhash import blurhash_of
from shared.decoding.colors import colors_of
from shared.decoding.exif import exif_of
from shared.decoding.likeness import SIDE_PX, hash_of
from shared.decoding.protocol import SHOWN_QUALITY, Form
from shared.errors import BadImageError

# Pillow opens 43 formats; each is code that reads what strangers send.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF")

_MOST_SCANNED_PX = 2**30
"""How many pixels a JPEG's scans may go over altogether: 16 scans of 64 megapixels. Progressive
ones have about ten; a thousand, each of a few bytes, would take minutes."""

_SCAN = b"\xff\xda"

_ORIENTATION = 0x0112  # the EXIF tag
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_ON_ITS_SIDE = (5, 6, 7, 8)

_SAVED: dict[Form, dict[str, int | bool]] = {
    Form.JPEG: {"quality": 80, "progressive": True, "optimize": True},
    Form.WEBP: {"quality": 80, "method": 4},
    Form.SHOWN: {"quality": SHOWN_QUALITY},
}

_SRGB = ImageCms.createProfile("sRGB")


def prepare() -> None:
    """Load the decoders of all formats, and make them quiet and single-threaded.

    A thread costs address space (its stack, its arena), which is limited here,
    and one core a child is what makes the number of children a sizing.
    """
    Image.preinit()
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    pi_heif.register_heif_opener(
        thumbnails=False, depth_images=False, aux_images=False, decode_threads=1
    )
    warnings.simplefilter("ignore")
    # Pillow warns up to twice the limit, and fails beyond: here the limit is the limit.
    warnings.simplefilter("error", Image.DecompressionBombWarning)


def decode(
    data: bytes, *, form: Form, longest_side_px: int, max_pixels: int
) -> tuple[int, int, bytes]:
    """Return width, height and the picture as `form`: for pixels, `height * width * 3` bytes.

    For a photo, the facts follow it.

    The longest side is at most `longest_side_px`; a smaller image keeps its size.
    Of an animation, the first frame. Raises `BadImageError`, and `MemoryError`
    where a library ran out of memory, however it said so.
    """
    # Pillow holds the header's size against this before it decodes, and again
    # where a format can grow later (a GIF's frame outside its canvas).
    Image.MAX_IMAGE_PIXELS = max_pixels
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            _check_scans(image, data)
            original = image.size
            picture = _picture(image, longest_side_px)
            body = _written(picture, form)
            if form in (Form.PHOTO, Form.SHOWN):
                end = b"" if form is Form.PHOTO else b"\n"
                body += end + json.dumps(_facts(image, original, picture)).encode()
            return picture.width, picture.height, body
    except (MemoryError, BadImageError):
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise BadImageError(f"the image has more than {max_pixels} pixels") from None
    except UnidentifiedImageError:
        raise BadImageError("the file is not an image that can be read") from None
    except Exception as error:  # noqa: BLE001 - broken files raise SyntaxError, struct.error, …
        raise _reason(error) from None


def _reason(error: Exception) -> Exception:
    # Never the library's own words: they may quote the file.
    said = str(error).lower()
    if "memory" in said:
        return MemoryError()
    if isinstance(error, EOFError) or "truncated" in said:
        return BadImageError("the image data ends too early")
    return BadImageError("the image data is damaged, or takes too much memory")


def _check_scans(image: ImageFile.ImageFile, data: bytes) -> None:
    if image.format == "JPEG":
        scanned_px = image.width * image.height * data.count(_SCAN)
        if scanned_px > _MOST_SCANNED_PX:
            raise BadImageError("the image has too many scans for its size")


def _picture(image: ImageFile.ImageFile, longest_side_px: int) -> Image.Image:
    size = _fitted(image.size, longest_side_px)
    # Of JPEG only: decode at 1/2, 1/4 or 1/8. A size of another aspect would turn it off, and so
    # would 342 lines of 683: what is rounded up here may be a pixel less.
    image.draft(None, (max(1, size[0] - 1), max(1, size[1] - 1)))
    image.load()
    if max(image.size) <= longest_side_px:
        size = image.size  # as wanted, or a pixel beside it, for which not all need be scaled
    orientation = _orientation(image)
    small = _scalable(image).resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    if orientation in _TURNS:
        small = small.transpose(_TURNS[orientation])
    return _srgb(small, image.info.get("icc_profile"))


def _facts(
    image: Image.Image, original: tuple[int, int], picture: Image.Image
) -> dict[str, object]:
    """Return the facts of a photo: `image`, of the size `original`, as it lies in its file."""
    width, height = original
    if _orientation(image) in _ON_ITS_SIDE:
        width, height = height, width
    small = picture.resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX, reducing_gap=1.5)
    smaller = small.reduce(2)  # as good for what is vague, in half the time
    return {
        "width": width,
        "height": height,
        "colors": colors_of(smaller),
        "phash": hash_of(small),
        "blurhash": blurhash_of(smaller, wide=width >= height),
        **exif_of(image),
    }


def _written(picture: Image.Image, form: Form) -> bytes:
    if form in (Form.PIXELS, Form.PHOTO):
        return picture.tobytes()
    picture.info.clear()  # of the original: a comment would go with it
    file = io.BytesIO()
    picture.save(file, "WEBP" if form is Form.WEBP else "JPEG", **_SAVED[form])
    return file.getvalue()


def _fitted(size: tuple[int, int], longest_side_px: int) -> tuple[int, int]:
    scale = min(1.0, longest_side_px / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - broken EXIF is common, and the picture is still good
        return 1


def _scalable(image: Image.Image) -> Image.Image:
    """Return `image` in a mode that can be scaled smoothly: L, LA, RGB, RGBA or CMYK."""
    if image.mode.startswith("I"):  # grey of 16 bits, which convert() would clip and not scale
        return image.convert("I").point([level >> 8 for level in range(0x10000)], "L")
    if image.mode in ("LA", "RGBA"):
        return image
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")


def _srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if image.mode in ("LA", "RGBA"):
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    if profile and image.mode in ("RGB", "CMYK"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, _SRGB, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            converted = None  # a broken profile: the colours as they are
        if converted is not None:
            return converted
    return image.convert("RGB")
