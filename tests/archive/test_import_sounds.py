"""Collections of single sounds become archives: labels from a table or from folders, samples as they were."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import soundfile

from acoustill.archive.importers.importing import ImportResult, run_import
from acoustill.archive.importers.sounds import SoundsOptions, frame_rate_of, plan_sounds_archive
from acoustill.archive.protocols import Protocol, split_archive
from acoustill.archive.validation import validate_archive
from acoustill.errors import AcoustillError
from refusals import state

RATE = 8000


def noise(samples: int = 2 * RATE, channels: int = 1, seed: int = 0) -> np.ndarray:
    """(samples, channels) int16."""
    return np.random.default_rng(seed).integers(-(2**15), 2**15, (samples, channels)).astype(np.int16)


def write(path: Path, samples: np.ndarray, rate: int = RATE, subtype: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype)
    return path


def imported(root: Path, **options: object) -> ImportResult:
    return run_import(plan_sounds_archive(root, SoundsOptions(**options)), root.parent / "archive")  # type: ignore[arg-type]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "sounds"
    folder.mkdir()
    return folder


def test_a_folder_a_class(root: Path) -> None:
    """Folders in folders are searched; hidden files, and what is no sound, are left out; ends of frames are kept."""
    files = {"dog/a.wav": 0, "dog/deep/er/b.FLAC": 1, "cat/a.wav": 2, "cat/c.aiff": 3}
    for i, name in enumerate(files):
        write(root / name, noise(RATE + 13 * i, seed=i))
    for name in ("dog/readme.txt", "dog/.hidden.wav", ".git/x.wav", "cat/cover.jpg"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(b"x")
    result = imported(root)
    assert not result.aside
    assert result.notes == {}
    assert (result.archive.rig.sample_rate, result.archive.rig.frame_rate, result.archive.rig.channels) == (RATE, 10, 1)
    found = {
        recording.sidecar.provenance["imported"]["file"]: recording
        for recording in (result.archive[one] for one in result.archive.entries)
    }
    assert sorted(found) == sorted(files)
    for name, i in files.items():
        np.testing.assert_array_equal(found[name].audio, noise(RATE + 13 * i, seed=i).T)
        assert (found[name].entry.label, found[name].entry.subject) == (name.split("/")[0], None)
        assert (found[name].entry.frames, found[name].audio.dtype) == (10, np.int16)
    assert validate_archive(root.parent / "archive") == []


@pytest.mark.parametrize(
    ("subtype", "dtype", "shift"),
    [("PCM_U8", np.int16, 8), ("PCM_16", np.int16, 0), ("PCM_24", np.int32, 8), ("PCM_32", np.int32, 0)],
)
def test_integers_are_left_justified_and_lose_nothing(subtype: str, dtype: type, shift: int, root: Path) -> None:
    values = (
        np.random.default_rng(0).integers(-(2**31), 2**31, 2 * RATE) >> (32 - 8 * np.dtype(dtype).itemsize)
    ).astype(dtype)
    values = (values >> shift) << shift
    write(root / "x" / "a.wav", values, subtype=subtype)
    recording = imported(root).archive["x-a"]
    assert recording.audio.dtype == dtype
    np.testing.assert_array_equal(recording.audio[0], values)
    heard, _ = soundfile.read(root / "x" / "a.wav", dtype="float32")
    np.testing.assert_array_equal(recording.signals()[0], heard)


@pytest.mark.parametrize("ending", ["ogg", "mp3"])
def test_lossy_files_are_kept_as_floats(ending: str, root: Path) -> None:
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(3 * RATE) / RATE)
    write(root / "tone" / f"a.{ending}", tone)
    recording = imported(root).archive["tone-a"]
    heard, _ = soundfile.read(root / "tone" / f"a.{ending}", dtype="float32")
    assert recording.audio.dtype == np.float32
    np.testing.assert_allclose(recording.audio[0], heard, atol=1e-7)  # decoders round by the size of what is asked for


@pytest.mark.parametrize(("channels", "note"), [("mean", "mean of 2 channels"), ("first", "first of 2 channels")])
def test_stereo(channels: str, note: str, root: Path) -> None:
    samples = noise(channels=2)
    write(root / "x" / "a.wav", samples)
    result = imported(root, channels=channels)
    audio = result.archive["x-a"].audio
    if channels == "first":
        np.testing.assert_array_equal(audio[0], samples[:, 0])
        assert audio.dtype == np.int16
    else:
        np.testing.assert_array_equal(audio[0], (samples.sum(axis=1, dtype=np.int64) / 2.0**16).astype(np.float32))
    assert result.notes == {note: 1}


def test_the_rate_is_that_of_most_and_others_are_resampled(root: Path) -> None:
    def tone(rate: int) -> np.ndarray:
        return 0.5 * np.sin(2 * np.pi * 440 * np.arange(2 * rate) / rate)

    for name, rate in (("a", 22050), ("b", 22050), ("c", 44100), ("d", 16000)):
        write(root / "x" / f"{name}.wav", tone(rate), rate, "FLOAT")
    result = imported(root)
    assert (result.archive.rig.sample_rate, result.archive.rig.frame_rate) == (22050, 10)
    assert result.notes == {"resampled from 16000 Hz": 1, "resampled from 44100 Hz": 1}
    for one in "cd":
        audio = result.archive[f"x-{one}"].audio
        assert audio.shape == (1, 2 * 22050)
        np.testing.assert_allclose(audio[0, 500:-500], tone(22050)[500:-500], atol=2e-4)
    chosen = plan_sounds_archive(root, SoundsOptions(sample_rate=16000))
    assert (chosen.rig.sample_rate, chosen.rig.frame_rate) == (16000, 10)
    # Not that of a set of equally many: the higher one.
    (root / "x" / "b.wav").unlink()
    assert plan_sounds_archive(root, SoundsOptions()).rig.sample_rate == 44100


def test_a_frame_is_a_whole_number_of_samples() -> None:
    for rate in (1, 7, 7919, 8000, 11025, 12288, 16000, 22050, 32000, 44100, 48000, 96000):
        assert rate % frame_rate_of(rate) == 0
        assert not [more for more in range(frame_rate_of(rate) + 1, 13) if rate % more == 0]


def test_bad_files_are_set_aside(root: Path) -> None:
    good = write(root / "x" / "good.wav", noise())
    (root / "x" / "text.wav").write_text("hello")
    (root / "x" / "nothing.wav").write_bytes(b"")
    (root / "x" / "cut.wav").write_bytes(good.read_bytes()[:-100])
    write(root / "x" / "empty.wav", noise(0))
    write(root / "x" / "short.wav", noise(RATE // 10 - 1))
    write(root / "x" / "nan.wav", np.where(np.arange(RATE) == 7, np.nan, 0.1), subtype="FLOAT")
    write(root / "loose.wav", noise(seed=1))
    (root / "x" / "link.wav").symlink_to(root / "gone.wav")
    result = imported(root)
    assert list(result.archive.entries) == ["x-good"]
    why = {one.name: one.why for one in result.aside}
    assert set(why) == {
        "x/text.wav",
        "x/nothing.wav",
        "x/link.wav",
        "x-cut",
        "x-empty",
        "x-short",
        "x-nan",
        "loose.wav",
    }
    assert "not a readable sound file" in why["x/text.wav"]
    assert "not a readable sound file" in why["x/nothing.wav"]
    assert "truncated, 100 bytes of samples" in why["x-cut"]
    assert "length is 0 samples" in why["x-empty"]
    assert "length is 799 samples, expected at least one frame of 800 samples" in why["x-short"]
    assert "nan.wav: sample 7 of channel 0, at 0.000875 s, is nan, expected a finite number" in why["x-nan"]
    assert "its folder is no class" in why["loose.wav"]


def test_folders_without_labels(root: Path) -> None:
    write(root / "loose.wav", noise())
    write(root / "x" / "a.wav", noise(seed=1))
    result = imported(root, unlabelled=True)
    assert [entry.label for entry in result.archive.entries.values()] == [None, None]


def test_ids_follow_from_paths_alone(root: Path) -> None:
    names = ["dog/1.wav", "cat/1.wav", "cat/two words.wav", "dog/犬.wav", "dog/狗.wav"]
    for i, name in enumerate(names):
        write(root / name, noise(seed=i))
    result = imported(root)
    assert len(result.archive) == len(names)
    assert {"dog-1", "cat-1", "cat-two-words"} < set(result.archive.entries)
    plan = plan_sounds_archive(root, SoundsOptions())
    assert [one.id for one in plan.sources] == sorted(result.archive.entries)
    assert pickle.loads(pickle.dumps(plan)).sources == plan.sources
    (root / "cat" / "1.wav").unlink()
    assert {one.id for one in plan_sounds_archive(root, SoundsOptions()).sources} == set(result.archive.entries) - {
        "cat-1"
    }


def test_files_of_one_id_do_not_stop_the_others(root: Path) -> None:
    for i, name in enumerate(("cat/1.flac", "cat/1.wav", "Cat-1/x.wav", "cat/2.wav")):
        write(root / name, noise(seed=i))
    result = imported(root)
    assert sorted(result.archive.entries) == ["Cat-1-x", "cat-1", "cat-2"]
    (one,) = result.aside
    assert one.name == "cat/1.wav"
    assert one.why.endswith("1.wav: its id would be cat-1, that of cat/1.flac, expected another name of the file")


def test_what_changed_is_imported_again(root: Path) -> None:
    for i in range(3):
        write(root / f"{i}.wav", noise(seed=i))
    table = root / "metadata.csv"
    table.write_text("filename,label,src_file\n0.wav,a,s\n1.wav,a,s\n2.wav,a,t\n")
    assert [entry.origin for entry in imported(root).archive.entries.values()] == ["s", "s", "t"]
    table.write_text("filename,label,src_file\n0.wav,b,s\n1.wav,a,s\n2.wav,a,t\n")
    write(root / "1.wav", noise(RATE, seed=1))
    result = imported(root)
    assert result.written == 2
    assert [entry.label for entry in result.archive.entries.values()] == ["b", "a", "a"]
    np.testing.assert_array_equal(result.archive["1"].audio, noise(RATE, seed=1).T)
    assert imported(root).written == 0


def test_names_that_are_no_text_are_set_aside(root: Path) -> None:
    write(root / "x" / "a.wav", noise())
    folder = os.fsencode(root)
    try:
        os.mkdir(folder + b"/caf\xe9")
        (root / "x" / "a.wav").rename(os.fsdecode(folder + b"/caf\xe9/b.wav"))
    except OSError:
        pytest.skip("this file system takes no such names")
    write(root / "x" / "a.wav", noise(seed=1))
    Path(os.fsdecode(folder + b"/x/\xff.wav")).write_bytes((root / "x" / "a.wav").read_bytes())
    result = imported(root)
    assert list(result.archive.entries) == ["x-a"]
    assert len(result.aside) == 2
    for one in result.aside:
        assert "its name is not UTF-8" in one.why
        (one.name + one.why).encode()


def test_links_to_folders_are_followed_once(root: Path, tmp_path: Path) -> None:
    write(tmp_path / "elsewhere" / "a.wav", noise())
    write(root / ".store" / "b.wav", noise(seed=1))
    write(root / "cat" / "c.wav", noise(seed=2))
    (root / "dog").symlink_to(tmp_path / "elsewhere")
    (root / "bird").symlink_to(root / ".store")
    (root / "also").symlink_to(root / "cat")
    (root / "cat" / "round").symlink_to(root)
    (root / "zebra").symlink_to(tmp_path / "elsewhere")
    result = imported(root)
    assert sorted(result.archive.entries) == ["bird-b", "cat-c", "dog-a"]
    assert sorted(one.name for one in result.aside) == ["also", "cat/round", "zebra"]
    assert all("which is read where it is" in one.why for one in result.aside)


def test_what_is_left_out_is_said(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root / "x" / "a.wav", noise())
    (root / "x" / "b.M4A").write_bytes(b"x")
    (root / "x" / "readme.txt").write_bytes(b"x")
    (root / "closed").mkdir()
    os.mkfifo(root / "x" / "pipe.wav")
    listed = os.listdir

    def refused(path: Path) -> list[str]:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "listdir", refused)
    result = imported(root)
    why = {one.name: one.why for one in result.aside}
    assert set(why) == {"closed", "x/b.M4A", "x/pipe.wav"}
    assert "a folder that cannot be read (Permission denied)" in why["closed"]
    assert "b.M4A: format is .m4a, expected one of .wav" in why["x/b.M4A"]


def test_a_table_with_line_breaks_in_cells_and_a_file_of_a_name_too_long(root: Path) -> None:
    for i in range(2):
        write(root / f"{i}.wav", noise(seed=i))
    lines = [
        "filename;label;note;fold",
        '0.wav;a;"two\nlines\x0bof text";1',
        f"{'x' * 300}.wav;a;;x",
        "1.wav;a;n;2;more",
    ]
    (root / "metadata.csv").write_text("\n".join([*lines, "1.wav;b;n;2"]))
    result = imported(root)
    assert result.archive.entries["0"].columns == {"note": "two\nlines\x0bof text", "fold": "1"}
    assert [one.why.split("metadata.csv: ", 1)[1][:6] for one in result.aside] == ["row 3:", "row 4:"]
    assert "it has 5 cells, expected at most 4, as the header" in result.aside[1].why
    assert result.archive.entries["1"].label == "b"


@pytest.mark.parametrize("table", ["metadata.csv", "meta/esc50.csv"])
@pytest.mark.parametrize("label", ["category", "class"])
def test_the_layout_of_esc_50(table: str, label: str, root: Path) -> None:
    """With byte-order mark, quotes, a class in other letters, and sounds beside or in the folder `audio`."""
    lines = [f"filename,fold,target,{label},esc10,src_file,take"]
    for i in range(12):
        write(root / ("audio" if i % 2 else "") / f"{i % 3 + 1}-100-{i}.wav", noise(seed=i))
        lines.append(
            f'{i % 3 + 1}-100-{i}.wav,{i % 3 + 1},{i % 2},"{"Chien, grand" if i < 6 else "pluie é"}",True,0{i},A'
        )
    write(root / "audio" / "unlisted.wav", noise())
    lines += ["gone.wav,1,0,x,True,7,A", ",1,0,x,True,7,A", "1-100-0.wav,1,0,x,True,7,A", "2-100-1.wav,2,0,,True,7,A"]
    (root / table).parent.mkdir(exist_ok=True)
    (root / table).write_text("\ufeff" + "\n".join(lines) + "\n", encoding="utf-8")
    result = imported(root)
    assert len(result.archive) == 12
    assert set(result.archive.classes) == {"Chien, grand", "pluie é"}
    entry = result.archive.entries["2-100-1"]
    assert (entry.subject, entry.columns) == ("01", {"fold": 2, "target": 1, "esc10": "True", "take": "A"})
    np.testing.assert_array_equal(result.archive["2-100-1"].audio, noise(seed=1).T)
    why = [one.why for one in result.aside]
    assert [one.name for one in result.aside] == ["gone.wav", "row 15", "1-100-0.wav", "2-100-1.wav"]
    assert "gone.wav, which is not there" in why[0]
    assert "row 15: column filename is empty, expected a file" in why[1]
    assert "row 16: filename is 1-100-0.wav, that of row 2, expected another file" in why[2]
    assert f"row 17: column {label} is empty, expected a label" in why[3]
    split = split_archive(result.archive, Protocol(name="fixed"))
    assert (len(split.train), len(split.validation), len(split.test)) == (4, 4, 4)
    assert plan_sounds_archive(root, SoundsOptions(unlabelled=True)).sources[0].label is None  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "header is missing"),
        ("filename,label\n", "number of rows is 0"),
        (
            "file,label\na.wav,x\n",
            r"header \(row 1\) is file,label, expected filename and one of class, category, label",
        ),
        ("filename,name\na.wav,x\n", r"header \(row 1\) is filename,name, expected filename and one of"),
        ("filename,label\na.wav,\xff\n", "not a UTF-8 text file"),
        ("filename,label\na.wav," + 200_000 * "x", "row 2 is not CSV"),
    ],
)
def test_tables_that_cannot_be_used(text: str, says: str, root: Path) -> None:
    (root / "metadata.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(AcoustillError, match=says):
        plan_sounds_archive(root, SoundsOptions())


def test_folders_and_options_that_cannot_be_used(root: Path) -> None:
    with pytest.raises(AcoustillError, match="no such folder of sounds"):
        plan_sounds_archive(root / "gone", SoundsOptions())
    with pytest.raises(AcoustillError, match="holds no sounds"):
        plan_sounds_archive(root, SoundsOptions())
    write(root / "a.wav", noise())
    with pytest.raises(
        AcoustillError, match=r"nothing to import; a\.wav: .*its folder is no class, expected one folder"
    ):
        imported(root)
    with pytest.raises(AcoustillError, match="channels is 'both', expected first or mean"):
        plan_sounds_archive(root, SoundsOptions(channels="both"))  # type: ignore[arg-type]
    with pytest.raises(AcoustillError, match="sample rate is 0 Hz"):
        plan_sounds_archive(root, SoundsOptions(sample_rate=0))
    (root / "meta").mkdir()
    for name in "ab":
        (root / "meta" / f"{name}.csv").write_text("filename,label\n")
    with pytest.raises(AcoustillError, match="table of sounds is 2 files"):
        plan_sounds_archive(root, SoundsOptions())


def test_the_same_folder_gives_the_same_bytes_and_says_nothing_of_this_machine(tmp_path: Path) -> None:
    states = []
    for place in ("one", "two"):
        write(tmp_path / place / "sounds" / "x" / "a.wav", noise(channels=2))
        write(tmp_path / place / "sounds" / "y" / "a.wav", noise(seed=1), 11025)
        result = imported(tmp_path / place / "sounds")
        states.append(state(result.archive.path))
        assert all(str(tmp_path) not in file.read_text() for file in result.archive.path.rglob("*.json*"))
    assert states[0] == states[1]


@pytest.fixture(scope="module")
def esc10() -> Path:
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("ACOUSTILL_SHARED_DATA", beside)) / "esc10"
    if not folder.is_dir():
        pytest.skip(f"no ESC-10 at {folder}; set ACOUSTILL_SHARED_DATA to the folder that holds it")
    return folder


def test_esc_10(esc10: Path, tmp_path: Path) -> None:
    """400 sounds of ten classes in five folds, every sample as in its file, no original in two folds."""
    result = run_import(plan_sounds_archive(esc10, SoundsOptions()), tmp_path / "archive")
    archive = result.archive
    assert (len(archive), len(archive.classes), result.aside, result.notes) == (400, 10, (), {})
    assert (archive.rig.sample_rate, archive.rig.frame_rate) == (22050, 10.0)
    folds: dict[str, set[object]] = {}
    for name in archive.entries:
        recording = archive[name]
        file = esc10 / recording.sidecar.provenance["imported"]["file"]
        samples, rate = soundfile.read(file, dtype="int16")
        assert rate == 22050
        np.testing.assert_array_equal(recording.audio[0], samples)
        assert (recording.entry.frames, recording.audio.dtype) == (50, np.int16)
        folds.setdefault(str(recording.entry.subject), set()).add(recording.entry.columns["fold"])
    assert set.union(*folds.values()) == {1, 2, 3, 4, 5}
    assert all(len(fold) == 1 for fold in folds.values())
    split = split_archive(archive, Protocol(name="fixed", fold=2))
    assert (len(split.train), len(split.validation), len(split.test)) == (240, 80, 80)
    assert json.loads((tmp_path / "archive" / "archive.json").read_text())["maker"]["importer"] == "sounds"
