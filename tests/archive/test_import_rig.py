"""A user's own recordings become an archive: every sample, the frames that belong to it, and a word on the rest."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import h5py
import numpy as np
import pytest
from rig_takes import (
    FRAME,
    RATE,
    four_microphones,
    greys,
    imported,
    integers,
    reasons,
    write_film,
    write_sound,
    write_table,
)
from two_clocks import clap_film, clap_sound, two_recordings

from acoustill.archive.archive import Archive
from acoustill.archive.importers import sound_track, stored_samples
from acoustill.archive.importers.importing import run_import
from acoustill.archive.importers.rig_recording import RigOptions
from acoustill.archive.importers.rig_table import plan_rig
from acoustill.archive.importers.sound_track import microphone_sound
from acoustill.archive.importers.stored_samples import open_stored
from acoustill.archive.importers.synchrony import Clocks, Heard
from acoustill.archive.validation import validate_archive
from acoustill.errors import AcoustillError
from acoustill.imaging.grid import camera_grid
from acoustill.imaging.imager import Imager, Images
from acoustill.imaging.signals import array_files, source
from acoustill.imaging.signals.source import scaled
from acoustill.imaging.specification import ImageSpecification
from acoustill.imaging.video.mp4 import Mp4Writer
from acoustill.rig import Rig, save_rig
from acoustill.spool import Spool
from refusals import state
from small_videos import frames_of

EVERYTHING = "audio,video,label,scenario,subject,id,start_s,stop_s,offset_s,drift_ppm,fold,note,gain"


@pytest.mark.parametrize(
    ("ending", "subtype", "bits"),
    [
        ("wav", "PCM_16", 16),
        ("flac", "PCM_16", 16),
        ("wav", "PCM_24", 24),
        ("flac", "PCM_24", 24),
        ("wav", "PCM_32", 32),
    ],
)
def test_integers_are_kept_to_the_bit(ending: str, subtype: str, bits: int, tmp_path: Path) -> None:
    """A rest of less than a frame is kept too."""
    signals = integers(5 * FRAME + 123, bits)
    write_sound(tmp_path / f"take.{ending}", signals, subtype=subtype)
    result = imported(write_table(tmp_path / "t.csv", "audio,label", f"take.{ending},clap"))
    recording = result.archive["take"]
    assert recording.audio.dtype == signals.dtype
    np.testing.assert_array_equal(recording.audio, signals)
    np.testing.assert_allclose(recording.signals(), signals / 2.0 ** (signals.itemsize * 8 - 1), rtol=1e-7)
    assert (recording.entry.frames, recording.entry.label, recording.sidecar.notes) == (5, "clap", ())
    assert validate_archive(tmp_path / "archive") == []


def test_floats_hdf5_arrays_and_folders_of_frames_are_kept_as_floats(tmp_path: Path, rng: np.random.Generator) -> None:
    signals = rng.standard_normal((4, 2 * FRAME)).astype(np.float32)
    write_sound(tmp_path / "float.wav", signals, subtype="FLOAT")
    with h5py.File(tmp_path / "acoular.h5", "w") as file:
        file["time_data"] = signals.T
        file["time_data"].attrs["sample_freq"] = RATE
    np.save(tmp_path / "array.npy", signals)
    (tmp_path / "frames").mkdir()
    counts = integers(2 * FRAME, 32)
    for i in range(2):
        np.save(tmp_path / "frames" / f"A_{i:06d}.npy", counts[:, i * FRAME : (i + 1) * FRAME].T)
    result = imported(write_table(tmp_path / "t.csv", "audio", "float.wav", "acoular.h5", "array.npy", "frames"))
    assert not result.aside
    for name in ("float", "acoular", "array"):
        np.testing.assert_array_equal(result.archive[name].audio, signals)
    np.testing.assert_array_equal(result.archive["frames"].audio, (counts / 2.0**31).astype(np.float32))
    provenance = result.archive["frames"].sidecar.provenance["imported"]
    assert provenance["scaling"] == "int32 samples divided by 2147483648, full scale"


def test_images_are_those_of_the_imager_and_some_microphones_are_kept(tmp_path: Path) -> None:
    signals, rig = integers(7 * FRAME + 5, seed=3), four_microphones()
    write_sound(tmp_path / "take.wav", signals)
    options = {"images": True, "image_rows": 6, "image_columns": 8, "distance_m": 1.5, "microphones": (2, 0)}
    result = imported(write_table(tmp_path / "t.csv", "audio", "take.wav"), **options)
    recording = result.archive["take"]
    np.testing.assert_array_equal(recording.audio, signals[[2, 0]])
    assert recording.sidecar.files["audio"].microphones == (2, 0)
    assert (recording.entry.streams, recording.entry.frames) == (("audio", "image"), 7)
    imager = Imager(rig, camera_grid(rig.camera, 6, 8, 1.5), ImageSpecification("mfcc"))
    expected = imager((signals / 2.0**15).astype(np.float32))
    assert recording.image.dtype == np.float16
    np.testing.assert_allclose(recording.image, expected, rtol=2e-3, atol=0.05)
    assert result.archive.image_specification == ImageSpecification("mfcc")


@pytest.mark.parametrize(("rate", "quality"), [(10, None), (30, None), (Fraction(30000, 1001), 90), (25, 60)])
def test_a_frame_is_the_one_shown_at_its_middle(rate: Fraction | int, quality: int | None, tmp_path: Path) -> None:
    write_sound(tmp_path / "take.wav", integers(20 * FRAME))
    film = write_film(tmp_path / "take.mp4", int(2.1 * rate) + 1, rate)
    result = imported(write_table(tmp_path / "t.csv", "audio,video", "take.wav,take.mp4"), jpeg_quality=quality)
    video, shown = result.archive["take"].video(), frames_of(film)
    expected = [int((k + 0.5) / 10 * rate) for k in range(20)]
    assert greys(video) == expected
    if quality is None:
        np.testing.assert_array_equal(video, shown[expected])
    assert result.notes == {}


@pytest.mark.parametrize("clocks", [Clocks(-0.55, 0.0), Clocks(-0.21, 20000.0 / 4), Clocks(-1.0, -5000.0)])
def test_offset_and_drift_choose_the_frames(clocks: Clocks, tmp_path: Path) -> None:
    write_sound(tmp_path / "take.wav", integers(60 * FRAME))
    write_film(tmp_path / "take.mp4", 120, 15)
    line = f"take.wav,take.mp4,{clocks.offset_s},{clocks.drift_ppm}"
    result = imported(write_table(tmp_path / "t.csv", "audio,video,offset_s,drift_ppm", line))
    expected = [int((clocks.video_s((k + 0.5) / 10) + 0.5e-3) * 15) for k in range(60)]  # times have ticks
    assert greys(result.archive["take"].video()) == expected
    synchrony = result.archive["take"].sidecar.provenance["imported"]["synchrony"]
    assert synchrony == {"how": "given", "offset_s": clocks.offset_s, "drift_ppm": clocks.drift_ppm}


def test_options_give_what_the_row_does_not(tmp_path: Path) -> None:
    write_sound(tmp_path / "take.wav", integers(10 * FRAME))
    write_film(tmp_path / "take.mp4", 30)
    table = write_table(tmp_path / "t.csv", "audio,video,id,offset_s", "take.wav,take.mp4,a,", "take.wav,take.mp4,b,-1")
    result = imported(table, offset_s=-0.5, drift_ppm=2.0)
    assert greys(result.archive["a"].video())[0] == 5
    assert greys(result.archive["b"].video())[0] == 10
    assert result.archive["b"].sidecar.provenance["imported"]["synchrony"]["drift_ppm"] == 2.0


@pytest.mark.parametrize(
    ("offset_s", "frames", "first", "after"),
    [(0.52, 100, 5, 20), (0.0, 12, 0, 12), (-1.04, 20, 0, 10), (0.3, 10, 3, 13)],
)
def test_audio_and_video_are_cut_to_what_they_share(
    offset_s: float, frames: int, first: int, after: int, tmp_path: Path
) -> None:
    signals = integers(20 * FRAME + 77)
    write_sound(tmp_path / "take.wav", signals)
    write_film(tmp_path / "take.mp4", frames)
    line = f"take.wav,take.mp4,{offset_s}"
    result = imported(write_table(tmp_path / "t.csv", "audio,video,offset_s", line), images=True, image_rows=3)
    recording = result.archive["take"]
    end = signals.shape[1] if after == 20 else after * FRAME
    np.testing.assert_array_equal(recording.audio, signals[:, first * FRAME : end])
    assert recording.entry.frames == after - first == len(recording.image)
    assert greys(recording.video()) == [int(((k + 0.5) / 10 - offset_s) * 10) for k in range(first, after)]
    assert result.notes == {"cut to what audio and video share": 1}
    cut = recording.sidecar.provenance["imported"]["cut"]
    assert cut == {"seconds_before": first / 10, "seconds_after": round((20 - after) / 10, 6)}
    assert validate_archive(tmp_path / "archive") == []


@pytest.mark.parametrize("offset_s", [0.37, -0.23])
def test_the_same_offset_means_the_same_to_overlay(offset_s: float, tmp_path: Path, command: Callable) -> None:
    """The frames of which overlay makes its own, with a floor that leaves them as they are, are in the archive."""
    write_sound(tmp_path / "take.wav", integers(12 * FRAME))
    film, rig, out = write_film(tmp_path / "take.mp4", 15, 15), tmp_path / "rig.yaml", tmp_path / "overlay.mp4"
    save_rig(four_microphones(), rig)
    rows = f"take.wav,take.mp4,row,{offset_s}", "take.wav,take.mp4,option,"
    table = write_table(tmp_path / "t.csv", "audio,video,id,offset_s", *rows)
    of_both = ["--rig", rig, f"--offset={offset_s}"]
    assert command("import", "rig", table, tmp_path / "archive", *of_both, "--no-images").status == 0
    drawing = ["--video", film, "--frame-rate", "rig", "--floor", 200, "--out", out]
    drawn = command("overlay", tmp_path / "take.wav", *of_both, *drawing)
    assert (drawn.err, drawn.status) == ("", 0)
    shown = [round(level / 16) for level in frames_of(out)[:, 340, 20].mean(axis=-1)]
    times_s = (np.arange(12) + 0.5) / 10 - offset_s
    assert shown == np.clip(np.floor(15 * times_s), 0, 14).tolist()
    shared = np.flatnonzero((times_s >= 0) & (times_s < 1))
    for name in ("row", "option"):
        recording = Archive(tmp_path / "archive")[name]
        cut = recording.sidecar.provenance["imported"]["cut"]
        assert cut == {"seconds_before": shared[0] / 10, "seconds_after": (11 - shared[-1]) / 10}
        assert greys(recording.video()) == [shown[k] for k in shared]


def test_frames_of_a_slow_video_are_repeated_and_that_is_said(tmp_path: Path) -> None:
    write_sound(tmp_path / "take.wav", integers(12 * FRAME))
    write_film(tmp_path / "take.mp4", 6, 5)
    result = imported(write_table(tmp_path / "t.csv", "audio,video", "take.wav,take.mp4"))
    assert greys(result.archive["take"].video()) == [k // 2 for k in range(12)]
    assert result.notes == {"video frames were repeated": 1}


@pytest.mark.parametrize("rate", [48000, 44100, 6000])
def test_other_rates_are_resampled(rate: int, tmp_path: Path) -> None:
    """Tones keep level and place, of the whole file and of a part."""
    tones = np.array([[200.0], [440.0], [1000.0], [2300.0]])
    time = np.arange(3 * rate) / rate
    write_sound(tmp_path / "take.wav", (0.5 * np.sin(2 * np.pi * tones * time)).astype(np.float32), rate, "FLOAT")
    table = write_table(tmp_path / "t.csv", "audio,id,start_s,stop_s", "take.wav,whole,,", "take.wav,part,1.3,2.5")
    result = imported(table)
    whole, part = (result.archive[name].audio for name in ("whole", "part"))
    expected = 0.5 * np.sin(2 * np.pi * tones * np.arange(3 * RATE) / RATE)
    assert (whole.shape, whole.dtype) == ((4, 3 * RATE), np.float32)
    inner = slice(400, -400)
    np.testing.assert_allclose(whole[:, inner], expected[:, inner], atol=2e-4)
    np.testing.assert_allclose(part, whole[:, round(1.3 * RATE) : round(2.5 * RATE)], atol=1e-6)
    assert result.notes == {f"resampled from {rate} Hz": 2}


def test_a_rate_is_given_to_files_that_do_not_say_theirs_only(tmp_path: Path) -> None:
    signals = integers(2 * FRAME)
    write_sound(tmp_path / "a.wav", signals)
    np.save(tmp_path / "b.npy", np.repeat(signals, 2, axis=1))
    result = imported(write_table(tmp_path / "t.csv", "audio", "a.wav", "b.npy"), sample_rate=2 * RATE)
    assert result.notes == {f"resampled from {2 * RATE} Hz": 1}
    np.testing.assert_array_equal(result.archive["a"].audio, signals)
    assert result.archive["b"].audio.shape == (4, 2 * FRAME)


def test_parts_of_one_file(tmp_path: Path) -> None:
    signals = integers(30 * FRAME)
    write_sound(tmp_path / "long.flac", signals)
    write_film(tmp_path / "long.mp4", 40)
    table = write_table(
        tmp_path / "t.csv",
        "audio,video,start_s,stop_s,label,offset_s",
        "long.flac,long.mp4,0.5,1.25,a,-0.2",
        "long.flac,long.mp4,2,3.05,b,-0.2",
        "long.flac,long.mp4,2.5,9,c,-0.2",
        "long.flac,long.mp4,7,,d,-0.2",
    )
    result = imported(table)
    first, last = result.archive["long-0.5s"], result.archive["long-2s"]
    np.testing.assert_array_equal(first.audio, signals[:, 4000:10000])
    assert greys(first.video()) == [7, 8, 9, 10, 11, 12, 13]
    np.testing.assert_array_equal(last.audio, signals[:, 16000:])  # 50 ms beyond the end are forgiven
    why = reasons(result, ["long-2.5s", "long-7s"])
    assert "long.flac: stop_s is 9 s, expected at most its length, 3 s" in why
    assert "long.flac: start_s is 7 s, expected less than its length, 3 s" in why


def test_bad_rows_are_set_aside_and_the_rest_is_imported(tmp_path: Path) -> None:
    good = integers(4 * FRAME)
    write_sound(tmp_path / "good.wav", good)
    write_sound(tmp_path / "three.wav", good[:3])
    write_sound(tmp_path / "tiny.wav", good[:, : FRAME - 1])
    (tmp_path / "text.wav").write_text("hello")
    (tmp_path / "cut.wav").write_bytes((tmp_path / "good.wav").read_bytes()[:-1000])
    flac = write_sound(tmp_path / "flac.flac", good)
    flac.write_bytes(flac.read_bytes()[: flac.stat().st_size // 2])
    write_sound(tmp_path / "nan.wav", np.where(np.arange(4 * FRAME) == 100, np.nan, good / 2.0**15), subtype="FLOAT")
    film = write_film(tmp_path / "good.mp4", 10)
    (tmp_path / "text.mp4").write_text("hello")
    (tmp_path / "cut.mp4").write_bytes(film.read_bytes()[:700])
    with Mp4Writer(tmp_path / "wide.mp4", 96, 48, Fraction(10), with_sound=False) as writer:
        for _ in range(5):
            writer.picture(np.zeros((48, 96, 3), np.uint8))
    wrong = {
        "gone.wav,,gone,": "no such recording",
        "three.wav,,three,": "number of channels is 3, expected 4, those of rig four",
        "tiny.wav,,tiny,": "length is 799 samples, expected at least one frame of 800 samples",
        "text.wav,,text,": "not a readable sound file",
        "cut.wav,,cut,": "truncated, 1000 bytes",
        "flac.flac,,flac,": "flac.flac: ",
        "nan.wav,,nan,": "nan.wav: sample 100 of channel 0, at 0.0125 s, is nan, expected a finite number",
        "good.wav,gone.mp4,nofilm,": "no such video file",
        "good.wav,text.mp4,textfilm,": "not a readable video file",
        "good.wav,cut.mp4,cutfilm,": "cut.mp4: ",
        "good.wav,wide.mp4,widefilm,": "size is 96 x 48, expected 64 x 48",
        "good.wav,good.mp4,late,60": "video is -60.000 to -59.600 s, expected some frame within 0 to 1.000 s",
        "good.wav,good.mp4,early,-60": "video is 60.000 to 60.400 s, expected some frame within 0 to 1.000 s",
        "good.wav,good.mp4,word,soon": "offset_s is 'soon', expected a number",
        "good.wav,good.mp4,far,1e9": "offset_s is 1000000000.0, expected seconds, at most 1e\\+06",
        "good.wav,,alone,1": "offset_s or drift_ppm is given, expected a video whose clock it is",
        "good.wav,,bad id,": "id is 'bad id', expected letters, digits",
        ",,silent,": "column audio is empty",
        "good.wav,,many,,,,,": "",
        "good.wav,,more,,5": "it has 5 cells, expected at most 4",
    }
    result = imported(write_table(tmp_path / "t.csv", "audio,video,id,offset_s", "good.wav,good.mp4,good,0", *wrong))
    np.testing.assert_array_equal(result.archive["good"].audio, good)
    names = {line.split(",")[2]: what for line, what in wrong.items() if what}
    assert list(result.archive.entries) == ["good", "many"]
    for one in reasons(result, list(names)).splitlines():
        name, why = one.split(": ", 1)
        assert re.search(names[name], why), one
        assert "Traceback" not in why
    assert validate_archive(tmp_path / "archive")[0].recording == "many"  # it is the very audio of the good one
    assert len((tmp_path / "archive" / "set-aside.jsonl").read_text().splitlines()) == len(names)


def test_images_need_finite_samples_of_working_microphones(tmp_path: Path) -> None:
    signals = integers(4 * FRAME) / 2.0**15
    signals[2, 1000] = np.nan
    write_sound(tmp_path / "nan.wav", signals, subtype="FLOAT")
    write_sound(tmp_path / "good.wav", integers(4 * FRAME))
    result = imported(write_table(tmp_path / "t.csv", "audio", "nan.wav", "good.wav"), images=True)
    assert "nan.wav: sample 1000 of channel 2, at 0.125 s, is nan, expected a finite number" in reasons(result, ["nan"])


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_a_table_as_spreadsheets_write_it(delimiter: str, tmp_path: Path) -> None:
    """Byte-order mark, line ends of Windows, names in other case, spaces, empty rows, decimal commas, quotes."""
    write_sound(tmp_path / "sub" / "a b.wav", integers(10 * FRAME))
    write_sound(tmp_path / "c.wav", integers(10 * FRAME, seed=1))
    header = " AUDIO ,Label,SCENARIO,subject,Start_S,fold,Note,gain,code\r\n"
    rows = ["sub/a b.wav,clap hands,Office,s1,0.5,1,hi,-2.5,007", ",,,,,,,,", "c.wav,,,, ,2,,1e400,nan"]
    text = (header + "\r\n".join(rows) + "\r\n\r\n").replace(",", delimiter)
    if delimiter == ";":
        text = text.replace("0.5;1", '"0,5";1')
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    result = imported(tmp_path / "t.csv")
    assert not result.aside
    first, second = result.archive.entries["sub-a-b-0.5s"], result.archive.entries["c"]
    assert (first.label, first.scenario, first.subject, first.frames) == ("clap hands", "Office", "s1", 5)
    assert first.columns == {"fold": 1, "Note": "hi", "gain": "-2.5", "code": "007"}
    assert (second.label, second.scenario, second.subject) == (None, None, None)
    assert second.columns == {"fold": 2, "Note": None, "gain": "1e400", "code": "nan"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "header is missing, expected the names of the columns"),
        ("audio,label\n", "number of rows is 0, expected one a recording"),
        ("audio,label\n\n,\n", "number of rows is 0"),
        ("video,label\nx,y\n", r"header \(row 1\) is video,label, expected a column audio"),
        (
            "audio,lable\na.wav,x\n",
            r"header \(row 1\) is with a column lable, expected label, if that is what it holds",
        ),
        ("audio,Category\na.wav,x\n", "is with a column Category, expected label"),
        ("File,label\na.wav,x\n", "is with a column File, expected audio"),
        ("audio,offset\na.wav,1\n", "is with a column offset, expected offset_s"),
        ("audio,Audio\na.wav,x\n", "is with two columns audio, expected each once"),
        ('audio,label\n"a.wav,x\n', "row 2 is not CSV"),
        ("audio,label\na.wav,x\n".encode("utf-16"), "not a UTF-8 text file"),
        ("audio,label\na.wav,f\xfcr\n".encode("latin-1"), "not a UTF-8 text file"),
    ],
)
def test_a_table_that_cannot_be_used_at_all(text: str | bytes, says: str, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(AcoustillError, match=rf"^{re.escape(str(table))}: .*{says}"):
        plan_rig(table, RigOptions(four_microphones()))
    with pytest.raises(AcoustillError, match="no table of recordings that can be read"):
        plan_rig(tmp_path, RigOptions(four_microphones()))
    with pytest.raises(AcoustillError, match="no table of recordings that can be read"):
        plan_rig(tmp_path / "gone.csv", RigOptions(four_microphones()))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"microphones": (0, 4)}, r"microphones is \[0, 4\], expected distinct channels from 0 to 3"),
        ({"microphones": (1, 1)}, "distinct channels"),
        ({"microphones": ()}, "distinct channels"),
        ({"synchrony": "guess"}, "synchrony is 'guess', expected given, sound, clap or none"),
        ({"synchrony": "sound", "offset_s": 1.0}, "offset or drift is given with synchrony sound"),
        ({"jpeg_quality": 0}, "JPEG quality is 0"),
        ({"offset_s": float("nan")}, "offset_s is nan"),
        ({"drift_ppm": 1e6}, "drift_ppm is 1000000.0"),
        ({"features": "wavelets", "images": True}, "features is 'wavelets'"),
        ({"image_rows": 0, "images": True}, "size is 0 rows"),
        ({"distance_m": -1.0, "images": True}, "distance is -1.0 m"),
        ({"rig": Rig("one", np.zeros((1, 3)), RATE, 10.0), "images": True}, "one has one working microphone"),
    ],
)
def test_options_that_make_no_sense(options: dict, says: str, tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.csv", "audio", "a.wav")
    with pytest.raises(AcoustillError, match=says):
        plan_rig(table, RigOptions(**({"rig": four_microphones(), "images": False} | options)))


def test_a_rig_of_one_microphone(tmp_path: Path) -> None:
    signals = integers(3 * FRAME, channels=1)
    write_sound(tmp_path / "a.wav", signals)
    result = imported(write_table(tmp_path / "t.csv", "audio", "a.wav"), rig=Rig("one", np.zeros((1, 3)), RATE, 10.0))
    np.testing.assert_array_equal(result.archive["a"].audio, signals)


def test_ids_follow_from_paths_alone(tmp_path: Path) -> None:
    """Whatever else is in the table, and wherever it lies."""
    below = tmp_path / "tables"
    names = {
        "monday/take 1.wav": "monday-take-1",
        "tuesday/./take 1.wav": "tuesday-take-1",
        "../beside/take.2.wav": "beside-take.2",
        "犬.wav": "",
        str(tmp_path / "far" / "away" / "x.wav"): "away-x",
        str(below / "in" / "y.wav"): "in-y",
    }
    for i, name in enumerate(names):
        write_sound(below / name, integers(4 * FRAME, seed=i))

    def ids(*lines: str) -> list[str]:
        plan = plan_rig(write_table(below / "t.csv", *lines), RigOptions(four_microphones(), images=False))
        return [one.id for one in plan.sources]

    for name, expected in names.items():
        (alone,) = ids("audio", name)
        if name == "犬.wav":
            assert re.fullmatch("take-[0-9a-f]{8}", alone)
        else:
            assert alone == expected
        assert ids("audio,start_s,stop_s", f"{name},0.10,") == [f"{alone}-0.1s"]
        assert ids("audio,start_s,stop_s", f"{name},,0.3", f"{name},0.1,0.3", "gone.wav,,") == [
            f"{alone}-0.1s",
            f"{alone}-0s",
        ]
    assert len(ids("audio", *names)) == 6


def test_rows_of_one_id_do_not_stop_the_table(tmp_path: Path) -> None:
    for name in "ab":
        write_sound(tmp_path / f"{name}.wav", integers(2 * FRAME, seed=ord(name)))
    result = imported(write_table(tmp_path / "t.csv", "audio,id", "a.wav,x", "b.wav,", "b.wav,X", "./b.wav,"))
    assert sorted(result.archive.entries) == ["b", "x"]
    assert [(one.name, one.why.split(": ", 1)[1]) for one in result.aside] == [
        ("row 4", "row 4: its id is X, that of row 2, expected another in column id"),
        ("row 5", "row 5: its id is b, that of row 3, expected another in column id"),
    ]


def test_processes_change_nothing_in_images(tmp_path: Path) -> None:
    for name in "ab":
        write_sound(tmp_path / f"{name}.wav", integers(4 * FRAME, seed=ord(name)))
    table = write_table(tmp_path / "t.csv", "audio", "a.wav", "b.wav")
    plan = plan_rig(table, RigOptions(four_microphones(), image_rows=6, image_columns=8))
    for jobs in (1, 2):
        run_import(plan, tmp_path / f"of-{jobs}", jobs)
    assert state(tmp_path / "of-1") == state(tmp_path / "of-2")


def test_images_are_formed_by_one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums over several would differ with their number, and with it with that of the processes."""
    import torch

    used: list[int] = []
    images = Imager.images

    def watched(imager: Imager, signals: np.ndarray) -> Images:
        used.append(imager.threads)  # type: ignore[arg-type]
        return images(imager, signals)

    monkeypatch.setattr(Imager, "images", watched)
    write_sound(tmp_path / "a.wav", integers(2 * FRAME))
    before = torch.get_num_threads()
    imported(write_table(tmp_path / "t.csv", "audio", "a.wav"), images=True, image_rows=3, image_columns=4)
    assert set(used) == {1}
    assert torch.get_num_threads() == before


def test_what_changed_is_imported_again(tmp_path: Path) -> None:
    for name in "abc":
        write_sound(tmp_path / f"{name}.wav", integers(4 * FRAME, seed=ord(name)))
    imported(write_table(tmp_path / "t.csv", "audio,label,fold", "a.wav,x,1", "b.wav,x,1", "c.wav,x,1"))
    write_sound(tmp_path / "b.wav", integers(3 * FRAME, seed=7))
    changed = write_table(tmp_path / "t.csv", "audio,label,fold", "a.wav,y,1", "b.wav,x,1", "c.wav,x,1")
    result = imported(changed)
    assert result.written == 2
    assert [entry.label for entry in result.archive.entries.values()] == ["y", "x", "x"]
    np.testing.assert_array_equal(result.archive["b"].audio, integers(3 * FRAME, seed=7))
    assert imported(changed).written == 0
    for line in ("c.wav,x,2", "c.wav,z,2"):
        again = imported(write_table(tmp_path / "t.csv", "audio,label,fold", "a.wav,y,1", "b.wav,x,1", line))
        assert again.written == 1
    with pytest.raises(AcoustillError, match="a recording is there that cannot be imported any more, 'c' first"):
        imported(write_table(tmp_path / "t.csv", "audio,label,fold", "a.wav,y,1", "b.wav,x,1"))


def test_excerpts_of_one_file_have_one_origin(tmp_path: Path) -> None:
    for name in ("day/a.wav", "b.wav"):
        write_sound(tmp_path / name, integers(4 * FRAME, seed=len(name)))
    rows = "day/a.wav,,,", "day/a.wav,,0,0.2", "./day/a.wav,mine,0.2,", "b.wav,,0.1,"
    entries = imported(write_table(tmp_path / "t.csv", "audio,id,start_s,stop_s", *rows)).archive.entries
    assert {name: entry.origin for name, entry in entries.items()} == {
        "day-a": "day-a",
        "day-a-0s": "day-a",
        "mine": "day-a",
        "b-0.1s": "b",
    }


@pytest.mark.parametrize("kind", ["h5", "npy", "frames"])
def test_excerpts_read_what_they_need(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signals = np.random.default_rng(0).standard_normal((4, 40 * FRAME)).astype(np.float32)
    path = tmp_path / f"long.{kind}"
    if kind == "npy":
        np.save(path, signals.T)
    elif kind == "h5":
        with h5py.File(path, "w") as file:
            file["time_data"] = signals.T
            file["time_data"].attrs["sample_freq"] = RATE
    else:
        path.mkdir()
        for i in range(40):
            np.save(path / f"A_{i:06d}.npy", signals[:, i * FRAME : (i + 1) * FRAME])
    read: list[int] = []

    def watched(samples: np.ndarray, scale: float) -> np.ndarray:
        read.append(samples.shape[-1])
        return scaled(samples, scale)

    for module in (array_files, source):
        monkeypatch.setattr(module, "scaled", watched)
    result = imported(write_table(tmp_path / "t.csv", "audio,id,start_s,stop_s", f"{path.name},part,3.05,3.55"))
    np.testing.assert_array_equal(result.archive["part"].audio, signals[:, 24400:28400])
    assert sum(read) <= 6 * FRAME


def test_a_columns_type_is_that_of_all_its_cells(tmp_path: Path) -> None:
    for name in "abc":
        write_sound(tmp_path / f"{name}.wav", integers(FRAME, seed=ord(name)))
    rows = "a.wav,1,1,1,1", "b.wav,,2,2.5,x", "c.wav,3,3,-1,3"
    entries = imported(write_table(tmp_path / "t.csv", "audio,gap,fold,gain,code", *rows)).archive.entries
    columns = [[entries[name].columns[column] for name in "abc"] for column in ("gap", "fold", "gain", "code")]
    assert columns == [[1, None, 3], [1, 2, 3], [1.0, 2.5, -1.0], ["1", "x", "3"]]
    assert [type(value) for value in columns[2]] == [float] * 3


def test_the_videos_own_sound_tells_the_clocks(tmp_path: Path, rng: np.random.Generator) -> None:
    true = Clocks(-0.73, 100.0)
    audio, track = two_recordings("speech", 12.0, true, rng, rates=(RATE, 48000), track_seconds=14.0)
    quiet = 0.1 / np.abs(audio.samples).max()
    write_sound(tmp_path / "a.wav", np.tile(audio.samples * quiet, (4, 1)), subtype="FLOAT")
    write_film(tmp_path / "a.mp4", 120, 10, sound=Heard(track.samples * np.float32(quiet), 48000))
    write_film(tmp_path / "mute.mp4", 120, 10)
    other = two_recordings("knocks", 12.0, true, rng)[1]
    write_film(tmp_path / "other.mp4", 120, 10, sound=Heard(other.samples * np.float32(quiet), 48000))
    table = write_table(
        tmp_path / "t.csv",
        "audio,video,id,offset_s",
        "a.wav,a.mp4,found,",
        "a.wav,a.mp4,given,-0.5",
        "a.wav,mute.mp4,mute,",
        "a.wav,other.mp4,other,",
        "a.wav,,alone,",
    )
    result = imported(table, synchrony="sound")
    found = result.archive["found"].sidecar.provenance["imported"]["synchrony"]
    assert found["how"] == "sound"
    assert abs(found["offset_s"] + 0.73) < 2e-3
    assert abs(found["drift_ppm"] - 100) < 50
    shown = [Clocks(found["offset_s"], found["drift_ppm"]).video_s((k + 0.5) / 10) for k in range(120)]
    expected = [int(10 * video_s) for video_s in shown if video_s < 12.0]
    assert len(expected) == 113
    assert greys(result.archive["found"].video()) == expected
    assert result.archive["given"].sidecar.provenance["imported"]["synchrony"]["how"] == "given"
    assert "video" not in result.archive["alone"].entry.streams
    why = reasons(result, ["mute", "other"])
    assert "mute.mp4: sound of the video is missing, expected a sound track; give offset_s" in why
    assert "other.mp4: the video's own sound and the array's do not clearly belong together" in why


def test_one_microphone_is_heard_without_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signals = integers(4 * FRAME)
    write_sound(tmp_path / "a.wav", signals)
    sizes: list[int] = []

    def watched(samples: np.ndarray, scale: float) -> np.ndarray:
        sizes.append(samples.size)
        return scaled(samples, scale)

    for module in (stored_samples, sound_track):
        monkeypatch.setattr(module, "scaled", watched)
    with Spool() as spool:
        heard = microphone_sound(open_stored(tmp_path / "a.wav"), 2, spool)
        np.testing.assert_array_equal(heard.samples, signals[2] / np.float32(2**15))
    assert sum(sizes) == 4 * FRAME


def test_claps_tell_the_clocks(tmp_path: Path, rng: np.random.Generator) -> None:
    true, claps = Clocks(-0.42, 0.0), [1.5, 8.5]
    heard = clap_sound(claps, 10.0, rng)
    write_sound(tmp_path / "a.wav", np.tile(0.1 * heard.samples, (4, 1)), 12288, "FLOAT")
    with Mp4Writer(tmp_path / "a.mp4", 64, 48, Fraction(25), with_sound=False) as writer:
        for _, grey in clap_film("flash", [true.video_s(one) for one in claps], 11.0, 25.0, rng):
            writer.picture(np.repeat(grey[..., None], 3, axis=2))
    write_film(tmp_path / "still.mp4", 15, 1)
    table = write_table(tmp_path / "t.csv", "audio,video,id", "a.wav,a.mp4,seen", "a.wav,still.mp4,unseen")
    result = imported(table, synchrony="clap")
    synchrony = result.archive["seen"].sidecar.provenance["imported"]["synchrony"]
    assert (synchrony["how"], synchrony["used"]) == ("clap", 2)
    assert abs(synchrony["offset_s"] + 0.42) <= 0.5 / 25 + 5e-3
    assert synchrony["offset_error_s"] < 0.5 / 25
    assert "still.mp4: no clap is seen" in reasons(result, ["unseen"])


def test_no_synchrony_and_offsets_exclude_each_other(tmp_path: Path) -> None:
    write_sound(tmp_path / "a.wav", integers(5 * FRAME))
    write_film(tmp_path / "a.mp4", 10)
    table = write_table(tmp_path / "t.csv", "audio,video,id,offset_s", "a.wav,a.mp4,plain,", "a.wav,a.mp4,offset,-1")
    result = imported(table, synchrony="none")
    assert greys(result.archive["plain"].video()) == [0, 1, 2, 3, 4]
    assert result.archive["plain"].sidecar.provenance["imported"]["synchrony"]["how"] == "none"
    assert "expected none with synchrony none" in reasons(result, ["offset"])
    table = write_table(tmp_path / "t.csv", "audio,video,drift_ppm", "a.wav,a.mp4,7")
    plan = plan_rig(table, RigOptions(four_microphones(), images=False, synchrony="sound"))
    assert "drift_ppm is given without offset_s" in plan.aside[0].why


def test_the_same_table_gives_the_same_bytes_and_says_nothing_of_this_machine(tmp_path: Path) -> None:
    states = []
    for place in (tmp_path / "one", tmp_path / "two"):
        write_sound(place / "a.wav", integers(6 * FRAME), 48000)
        write_sound(place / "b.wav", integers(6 * FRAME, seed=1))
        write_film(place / "b.mp4", 5)
        table = write_table(place / "t.csv", "audio,video", "a.wav,", f"b.wav,{place / 'b.mp4'}")
        plan = plan_rig(table, RigOptions(four_microphones(), image_rows=3, image_columns=4))
        assert [one.id for one in pickle.loads(pickle.dumps(plan)).sources] == ["a", "b"]
        assert "place" not in json.dumps(plan.maker)
        run_import(plan, place / "archive", jobs=1)
        states.append(state(place / "archive"))
        assert all(str(tmp_path).encode() not in file.read_bytes() for file in place.rglob("*.json*"))
    assert states[0] == states[1]
