"""Single pictures: JPEG where something may be lost, PNG where nothing may."""

from __future__ import annotations

import struct

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


def decode_picture(picture: bytes, name: str) -> np.ndarray:
    """The pixels of a JPEG or PNG file.

    Args:
        picture: the file.
        name: of the picture, for the message.

    Shapes:
        Output: (h, w, 3) uint8 RGB.

    Raises:
        AcoustillError: if it is broken, cut short, or neither.
    """
    try:
        if picture.startswith(JPEG):
            height, width = simplejpeg.decode_jpeg_header(picture)[:2]
            _check_size(height, width)
            return simplejpeg.decode_jpeg(picture, colorspace="RGB")
        if picture.startswith(PNG):
            return _decode_png(picture)
    except (ValueError, RuntimeError, struct.error, av.FFmpegError) as error:
        raise AcoustillError(f"{name} is broken ({error})") from error
    raise AcoustillError(f"{name} is broken (neither JPEG nor PNG)")


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
