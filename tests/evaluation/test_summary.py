from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from tests.evaluation.dummies import SEEN, UNSEEN, dummy_archive, dummy_run

from acoustill.archive import Archive
from acoustill.errors import AcoustillError
from acoustill.evaluation.summary import read_evaluated, summarise
from acoustill.files import read_json_lines, write_json_lines


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return dummy_archive(tmp_path_factory.mktemp("summary") / "archive", subjects=4, images=False)


def change(folder: Path, **settings: object) -> Path:
    """Rewrites settings of a run as if it had been trained so; `a__b` is key b below key a."""
    content = yaml.safe_load((folder / "config.yaml").read_text())
    for name, value in settings.items():
        place = content
        *path, last = name.split("__")
        for key in path:
            place = place[key]
        place[last] = value
    (folder / "config.yaml").write_text(yaml.safe_dump(content))
    return folder


def always(entry, number: int) -> bool:
    return True


def never(entry, number: int) -> bool:
    return False


def summary_of(*folders: Path) -> dict:
    return summarise(read_evaluated(folders))


def test_seeds_and_folds_are_repetitions_and_other_settings_are_not(tmp_path: Path, archive: Archive) -> None:
    first = dummy_run(tmp_path / "a", archive, always)
    seed = dummy_run(tmp_path / "b", archive, never, seed=1)
    fold = change(dummy_run(tmp_path / "c", archive, always), protocol__fold=1)
    quiet = change(dummy_run(tmp_path / "d", archive, never), student__augmentation__noise_chance=0.0)
    summary = summary_of(first, seed, fold, quiet)
    sizes = {group["name"]: len(group["runs"]) for group in summary["groups"]}
    assert sizes == {"student hearnet, labels": 3, "student hearnet, labels (variant 2)": 1}
    assert summary["groups"][0]["all"]["value"] == pytest.approx(2 / 3, abs=1e-4)


def test_settings_that_did_not_shape_a_network_do_not_split_its_group(tmp_path: Path, archive: Archive) -> None:
    first = dummy_run(tmp_path / "a", archive, always)
    other = change(dummy_run(tmp_path / "b", archive, always, seed=1), distillation__temperature=9.0)
    assert len(summary_of(first, other)["groups"]) == 1


def rotated(tmp_path: Path, archive: Archive, right: bool, recipe: str) -> list[Path]:
    """Runs of which each holds out one of the two scenarios: right, or wrong, where it is unseen, the rest reversed."""
    folders = []
    for held_out in (SEEN, UNSEEN):

        def answers(entry, _: int, held_out: str = held_out) -> bool:
            return (entry.scenario == held_out) == right

        folder = dummy_run(tmp_path / f"{recipe}-{held_out}", archive, answers, recipe=recipe)
        change(folder, protocol__held_out=held_out)
        path = folder / "predictions.jsonl"
        rows = [row | {"seen": row["scenario"] != held_out} for row in read_json_lines(path)]
        write_json_lines(path, rows)
        folders.append(folder)
    return folders


def test_parts_are_compared_where_every_clip_is_in_both(tmp_path: Path, archive: Archive) -> None:
    runs = [*rotated(tmp_path, archive, False, "labels"), *rotated(tmp_path, archive, True, "distilled")]
    found = {c["part"]: c["difference"]["value"] for c in summary_of(*runs)["comparisons"]}
    assert found == {"all": 0.0, "within": -1.0, "unseen": 1.0}


def test_clips_of_other_lengths_and_runs_given_twice_are_refused(tmp_path: Path, archive: Archive) -> None:
    one = dummy_run(tmp_path / "a", archive, always)
    longer = change(dummy_run(tmp_path / "b", archive, always), clip_seconds=0.4)
    with pytest.raises(AcoustillError, match=r"b: length of its clips is 0.4 s, expected 0.2 s, as of .*a"):
        summary_of(one, longer)
    with pytest.raises(AcoustillError, match="is given twice"):
        summary_of(one, tmp_path / "b/../a")


def test_classes_are_those_of_the_network_though_none_of_one_is_tested(tmp_path: Path, archive: Archive) -> None:
    run = dummy_run(tmp_path / "a", archive, never)
    path = run / "predictions.jsonl"
    kept = [line for line in path.read_text().splitlines() if '"label": "clap"' in line]
    path.write_text("\n".join(kept) + "\n")
    summary = summary_of(run)
    assert summary["classes"] == list(archive.classes)
    assert summary["groups"][0]["confusion"] == [[0, len(kept)], [0, 0]]


def test_students_of_different_teachers_are_no_repetitions(tmp_path: Path, archive: Archive) -> None:
    """Teachers of other seeds are; a teacher that is gone is known by its network alone."""
    one, again = (dummy_run(tmp_path / f"t{seed}", archive, always, "teacher", seed=seed) for seed in (0, 1))
    other = change(dummy_run(tmp_path / "quiet", archive, always, "teacher"), teacher__augmentation__level_db=0.0)
    students = [
        dummy_run(tmp_path / f"s{i}", archive, always, recipe="distilled", seed=i, teachers=teachers)
        for i, teachers in enumerate([[one], [again], [other], [one, other], [other, one]])
    ]
    assert [len(group["runs"]) for group in summary_of(*students)["groups"]] == [2, 1, 2]
    for gone in (one, again, other):
        (gone / "run.json").unlink()
    assert [len(group["runs"]) for group in summary_of(*students)["groups"]] == [3, 2]


def test_fused_teachers_of_repetitions_are_repetitions(tmp_path: Path, archive: Archive) -> None:
    fused = []
    for seed in (0, 1):
        parts = [dummy_run(tmp_path / f"part{seed}", archive, always, "teacher", seed=seed)]
        run = dummy_run(tmp_path / f"fused{seed}", archive, always, "teacher", seed=seed)
        fused.append(change(run, teacher__network="fusednet", teacher__pretrained=[str(part) for part in parts]))
    assert len(summary_of(*fused)["groups"]) == 1
    change(tmp_path / "part1", teacher__augmentation__level_db=0.0)
    assert len(summary_of(*fused)["groups"]) == 2


def test_only_equal_repetitions_are_compared(tmp_path: Path, archive: Archive) -> None:
    """Labels were lucky with seed 1, which the distilled student never had."""
    labels = [dummy_run(tmp_path / "l0", archive, never), dummy_run(tmp_path / "l1", archive, always, seed=1)]
    distilled = dummy_run(tmp_path / "d0", archive, never, recipe="distilled")
    (whole,) = (c for c in summary_of(*labels, distilled)["comparisons"] if c["part"] == "all")
    assert whole["difference"]["value"] == 0.0
    alone = dummy_run(tmp_path / "d2", archive, always, recipe="distilled", seed=2)
    assert summary_of(*labels, alone)["comparisons"] == []


def test_a_clip_seen_by_one_run_and_unseen_by_another_counts_in_each_part(tmp_path: Path, archive: Archive) -> None:
    seen = dummy_run(tmp_path / "a", archive, always)
    unseen = change(dummy_run(tmp_path / "b", archive, never), protocol__held_out="workshop")
    path = unseen / "predictions.jsonl"
    swapped = path.read_text().replace('"seen": true', '"seen": X').replace('"seen": false', '"seen": true')
    path.write_text(swapped.replace('"seen": X', '"seen": false'))
    for order in ((seen, unseen), (unseen, seen)):
        (group,) = summary_of(*order)["groups"]
        assert group["within"]["n"] == group["unseen"]["n"] == group["all"]["n"]
        assert group["within"]["value"] == group["unseen"]["value"] == 0.5
