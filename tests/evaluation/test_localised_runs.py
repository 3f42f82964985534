"""How far beside the action networks listen."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.small_simulations import BEAMS, small_experiment

from acoustill.archive import Archive, finish_archive
from acoustill.archive.clips import Clip
from acoustill.archive.recording import Recording
from acoustill.archive.splits import LABELLED_SIDES as SIDES
from acoustill.archive.splits import Split
from acoustill.errors import AcoustillError
from acoustill.evaluation import localisation
from acoustill.evaluation.localisation import compare_directions, direction_spacing, localise_run
from acoustill.learning.runs import Run
from acoustill.learning.training import train
from acoustill.models import Specification
from acoustill.rig import Camera

CAMERA = Camera(160, 120, (140.0, 140.0), (80.0, 60.0))


def attention_to(*cells: tuple[int, int], share: float = 1.0) -> np.ndarray:
    """On a grid of 3 x 4, a frame a cell (row, column); the rest is shared by all cells."""
    attention = np.full((len(cells), 3, 4), (1 - share) / 12)
    for frame, cell in enumerate(cells):
        attention[frame][cell] += share
    return attention


def angle(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Between the rays through two pixels of CAMERA, by the pinhole's formula."""
    rays = [np.array([(x - 80) / 140, (y - 60) / 140, 1.0]) for x, y in (one, other)]
    return float(np.arccos(rays[0] @ rays[1] / np.linalg.norm(rays[0]) / np.linalg.norm(rays[1])))


def test_listening_at_the_action_is_no_error() -> None:
    """Row 2, column 3 of 3 x 4 is at the lower right: pixel (140, 100)."""
    direction = np.array([[140 / 160, 100 / 120]], dtype=np.float32)
    errors, shares = compare_directions(attention_to((2, 3), share=0.4), direction, CAMERA)
    assert errors == pytest.approx([0.0], abs=1e-3)
    assert shares == pytest.approx([0.4 + 0.6 / 12])


def test_errors_are_the_angles_between_the_rays() -> None:
    """In the first frame the action is one column beside, in the second two rows below."""
    direction = np.array([[100 / 160, 20 / 120], [60 / 160, 100 / 120]], dtype=np.float32)
    errors, shares = compare_directions(attention_to((0, 1), (0, 1)), direction, CAMERA)
    assert errors == pytest.approx([angle((60, 20), (100, 20)), angle((60, 20), (60, 100))], abs=1e-5)
    assert shares == pytest.approx([0.0, 0.0])


def test_the_share_is_that_of_the_nearest_direction_whatever_the_largest_is() -> None:
    attention = np.zeros((1, 3, 4))
    attention[0, 0, 0], attention[0, 1, 2] = 0.7, 0.3
    direction = np.array([[0.52, 0.6]], dtype=np.float32)  # in row 1, column 2
    errors, shares = compare_directions(attention, direction, CAMERA)
    assert shares == pytest.approx([0.3])
    assert errors == pytest.approx([angle((20, 20), (0.52 * 160, 0.6 * 120))], abs=1e-5)


def test_a_turned_camera_sees_the_same_angles() -> None:
    """Directions are those of the camera: where it stands on the rig makes no difference."""
    moved = CAMERA.with_pose(np.array([0.1, -0.2, 0.05]), np.array([0.3, 0.1, -0.2]))
    rng = np.random.default_rng(0)
    attention, direction = rng.random((20, 3, 4)), rng.random((20, 2))
    for one, other in zip(
        compare_directions(attention, direction, CAMERA), compare_directions(attention, direction, moved), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize(("rows", "columns", "pair"), [(3, 4, ((60, 60), (100, 60))), (1, 4, ((60, 60), (100, 60)))])
def test_spacing_is_the_widest_between_neighbours(rows: int, columns: int, pair: tuple) -> None:
    """Those in the middle of the view are further apart than those at its rim; all are 40 pixels apart."""
    specification = Specification(
        streams=("beams",),
        classes=("a", "b"),
        sample_rate=12288,
        samples_per_frame=1024,
        clip_frames=12,
        beams_shape=(8, rows, columns, 129),
    )
    assert direction_spacing(specification, CAMERA) == pytest.approx(angle(*pair), abs=1e-6)


def trained(archive: Path, network: str, folder: Path) -> Path:
    train(small_experiment(archive, "teacher", network, 2), "teacher", folder, quiet=True)
    return folder


def test_whoever_is_told_the_direction_listens_within_one_of_the_action(small_simulation: Path, tmp_path: Path) -> None:
    run = Run(trained(small_simulation, "beamnet-true", tmp_path / "run"))
    found = localise_run(run.folder)
    assert [one.recording for one in found] == list(run.split.test)
    archive = Archive(small_simulation)
    for one in found:
        assert one.within == 1.0
        assert one.share == 1.0
        assert 0 < one.error_rad < angle((20, 20), (60, 60)) / 2 + 0.01
        assert one.scenario == archive.entries[one.recording].scenario


def test_whoever_learns_to_steer_is_judged_likewise(small_simulation: Path, tmp_path: Path) -> None:
    """Two steps teach nothing: what is loudest is still listened to, which is the action where nothing disturbs."""
    found = localise_run(trained(small_simulation, "fusednet", tmp_path / "run"))
    for one in found:
        assert 0 <= one.within <= 1
        assert one.share > 1.5 / BEAMS.rows / BEAMS.columns
        assert 0 < one.error_rad < np.pi


@pytest.mark.parametrize("network", ["acousticnet", "motionnet"])
def test_networks_that_steer_nothing_are_refused(network: str, small_simulation: Path, tmp_path: Path) -> None:
    folder = trained(small_simulation, network, tmp_path / "run")
    with pytest.raises(AcoustillError, match=f"run: network is {network}, expected one that steers beams"):
        localise_run(folder)


def test_recordings_of_unknown_direction_are_refused(small_simulation: Path, tmp_path: Path) -> None:
    archive = shutil.copytree(small_simulation, tmp_path / "archive", ignore=shutil.ignore_patterns("teachers"))
    for sidecar in archive.rglob("recording.json"):
        content = json.loads(sidecar.read_text())
        del content["provenance"]["simulated"]
        sidecar.write_text(json.dumps(content))
    (archive / "manifest.jsonl").unlink()
    finish_archive(archive)
    folder = trained(archive, "beamnet-heard", tmp_path / "run")
    with pytest.raises(AcoustillError, match="nobody knows in which direction its source is"):
        localise_run(folder)


def test_only_clips_of_the_test_side_are_read(
    small_simulation: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a recording that the test side has but a part of, no more than that."""
    train(small_experiment(small_simulation, "teacher", "beamnet", 2), "teacher", tmp_path / "run", quiet=True)
    parts = {side: [Clip(name, 0, 12) for name in getattr(Run(tmp_path / "run").split, side)] for side in SIDES}
    monkeypatch.setattr(Run, "split", Split.of_chunks(parts), raising=False)
    monkeypatch.setattr(
        Run, "__setattr__", lambda run, name, value: name == "split" or object.__setattr__(run, name, value)
    )
    read = []
    whole = localisation.read_clip

    def watch(recording: Recording, clip: Clip, *given: Any, **named: Any) -> Any:
        read.append((clip.start, clip.frames))
        return whole(recording, clip, *given, **named)

    monkeypatch.setattr(localisation, "read_clip", watch)
    assert len(localise_run(tmp_path / "run")) == len(read)
    assert set(read) == {(0, 12)}
