"""Single pictures: JPEG where something may be lost, PNG where nothing may."""

from __future__ import annotations

import struct
from functools import lru_cache

import av
import numpy as np
import simplejpeg

from acoustill.errors import AcoustillError

JPEG, PNG = b"\xff\xd8", b"\x89PNG"
MOST_PIXELS = 1 << 26


def encode_picture(rgb: np.ndarray, quality: int | None) -> bytes:
    """A picture as a file: JPEG of a quality from 1 to 100, or PNG, which loses nothing, for None.

    Shapes:
        rgb: (h, w, 3) uint8.
    """
    rgb = np.ascontiguousarray(rgb)
    if quality is not None:
        return simplejpeg.encode_jpeg(rgb, quality=quality, colorspace="RGB", colorsubsampling="420")
    codec = av.CodecContext.create("png", "w")
    codec.width, codec.height, codec.pix_fmt = rgb.shape[1], rgb.shape[0], "rgb24"
    codec.options = {"compression_level": "1"}
    packets = [*codec.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")), *codec.encode(None)]
    return b"".join(bytes(packet) for packet in packets)


def decode_picture(picture: bytes, name: str, smallest: tuple[int, int] | None = None) -> np.ndarray:
    """The pixels of a JPEG or PNG file.

    Args:
        picture: the file.
        name: of the picture, for the message.
        smallest: (rows, columns) that are enough. A JPEG is then decoded straight to the smallest multiple of an eighth
            of its size that has as many, which is faster than decoding all of it.

    Shapes:
        Output: (h, w, 3) uint8 RGB; not smaller than the picture, or than `smallest` where the picture is larger.

    Raises:
        AcoustillError: if it is broken, cut short, or neither.
    """
    try:
        if picture.startswith(JPEG):
            height, width = simplejpeg.decode_jpeg_header(picture)[:2]
            _check_size(height, width)
            rows, columns = smallest or (height, width)
            return simplejpeg.decode_jpeg(picture, colorspace="RGB", min_height=rows, min_width=columns)
        if picture.startswith(PNG):
            return _decode_png(picture)
    except (ValueError, RuntimeError, struct.error, av.FFmpegError) as error:
        raise AcoustillError(f"{name} is broken ({error})") from error
    raise AcoustillError(f"{name} is broken (neither JPEG nor PNG)")


def resize_picture(rgb: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A picture brought to a size: means over areas where it shrinks, linear interpolation where it grows.

    All of the picture is kept, so a place at the same fraction of rows and columns shows the same thing.

    Args:
        rgb: the picture.
        shape: (rows, columns) wanted.

    Shapes:
        rgb: (h, w, 3) uint8.
        Output: (rows, columns, 3) uint8.
    """
    if rgb.shape[:2] == shape:
        return rgb
    over_rows = np.tensordot(_weights(rgb.shape[0], shape[0]), rgb.astype(np.float32), axes=1)
    resized = np.tensordot(_weights(rgb.shape[1], shape[1]), over_rows, axes=(1, 1)).transpose(1, 0, 2)
    return np.ascontiguousarray(np.rint(resized).clip(0, 255).astype(np.uint8))


@lru_cache(maxsize=32)
def _weights(old: int, new: int) -> np.ndarray:
    """(new, old) weights of one axis; each row sums to 1."""
    step = old / new
    if old >= new:
        edges, pixels = np.arange(new + 1)[:, None] * step, np.arange(old)
        overlap = np.minimum(edges[1:], pixels + 1) - np.maximum(edges[:-1], pixels)
        return (overlap.clip(0) / step).astype(np.float32)
    centres = ((np.arange(new) + 0.5) * step - 0.5).clip(0, old - 1)
    return (1 - np.abs(centres[:, None] - np.arange(old))).clip(0).astype(np.float32)


def _check_size(rows: int, columns: int) -> None:
    """A small file can state a size that no memory holds."""
    if not 0 < rows * columns <= MOST_PIXELS:
        raise ValueError(f"{columns} x {rows} pixels, expected at most {MOST_PIXELS}")


def _decode_png(picture: bytes) -> np.ndarray:
    if not picture.endswith(b"IEND\xaeB`\x82"):
        raise ValueError("cut short")
    _check_size(*struct.unpack_from(">II", picture, 16))
    codec = av.CodecContext.create("png", "r")
    codec.options = {"err_detect": "explode+crccheck"}
    frames = [*codec.decode(av.Packet(picture)), *codec.decode(None)]
    if len(frames) != 1:
        raise ValueError(f"{len(frames)} pictures")
    return frames[0].to_ndarray(format="rgb24")
