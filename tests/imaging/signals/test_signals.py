"""Sound files, checked before anything is computed from them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import soundfile

from acoustill.errors import AcoustillError
from acoustill.imaging.signals.opening import check_signals, checked_blocks, open_signals, read_signals
from acoustill.imaging.signals.source import ArraySource, ChannelSource
from acoustill.rig import Rig


@pytest.fixture
def samples(rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(-0.5, 0.5, (400, 8)).astype(np.float32)


@pytest.mark.parametrize(("name", "subtype"), [("a.wav", "FLOAT"), ("a.wav", "PCM_24"), ("a.flac", "PCM_24")])
def test_every_channel_is_read(name: str, subtype: str, samples: np.ndarray, tmp_path: Path) -> None:
    soundfile.write(tmp_path / name, samples, 8000, subtype)
    signals, rate = read_signals(tmp_path / name)
    assert rate == 8000
    assert signals.shape == (8, 400)
    assert signals.dtype == np.float32
    np.testing.assert_allclose(signals, samples.T, atol=1e-6)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.999])
@pytest.mark.parametrize(("name", "subtype"), [("a.wav", "FLOAT"), ("a.wav", "PCM_16"), ("a.flac", "PCM_16")])
def test_truncated_files_are_refused(name: str, subtype: str, kept: float, samples: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / name
    soundfile.write(path, samples, 8000, subtype)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(AcoustillError, match=rf"{name}: (truncated|not a readable sound file)"):
        read_signals(path)


def test_further_chunks_before_and_after_the_samples_do_no_harm(samples: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, samples[:, :1], 8000, "PCM_16")
    whole = path.read_bytes()
    note = b"note" + (3).to_bytes(4, "little") + b"abc\0"  # of odd length, so padded
    body = whole[12:36] + note + whole[36:] + note
    path.write_bytes(b"RIFF" + (len(body) + 4).to_bytes(4, "little") + b"WAVE" + body)
    signals, _ = read_signals(path)
    np.testing.assert_allclose(signals[0], samples[:, 0], atol=1e-4)


def test_a_stream_of_unknown_length_is_taken_as_it_is(samples: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, samples[:, :1], 8000, "PCM_16")
    whole = bytearray(path.read_bytes())
    start = whole.index(b"data")
    whole[start + 4 : start + 8] = whole[4:8] = b"\xff\xff\xff\xff"
    path.write_bytes(bytes(whole))
    assert read_signals(path)[0].shape == (1, 400)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"RIFF\0\0\0\0WAVE", b"no sound at all" * 9])
def test_what_is_no_sound_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(AcoustillError, match=r"a.wav: not a readable sound file"):
        read_signals(path)


def test_an_empty_recording_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros((0, 2)), 8000)
    with pytest.raises(AcoustillError, match="length is 0 samples"):
        read_signals(tmp_path / "a.wav")
    with pytest.raises(AcoustillError, match="no such sound file"):
        read_signals(tmp_path)


def test_what_the_rig_cannot_have_recorded_is_refused(small_rig: Rig, samples: np.ndarray) -> None:
    signals = samples.T
    check_signals(signals, 8000, small_rig, "a.wav")
    with pytest.raises(AcoustillError, match=r"a.wav: sample rate is 16000 Hz, expected 8000 Hz"):
        check_signals(signals, 16000, small_rig, "a.wav")
    with pytest.raises(AcoustillError, match=r"a.wav: number of channels is 2, expected 8"):
        check_signals(signals[:2], 8000, small_rig, "a.wav")
    with pytest.raises(AcoustillError, match="length is 63 samples, expected at least one frame of 64"):
        check_signals(signals[:, :63], 8000, small_rig, "a.wav")
    silent = np.zeros_like(signals)
    silent[[2, 5]] = 1  # the broken channels
    with pytest.raises(AcoustillError, match="every sample is zero"):
        check_signals(silent, 8000, small_rig, "a.wav")


@pytest.mark.parametrize("kind", ["WAV", "RF64", "W64"])
def test_truncated_files_are_refused_and_whole_ones_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "take.wav"
    samples = np.random.default_rng(0).uniform(-1, 1, (10_000, 2)).astype(np.float32)
    soundfile.write(path, samples, 8000, format=kind, subtype="FLOAT")
    signals, rate = read_signals(path)
    np.testing.assert_array_equal(signals, samples.T)
    assert rate == 8000
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(AcoustillError, match="truncated"):
        read_signals(path)


# Files of other kinds -------------------------------------------------------------------------------------


def write_hdf5(path: Path, samples: np.ndarray, rate: float | None = 8000.0, name: str = "time_data") -> Path:
    with h5py.File(path, "w") as file:
        file.create_dataset("other/data", data=[1, 2])
        data = file.create_dataset(name, data=samples)
        data.attrs["unit"] = "Pa"
        if rate is not None:
            data.attrs["sample_freq"] = rate
    return path


def write_frames(folder: Path, samples: np.ndarray, first: int = 0, turned: bool = False) -> Path:
    """A folder as AVIA's: 64 samples of all channels a file."""
    folder.mkdir(exist_ok=True)
    for i in range(len(samples) // 64):
        frame = samples[64 * i : 64 * i + 64]
        np.save(folder / f"A_{first + i:06d}.npy", frame.T if turned else frame)
    return folder


def write_every_kind(folder: Path, samples: np.ndarray) -> dict[str, Path]:
    """The same 448 samples of 8 channels in files of every kind."""
    folder.mkdir(exist_ok=True)
    for name, kind in (("wav", "WAV"), ("wavex", "WAVEX"), ("rf64", "RF64"), ("w64", "W64")):
        soundfile.write(folder / f"{name}.wav", samples, 8000, "FLOAT", format=kind)
    np.save(folder / "rows.npy", samples.T)
    np.save(folder / "columns.npy", samples)
    np.save(folder / "fortran.npy", np.asfortranarray(samples.astype(np.float64)))
    paths = {path.stem: path for path in folder.iterdir()}
    paths["hdf5"] = write_hdf5(folder / "acoular.h5", samples)
    paths["frames"] = write_frames(folder / "frames", samples, first=7)
    paths["turned frames"] = write_frames(folder / "turned", samples, turned=True)
    return paths


KINDS = ["wav", "wavex", "rf64", "w64", "rows", "columns", "fortran", "hdf5", "frames", "turned frames"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [64, 100, 1000])
def test_blocks_of_every_kind_hold_the_same(kind: str, length: int, small_rig: Rig, rng, tmp_path: Path) -> None:
    samples = rng.uniform(-0.5, 0.5, (448, 8)).astype(np.float32)
    source = open_signals(write_every_kind(tmp_path / "all", samples)[kind], small_rig)
    assert (source.rate, source.channels, source.samples, source.scaling) == (8000, 8, 448, None)
    blocks = list(source.blocks(length))
    assert all(block.dtype == np.float32 and block.flags.c_contiguous and block.shape[1] <= length for block in blocks)
    np.testing.assert_array_equal(np.concatenate(blocks, axis=1), samples.T)
    np.testing.assert_array_equal(source.read(), samples.T)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_ends_early_is_refused_whatever_its_kind(kind: str, small_rig: Rig, tmp_path: Path) -> None:
    path = write_every_kind(tmp_path / "all", np.ones((448, 8), np.float32))[kind]
    file = sorted(path.iterdir())[3] if path.is_dir() else path
    file.write_bytes(file.read_bytes()[:-900])
    with pytest.raises(AcoustillError, match=f"{file.name}: .*(truncated|not a readable)"):
        read_signals(path, small_rig)


@pytest.mark.parametrize(("dtype", "full"), [(np.int8, 2**7), (np.int16, 2**15), (np.int32, 2**31)])
def test_integers_are_brought_to_full_scale_and_that_is_said(dtype, full, small_rig: Rig, rng, tmp_path: Path) -> None:
    samples = rng.integers(-full, full, (448, 8)).astype(dtype)
    np.save(tmp_path / "a.npy", samples)
    write_hdf5(tmp_path / "a.h5", samples)
    for path in (tmp_path / "a.npy", tmp_path / "a.h5", write_frames(tmp_path / "a", samples)):
        source = open_signals(path, small_rig)
        np.testing.assert_allclose(source.read(), samples.T / full, rtol=1e-6, atol=1e-9)
        assert source.scaling == f"{np.dtype(dtype).name} samples divided by {full}, full scale"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64, np.complex64, bool])
def test_numbers_whose_scale_is_unknown_are_refused(dtype, small_rig: Rig, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((448, 8), dtype))
    with pytest.raises(AcoustillError, match=f"a.npy: type of the samples is {np.dtype(dtype).name}, expected float"):
        open_signals(tmp_path / "a.npy", small_rig)


def test_the_rate_is_the_files_the_one_given_or_the_rigs(small_rig: Rig, tmp_path: Path) -> None:
    samples = np.ones((448, 8), np.float32)
    np.save(tmp_path / "a.npy", samples)
    assert open_signals(tmp_path / "a.npy", small_rig).rate == 8000
    assert open_signals(tmp_path / "a.npy", small_rig, sample_rate=16000).rate == 16000
    assert open_signals(tmp_path / "a.npy", sample_rate=16000, channels=8).rate == 16000
    with pytest.raises(AcoustillError, match="number of channels is not said by the file"):
        open_signals(tmp_path / "a.npy", sample_rate=16000)
    with pytest.raises(AcoustillError, match="sample rate is not said by the file"):
        open_signals(tmp_path / "a.npy", channels=8)
    assert open_signals(write_hdf5(tmp_path / "a.h5", samples, 51200.0)).rate == 51200
    assert open_signals(write_hdf5(tmp_path / "b.h5", samples, None), sample_rate=9000).rate == 9000
    with pytest.raises(AcoustillError, match=r"a.h5: sample rate is 51200 Hz, expected 48000 Hz, the one given"):
        open_signals(tmp_path / "a.h5", sample_rate=48000)
    with pytest.raises(AcoustillError, match=r"attribute sample_freq is missing \(time_data has the attributes unit\)"):
        open_signals(tmp_path / "b.h5", small_rig)
    for rate in (0.0, 44100.5, np.nan, np.inf, 1e300):
        with pytest.raises(AcoustillError, match=r"attribute sample_freq is .*, expected a positive, whole number"):
            open_signals(write_hdf5(tmp_path / "c.h5", samples, rate))


def test_hdf5_without_the_dataset_says_what_it_has(tmp_path: Path) -> None:
    path = write_hdf5(tmp_path / "a.h5", np.ones((9, 8)), name="pressure")
    with pytest.raises(AcoustillError, match=r"dataset time_data is missing \(the file has other/data, pressure\)"):
        open_signals(path)
    path = write_hdf5(tmp_path / "none.h5", np.ones((9, 8)))
    with h5py.File(path, "w"):
        pass
    with pytest.raises(AcoustillError, match=r"none.h5: dataset time_data is missing \(the file has no dataset\)$"):
        open_signals(path)
    path = write_hdf5(tmp_path / "b.h5", np.ones(9))
    with pytest.raises(AcoustillError, match=r"shape of time_data is \(9,\), expected \(samples, channels\)"):
        open_signals(path)


def test_transposed_hdf5_is_told(small_rig: Rig, tmp_path: Path) -> None:
    path = write_hdf5(tmp_path / "a.h5", np.ones((8, 90)))
    says = r"shape of time_data is \(8, 90\), expected \(samples, channels\); is it transposed"
    with pytest.raises(AcoustillError, match=says):
        open_signals(path, small_rig)
    assert open_signals(path).channels == 90
    assert open_signals(write_hdf5(tmp_path / "b.h5", np.ones((8, 8))), small_rig).samples == 8


def test_what_the_system_says_names_the_recording(small_rig: Rig, tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(AcoustillError, match=r"x: cannot be read \(File name too long\)"):
        open_signals(tmp_path / ("x" * 300), small_rig)
    with pytest.raises(AcoustillError, match=r"\.wav: cannot be read \(its name is not UTF-8\)"):
        open_signals(tmp_path / "by\udcff.wav", small_rig)

    def broken(length: int) -> Iterator[np.ndarray]:
        yield np.ones((8, length), np.float32)
        raise OSError(5, "Input/output error")

    source = ArraySource(tmp_path / "a", np.ones((8, 400), np.float32), 8000)
    monkeypatch.setattr(source, "blocks", broken)
    with pytest.raises(AcoustillError, match=r"a: cannot be read \(Input/output error\)"):
        list(checked_blocks(source, small_rig, 100))


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ((8, 8), r"shape is \(8, 8\), expected one axis only of 8"),
        ((9, 100), r"shape is \(9, 100\), expected \(8, samples\) or \(samples, 8\)"),
        ((100,), r"shape is \(100,\)"),
        ((2, 8, 100), r"shape is \(2, 8, 100\)"),
        ((8, 0), "length is 0 samples"),
    ],
)
def test_arrays_whose_axes_cannot_be_told_apart_are_refused(shape, says, small_rig: Rig, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(shape, np.float32))
    with pytest.raises(AcoustillError, match=f"a.npy: {says}"):
        open_signals(tmp_path / "a.npy", small_rig)


def test_pickles_are_not_opened(small_rig: Rig, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(AcoustillError, match=r"a.npy: not a readable NumPy array"):
        open_signals(tmp_path / "a.npy", small_rig)


def test_frames_that_are_missing_or_odd_are_named(small_rig: Rig, tmp_path: Path) -> None:
    samples = np.ones((640, 8), np.int32)
    gap = write_frames(tmp_path / "gap", samples)
    (gap / "A_000004.npy").unlink()
    (gap / "notes.txt").write_text("of no interest")
    with pytest.raises(AcoustillError, match=r"A_000004.npy: missing, while A_000005.npy is there"):
        open_signals(gap, small_rig)
    odd = write_frames(tmp_path / "odd", samples)
    np.save(odd / "A_000006.npy", samples[:63])
    with pytest.raises(AcoustillError, match=r"A_000006.npy: array is int32 \(63, 8\), expected int32 \(64, 8\)"):
        open_signals(odd, small_rig)
    np.save(odd / "A_000006.npy", samples[:64])
    with (odd / "A_000006.npy").open("ab") as file:  # as other versions of NumPy fill up their headers
        file.write(bytes(48))
    assert open_signals(odd, small_rig).samples == 640
    turned = write_frames(tmp_path / "turned", samples)
    np.save(turned / "A_000002.npy", samples[:64].T)  # of the same size, so found on reading
    with pytest.raises(AcoustillError, match=r"A_000002.npy: array is int32 \(8, 64\)"):
        list(open_signals(turned, small_rig).blocks())
    empty = tmp_path / "empty"
    empty.mkdir()
    np.save(empty / "A_000000.npy", np.zeros((0, 8), np.int32))
    with pytest.raises(AcoustillError, match=r"A_000000.npy: shape is \(0, 8\), expected \(samples, 8\)"):
        open_signals(empty, small_rig)
    first = write_frames(tmp_path / "first", np.ones((64, 9), np.int32))
    with pytest.raises(AcoustillError, match=r"A_000000.npy: shape is \(64, 9\), expected \(samples, 8\)"):
        open_signals(first, small_rig)


def test_many_channels_of_the_extensible_kind(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, (300, 128)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", samples, 12288, "PCM_24", format="WAVEX")
    signals, rate = read_signals(tmp_path / "a.wav")
    assert (signals.shape, rate) == ((128, 300), 12288)
    np.testing.assert_allclose(signals, samples.T, atol=1e-6)


def test_checks_on_the_way_say_where(small_rig: Rig, samples: np.ndarray, tmp_path: Path) -> None:
    def blocks(values: np.ndarray, rate: int = 8000) -> list[np.ndarray]:
        return list(checked_blocks(ArraySource(tmp_path / "a", values, rate), small_rig, 100))

    assert len(blocks(samples.T)) == 4
    with pytest.raises(AcoustillError, match="a: sample rate is 1000 Hz"):
        blocks(samples.T, 1000)
    with pytest.raises(AcoustillError, match="a: number of channels is 7"):
        blocks(samples.T[:7])
    with pytest.raises(AcoustillError, match="a: length is 63 samples"):
        blocks(samples.T[:, :63])
    with pytest.raises(AcoustillError, match="a: every sample is zero"):
        blocks(0 * samples.T)
    broken = samples.T.copy()
    broken[3, 250] = np.nan
    with pytest.raises(AcoustillError, match="a: sample 250 of channel 3 is nan"):
        blocks(broken)
    with pytest.raises(AcoustillError, match="number of channels is 8, expected at least 10"):
        ChannelSource(ArraySource(tmp_path / "a", samples.T, 8000), [0, 9])
