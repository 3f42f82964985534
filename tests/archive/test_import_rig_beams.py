"""Beam spectra of a user's own recordings: formed while they are imported, as they would be of the whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rig_takes import FRAME, four_microphones, imported, integers, reasons, write_sound, write_table

from acoustill.archive.archive import Archive
from acoustill.archive.importers import rig_recording
from acoustill.archive.importers.importing import run_import
from acoustill.archive.importers.rig_recording import RigOptions
from acoustill.archive.importers.rig_table import plan_rig
from acoustill.archive.validation import validate_archive
from acoustill.errors import AcoustillError
from acoustill.imaging import BeamSpecification, BeamSpectra
from refusals import Command, refuses

SPECIFICATION = BeamSpecification(2, 3, white_noise_gain_db=3.0)


@pytest.mark.parametrize("images", [False, True])
def test_beams_are_those_of_the_whole_recording(images: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In blocks of two frames, with a rest of less than a frame at the end."""
    monkeypatch.setattr(rig_recording, "BLOCK_BYTES", 2 * 4 * 4 * FRAME)
    signals = integers(9 * FRAME + 123)
    write_sound(tmp_path / "room.wav", signals)
    result = imported(
        write_table(tmp_path / "t.csv", "audio,start_s", "room.wav,0"),
        beams=SPECIFICATION, images=images, microphones=(2,), image_rows=3, image_columns=4,
    )  # fmt: skip
    archive = result.archive
    (recording,) = (archive[one] for one in archive.entries)
    expected = BeamSpectra(four_microphones(), SPECIFICATION)((signals / 2.0**15).astype(np.float32))
    np.testing.assert_array_equal(recording.beams, expected)
    assert (recording.entry.frames, recording.entry.label) == (9, None)
    assert recording.entry.streams == (("audio", "image", "beams") if images else ("audio", "beams"))
    assert recording.audio.shape == (1, 9 * FRAME + 123)
    assert archive.beams_specification == SPECIFICATION
    assert validate_archive(archive.path) == []


def test_an_excerpt_hears_silence_around_it(tmp_path: Path) -> None:
    signals = integers(9 * FRAME)
    write_sound(tmp_path / "room.wav", signals)
    table = write_table(tmp_path / "t.csv", "audio,start_s,stop_s,id", "room.wav,0.2,0.5,part")
    part = (signals[:, 2 * FRAME : 5 * FRAME] / 2.0**15).astype(np.float32)
    expected = BeamSpectra(four_microphones(), SPECIFICATION)(part)
    np.testing.assert_array_equal(imported(table, beams=SPECIFICATION).archive["part"].beams, expected)


def test_what_cannot_be_formed_is_refused_or_set_aside(tmp_path: Path) -> None:
    signals = integers(3 * FRAME).astype(np.float32)
    np.save(tmp_path / "good.npy", signals / 2**15)
    np.save(tmp_path / "loud.npy", signals)  # full scale is 1, as everybody has it
    signals[1, 700] = np.nan
    np.save(tmp_path / "bad.npy", signals / 2**15)
    table = write_table(tmp_path / "t.csv", "audio", "good.npy", "bad.npy", "loud.npy")
    told = reasons(imported(table, beams=SPECIFICATION, microphones=(0,)), ["bad", "loud"])
    assert "bad.npy: sample 700 of channel 1, at 0.0875 s, is nan" in told
    assert "loud.npy: beam spectra: sound is louder than that, expected beams of at most 65 Pa a bin" in told
    assert [*Archive(tmp_path / "archive").entries] == ["good"]
    options = RigOptions(four_microphones(), images=False, beams=BeamSpecification(steps=7))
    with pytest.raises(AcoustillError, match="steps is 7, expected a divisor of the 800 samples of a video frame"):
        plan_rig(table, options)


def test_an_import_with_other_beams_is_not_gone_on_with(tmp_path: Path) -> None:
    write_sound(tmp_path / "room.wav", integers(3 * FRAME))
    table = write_table(tmp_path / "t.csv", "audio", "room.wav")
    first = imported(table, beams=SPECIFICATION)
    assert (first.written, imported(table, beams=SPECIFICATION).written) == (1, 0)
    (first.archive.path / "recordings" / "room" / "beams.npy").write_bytes(b"cut short")
    assert imported(table, beams=SPECIFICATION).written == 1
    with pytest.raises(AcoustillError, match="its beam spectra are others; give another folder"):
        run_import(plan_rig(table, RigOptions(four_microphones(), images=False)), tmp_path / "archive")


def test_the_command(command: Command, tmp_path: Path) -> None:
    write_sound(tmp_path / "room.wav", integers(3 * 4000, channels=16), 48000)
    table = write_table(tmp_path / "t.csv", "audio", "room.wav")
    arguments = ["import", "rig", table, "--rig", "uma16", "--no-images"]
    ended = command(*arguments[:3], tmp_path / "out", *arguments[3:], "--beam-grid", "3x2", "--distance", "1.5")
    assert ended.status == 0, ended.err
    assert Archive(tmp_path / "out").beams_specification == BeamSpecification(2, 3, 1.5)
    place = tmp_path / "place"
    place.mkdir()
    for grid in ("3", "0x2", "axb"):
        says = f"import rig: --beam-grid is '{grid}', expected "
        refuses(command, place, *arguments[:3], place / "out", *arguments[3:], "--beam-grid", grid, says=says)
