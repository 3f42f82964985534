"""Video at a reduced size: decoded straight to about it, brought to it exactly, and showing all of the frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acoustill.archive import Archive, Clip, read_clip
from acoustill.archive.pictures import decode_picture, encode_picture, resize_picture
from acoustill.errors import AcoustillError
from acoustill.learning.loading import random_clip_loader, regular_clip_loader
from small_archives import FRAMES, SAMPLES_PER_FRAME, small_archive


def scene(rows: int = 240, columns: int = 320) -> np.ndarray:
    """Smooth colours, with a white square in the upper right corner."""
    y, x = np.mgrid[0:rows, 0:columns] / rows
    picture = np.stack([100 + 50 * np.sin(5 * x), 100 + 50 * np.cos(4 * y), 100 + 40 * np.sin(3 * (x + y))], axis=-1)
    picture[: rows // 4, -columns // 4 :] = 255
    return picture.astype(np.uint8)


@pytest.mark.parametrize("quality", [95, None])
@pytest.mark.parametrize("shape", [(240, 320), (120, 160), (30, 40), (60, 80), (61, 83), (100, 45), (480, 500)])
def test_a_reduced_picture_is_the_whole_picture(quality: int | None, shape: tuple[int, int]) -> None:
    picture = scene()
    decoded = decode_picture(encode_picture(picture, quality), "it", shape)
    reduced = resize_picture(decoded, shape)
    assert reduced.shape == (*shape, 3)
    assert reduced.dtype == np.uint8
    expected = resize_picture(picture, shape).astype(int)
    assert np.abs(reduced - expected).mean() < 2
    assert (reduced[2, -3] > 240).all(), "the upper right corner"
    assert (reduced[2, 2] < 170).all(), "the upper left one"
    assert (reduced[-3, -3] < 170).all(), "the lower right one"


def test_a_jpeg_is_not_decoded_whole() -> None:
    jpeg = encode_picture(scene(480, 640), 90)
    for smallest, decoded in (
        ((60, 80), (60, 80)),
        ((61, 80), (120, 160)),
        ((200, 80), (240, 320)),
        (None, (480, 640)),
    ):
        assert decode_picture(jpeg, "it", smallest).shape == (*decoded, 3)
    assert decode_picture(jpeg, "it", (900, 900)).shape == (480, 640, 3)
    for cut in (jpeg[:1000], jpeg[:-200]):
        with pytest.raises(AcoustillError, match="it is broken"):
            decode_picture(cut, "it", (60, 80))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 60), st.integers(1, 60), st.integers(0, 255))
def test_resizing_keeps_one_colour_and_the_range(rows: int, columns: int, height: int, width: int, grey: int) -> None:
    assert (resize_picture(np.full((rows, columns, 3), grey, np.uint8), (height, width)) == grey).all()
    noise = np.random.default_rng(grey).integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    resized = resize_picture(noise, (height, width))
    assert resized.min() >= noise.min()
    assert resized.max() <= noise.max()


def test_shrinking_by_whole_numbers_takes_means() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)
    means = noise.reshape(4, 3, 5, 4, 3).mean((1, 3))
    assert np.abs(resize_picture(noise, (4, 5)) - means).max() <= 0.5 + 1e-4


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    rng = np.random.default_rng(0)
    videos = [rng.integers(0, 256, (FRAMES, 16, 24, 3), dtype=np.uint8) for _ in range(3)]
    return small_archive(tmp_path_factory.mktemp("video") / "archive", [{"video": video} for video in videos])


def test_recordings_clips_and_loaders_give_the_size_asked_for(archive: Archive) -> None:
    recording, shape = archive["r001"], (8, 10)
    video = recording.video(2, 9, 3, shape=shape)
    assert video.shape == (3, *shape, 3)
    assert recording.video(2, 3).shape == (1, 16, 24, 3)
    np.testing.assert_array_equal(video[1], recording.frame(5, shape))
    view = read_clip(recording, Clip("r001", 2, 4), ["video"], SAMPLES_PER_FRAME, video_shape=shape)["video"]
    np.testing.assert_array_equal(view, recording.video(2, 6, shape=shape))
    (regular,) = regular_clip_loader(archive, ["r001"], ["audio", "video"], 1.0, 4, video_shape=shape)
    np.testing.assert_array_equal(regular["views"]["video"][0], recording.video(shape=shape))
    (drawn,) = random_clip_loader(archive, ["r001"], ["video"], 0.5, 2, seed=0, steps=1, video_shape=shape)
    for start, clip in zip(drawn["start"], drawn["views"]["video"], strict=True):
        np.testing.assert_array_equal(clip, recording.video(int(start), int(start) + 6, shape=shape))
