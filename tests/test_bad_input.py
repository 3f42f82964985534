"""Bad input gets one sentence that names the place, what was found and what was expected; nothing is written.

Every test runs a whole command. A few do so in a process of their own, as a user would.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from acoustill.archive import Archive, Protocol, Split, split_archive, validate_archive
from acoustill.errors import AcoustillError
from refusals import Command, refuses, sound, state
from small_archives import small_archive, streams

EXPERIMENT = "archive: ARCHIVE\nclip_seconds: 1.0\nprotocol: {name: recordings}\n"


def experiment(place: Path, text: str = EXPERIMENT) -> Path:
    path = place / "experiment.yaml"
    path.write_text(text.replace("ARCHIVE", str(place / "archive")))
    return path


# A process of its own -------------------------------------------------------------------------------------


def test_missing_file(process: Command, place: Path) -> None:
    missing = place / "take.wav"
    refuses(process, place, "image", missing, "--rig", "uma16", says=rf"{missing}: no such sound file")


def test_truncated_wav(process: Command, place: Path) -> None:
    path = sound(place / "take.wav")
    path.write_bytes(path.read_bytes()[:-4000])
    out = place / "maps.npz"
    out.write_bytes(b"of yesterday")
    says = rf"{path}: truncated, 4000 bytes of samples that its header states are missing"
    refuses(process, place, "image", path, "--rig", "uma16", "--out", out, says=says)


def test_training_from_an_empty_folder(process: Command, place: Path) -> None:
    (place / "archive").mkdir()
    says = rf"{place / 'archive'}: not an archive \(it has no archive.json\)"
    refuses(process, place, "train", experiment(place), "--out", place / "run", says=says)


# archives -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prepare", "says"),
    [
        (lambda path: None, "no such folder"),
        (lambda path: path.mkdir(), r"not an archive \(it has no archive.json\)"),
        (lambda path: path.write_text("hello"), "no such folder"),
        (lambda path: (path.mkdir(), (path / "archive.json").write_text("{")), "archive.json: not a JSON file"),
        (lambda path: (path.mkdir(), (path / "archive.json").write_text("[1]")), "format is none, expected acoustill"),
        (
            lambda path: (path.mkdir(), (path / "archive.json").write_text('{"format": "zip"}')),
            "format is zip, expected acoustill-archive",
        ),
        (
            lambda path: (
                path.mkdir(),
                (path / "archive.json").write_text('{"format": "acoustill-archive", "version": 9}'),
            ),
            "version is 9, expected 1 to 3, which",
        ),
        (
            lambda path: (
                path.mkdir(),
                (path / "archive.json").write_text('{"format": "acoustill-archive", "version": 1}'),
            ),
            "unfinished, for its manifest.jsonl is missing; give the command that makes the archive once more",
        ),
    ],
)
@pytest.mark.parametrize("verb", ["validate", "train"])
def test_not_an_archive(prepare: Callable[[Path], object], says: str, verb: str, command: Command, place: Path) -> None:
    prepare(place / "archive")
    arguments = [place / "archive"] if verb == "validate" else [experiment(place), "--out", place / "run"]
    refuses(command, place, verb, *arguments, says=rf"{place / 'archive'}.*{says}")


def test_an_archive_without_recordings(command: Command, place: Path) -> None:
    archive = small_archive(place / "archive")
    (archive.path / "manifest.jsonl").write_text("")
    refuses(command, place, "validate", archive.path, says="archive: the archive holds no recording")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "manifest.jsonl: line 4 is not JSON"),
        ("[]", "entry 3 of the manifest: 3 is "),
        ('{"id": "x"}', "entry 3 of the manifest: 3.frames is missing"),
    ],
)
def test_a_broken_manifest(line: str, says: str, command: Command, place: Path) -> None:
    archive = small_archive(place / "archive")
    with (archive.path / "manifest.jsonl").open("a") as file:
        file.write(line + "\n")
    refuses(command, place, "validate", archive.path, says=says)


def test_findings_of_validate_end_with_status_1_and_change_nothing(command: Command, place: Path) -> None:
    archive = small_archive(place / "archive", [{}, {"audio": np.zeros((2, 1200), np.float32)}, {}])
    before = state(place)
    ended = command("validate", archive.path)
    assert ended.status == 1
    found = [line.split(maxsplit=2) for line in ended.out.splitlines() if line.startswith("r001")]
    assert found
    assert {(recording, kind) for recording, kind, _ in found} == {("r001", "silence")}
    assert "problem" in ended.out.splitlines()[-1]
    assert "Traceback" not in ended.err
    assert state(place) == before


def test_a_sound_archive_ends_with_status_0(command: Command, place: Path) -> None:
    archive = small_archive(place / "archive")
    ended = command("validate", archive.path)
    assert (ended.status, ended.out) == (0, f"{archive.path}: 0 problems in 3 recordings\n")


# simulate, train, distill, evaluate, report ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--preset", "huge"], "--preset is 'huge', expected one of .*tiny"),
        (["--scenarios", "cellar"], "'cellar', expected one of anechoic, office, outdoor, or place-NUMBER"),
        (["--rig", "kinect"], "kinect: no such rig file"),
        (["--rig", "uma16", "--microphones", "17"], "cannot keep 17 of 16 working microphones"),
        (["--sounds", "nowhere"], "nowhere"),
        (["--layout", "folders"], "--layout is 'folders', expected archive or avia"),
        (["--layout", "avia", "--unlabelled", "3"], "no place for --unlabelled recordings"),
        (["--layout", "avia", "--microphones", "4"], "always holds all microphones; leave --microphones out"),
        (["--layout", "avia", "--beams"], "no place for --beams; leave them out"),
        (["--beam-grid", "6"], "--beam-grid is '6', expected 2 numbers separated by 'x'"),
        (["--layout", "avia", "--all-microphones"], "always holds all microphones; leave --all-microphones out"),
        (["--scenarios", "office, outdoor,office "], "scenario 'office' stands there twice"),
        (["--seconds", "nan"], "seconds is nan, expected from 0.5 to 3600"),
        (["--seconds", "inf"], "seconds is inf, expected from 0.5 to 3600"),
        (["--seconds", "1e6"], r"seconds is 1e\+06, expected"),
        (["--seed", "4294967296"], "seed is 4294967296, expected a number from 0 to 4294967295"),
        (["--layout", "avia", "--scenarios", "place-1"], "scenario is 'place-1', expected one of AVIA's"),
    ],
)
def test_arguments_of_simulate(arguments: list[str], says: str, command: Command, place: Path) -> None:
    refuses(command, place, "simulate", "avia-sim", place / "archive", *arguments, says=says)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--rig", "kinect"], "kinect: no such rig file"),
        (["--rig", "uma16", "--microphones", "17"], "cannot keep 17 of 16 working microphones"),
        (["--beam-grid", "0x6"], "--beam-grid is '0x6', expected columns x rows"),
        (["--seconds", "0.1"], "seconds is 0.1, expected from 0.5 to 3600"),
        (["--seed", "4294967296"], "seed is 4294967296, expected a number from 0 to 4294967295"),
        (["--takes", "2000", "--beams", "--seconds", "3600"], "recordings still to be made take about"),
    ],
)
def test_arguments_of_simulate_noise(arguments: list[str], says: str, command: Command, place: Path) -> None:
    refuses(command, place, "simulate", "noise", place / "archive", *arguments, says=says)


def test_simulate_as_it_was(command: Command, place: Path) -> None:
    """Once, the folder came at once."""
    says = "'archives/tiny', expected avia-sim, sounds or noise, then the folder"
    refuses(command, place, "simulate", "archives/tiny", "--preset", "tiny", says=says)


def test_simulating_with_too_few_clips(command: Command, place: Path) -> None:
    (place / "clips" / "clapping").mkdir(parents=True)
    sound(place / "clips" / "clapping" / "one.wav", channels=1)
    says = "clips of clapping: number of originals is 1, expected one for each of 6 subjects"
    refuses(command, place, "simulate", "avia-sim", place / "archive", "--sounds", place / "clips", says=says)


def test_playing_sounds_that_are_not_there(command: Command, place: Path) -> None:
    refuses(command, place, "simulate", "sounds", place / "nowhere", place / "archive", says="nowhere")


def test_simulating_where_no_folder_can_be(command: Command, place: Path) -> None:
    (place / "thesis.txt").write_text("years of work")
    refuses(command, place, "simulate", "avia-sim", place / "thesis.txt", says=r"thesis\.txt: OUT is a file")
    says = r"x: the folder cannot be made \(Not a directory\)"
    refuses(command, place, "simulate", "avia-sim", place / "thesis.txt/x", "--layout", "avia", says=says)


def test_simulating_over_something_else(command: Command, place: Path) -> None:
    (place / "thesis.txt").write_text("years of work")
    refuses(command, place, "simulate", "avia-sim", place, says=r"not an archive \(it has no archive.json\)")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (EXPERIMENT + "colour: red\n", "colour is not a known field"),
        (EXPERIMENT + "student: {training: {step: 3}}\n", "student.training.step is not a known field"),
        (EXPERIMENT + "student: {training: {steps: many}}\n", "student.training.steps is 'many': Input should be"),
        (EXPERIMENT + "student: {training: {steps: -1}}\n", "student.training.steps is -1: .* greater than or equal"),
        (EXPERIMENT + "teacher: dualcamnet\n", "teacher is 'dualcamnet': Input should be"),
        (EXPERIMENT.replace("recordings", "random"), "protocol.name is 'random': Input should be 'recordings'"),
        ("archive: ARCHIVE\n", "protocol is missing"),
        ("archive: [1\n", "not YAML"),
        ("- 1\n- 2\n", "content is list, expected keys and values"),
        ("", "content is NoneType, expected keys and values"),
        ("base: nowhere.yaml\n", "no such experiment file"),
        ("base: experiment.yaml\n", "its bases run in a circle"),
    ],
)
def test_configurations(text: str, says: str, command: Command, place: Path) -> None:
    small_archive(place / "archive")
    refuses(command, place, "train", experiment(place, text), "--out", place / "run", says=f"yaml: {says}")


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("steps", r"override: form is 'steps', expected key=value"),
        ("student.steps=3", "student.steps is not a known field"),
        ("seed=early", "seed is 'early': Input should be"),
        ("seed.value=3", "seed"),
        ("seed=[", "override seed: not YAML"),
    ],
)
def test_overrides(override: str, says: str, command: Command, place: Path) -> None:
    small_archive(place / "archive")
    refuses(command, place, "train", experiment(place), override, "--out", place / "run", says=says)


def test_missing_experiment_and_unknown_role(command: Command, place: Path) -> None:
    nowhere = place / "nowhere.yaml"
    refuses(command, place, "train", nowhere, says=rf"{nowhere}: no such experiment file")
    says = "--role is 'boss', expected teacher or student"
    refuses(command, place, "train", experiment(place), "--role", "boss", says=says)


def labelled_archive(place: Path) -> Archive:
    recordings = [{"label": label, "id": f"{label}-{i}"} for label in ("clap", "door") for i in range(3)]
    return small_archive(place / "archive", recordings)


def test_unknown_network(command: Command, place: Path) -> None:
    labelled_archive(place)
    arguments = ["train", experiment(place), "student.network=resnet", "--out", place / "run"]
    ended = command(*arguments)
    assert ended.status == 2
    assert ended.err.strip().splitlines()[-1].startswith("acoustill: model: name is 'resnet', expected one of ")


def test_a_class_that_is_not_on_every_side(command: Command, place: Path) -> None:
    small_archive(place / "archive", [{"label": label} for label in ("clap", "clap", "clap", "door")])
    says = f"{place / 'archive'}: no recording of class 'door' in "
    refuses(command, place, "train", experiment(place), "--out", place / "run", says=says)


def test_a_scenario_that_is_not_there(command: Command, place: Path) -> None:
    labelled_archive(place)
    text = EXPERIMENT.replace("recordings}", "scenarios, held_out: moon}")
    says = r"protocol.held_out is 'moon', expected one of \['office'\]"
    refuses(command, place, "train", experiment(place, text), "--out", place / "run", says=says)


def test_clips_longer_than_the_recordings(command: Command, place: Path) -> None:
    labelled_archive(place)
    ended = command("train", experiment(place), "clip_seconds=1.5", "--out", place / "run")
    assert ended.status == 2
    last = ended.err.strip().splitlines()[-1]
    assert re.match(r"acoustill: recording .*: length is 12 frames, expected a clip's 18 or more", last), last


def test_distilling_without_or_from_a_missing_teacher(command: Command, place: Path) -> None:
    labelled_archive(place)
    out = ["--out", place / "run"]
    refuses(command, place, "distill", experiment(place), *out, says="give at least one --teacher RUN")
    nobody = place / "nobody"
    says = rf"{nobody}: no such run folder"
    refuses(command, place, "distill", experiment(place), "--teacher", nobody, *out, says=says)


def test_a_run_folder_that_holds_something_else(command: Command, place: Path) -> None:
    labelled_archive(place)
    (place / "run").mkdir()
    (place / "run" / "thesis.txt").write_text("years of work")
    says = r"run: folder is not empty and no run, expected a new folder"
    refuses(command, place, "train", experiment(place), "--out", place / "run", says=says)


def test_reports_of_what_is_no_run(command: Command, place: Path) -> None:
    report = place / "report.html"
    report.write_text("of yesterday")
    refuses(command, place, "report", place / "none", "--out", report, says="none: no such run folder")
    (place / "none").mkdir()
    refuses(command, place, "report", place / "none", "--out", report, says="no finished run")


# in the library -------------------------------------------------------------------------------------------


def test_overlapping_splits(place: Path) -> None:
    archive = labelled_archive(place)
    sides = {"train": ("clap-0", "door-0"), "validation": ("clap-1", "door-1"), "test": ("clap-2", "door-2")}
    Split(**sides).check(archive)
    for other in ("validation", "test"):
        leaking = sides | {other: (*sides[other], "clap-0")}
        with pytest.raises(AcoustillError, match=f"recording clap-0 is in both train and {other}"):
            Split(**leaking).check(archive)
    with pytest.raises(AcoustillError, match="clap-2 is in both test and unlabelled"):
        Split(**sides, unlabelled=("clap-2",)).check(archive)


def test_splits_with_equal_audio_on_two_sides(place: Path) -> None:
    same = streams(77)
    recordings = [
        {"label": label, "id": f"{label}-{i}", "subject": f"s{i}"} for label in ("clap", "door") for i in range(3)
    ]
    recordings[0] |= {"audio": same["audio"]}
    recordings[2] |= {"audio": same["audio"]}
    archive = small_archive(place / "archive", recordings)
    with pytest.raises(AcoustillError, match=r"clap-0 of \w+ and clap-2 of \w+|clap-2 of \w+ and clap-0 of \w+"):
        split_archive(archive, Protocol(name="subjects"))
    assert [problem.what for problem in validate_archive(archive.path)] == ["its audio is that of clap-0"]


def test_errors_are_one_sentence_without_line_breaks(place: Path) -> None:
    """Whatever a message quotes."""
    path = place / "manifest.json"
    path.write_text('{"a":\n1,}')
    from acoustill.files import read_json

    with pytest.raises(AcoustillError) as caught:
        read_json(path)
    assert "\n" not in str(caught.value)
    assert json.dumps(str(path))[1:-1] in str(caught.value)
