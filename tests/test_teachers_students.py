"""The table of teachers and students: its rows, its trainings, and what it makes of answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from benchmarks import teachers_students as table
from tests.small_simulations import small_experiment

from acoustill.archive import Archive
from acoustill.learning.configuration import Experiment, Student, Teacher
from acoustill.learning.training import train
from acoustill.models.store import NETWORKS
from acoustill.models.trunks import Masking

ROOT = Path(__file__).parents[1]
COMMON = ("archive=archives/a", "noise=archives/n")
ROWS = table.table_rows()


def part(experiment: Experiment, row: table.Row) -> Teacher | Student:
    return experiment.teacher if row.role == "teacher" else experiment.student


def answers(right: dict[str, float], seen: bool = True) -> list[list[Any]]:
    """By recording, named scenario-subject-number."""
    rows = []
    for recording, share in right.items():
        scenario, subject, _ = recording.split("-")
        rows.append([recording, "x", "x" if share > 0.5 else "y", scenario, subject, seen, share])
    return rows


def run(row: str, held_out: str | None, seed: int, given: list[list[Any]], **more: Any) -> dict[str, Any]:
    student = row.rpartition("-")[2] in table.RECIPES
    cost = {"parameters": 450_000, "multiply_adds": 20_000_000, "steps": 400}
    made = {"machine": "a machine", "archive": "0123456789", "role": "student" if student else "teacher"}
    return {"row": row, "held_out": held_out, "seed": seed, "answers": given, **made, **cost, **more}


def made_up(teacher: float, student: float, **more: Any) -> dict[str, Any]:
    """Runs of a fused teacher and of a student that are right in so large a share of the clips of ten subjects."""
    runs = []
    for row, right in (("fusednet", teacher), ("hearnet-augmented", student)):
        for held_out in (None, "office"):
            given = answers({f"office-s{i}-{n}": right for i in range(10) for n in range(3)}, held_out is None)
            runs.append(run(row, held_out, 0, given, **more))
    archive = {"recordings": 30, "classes": ["x", "y"]}
    return {"archive": archive, "planned": 8, "missing": [], "runs": runs, "again": []}


# rows and trainings -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.config)
def test_every_row_is_an_experiment_of_a_network_in_its_role(row: table.Row) -> None:
    experiment = table.experiment_of(table.Job(row, 3, None), Path("runs"), COMMON, ())
    options = part(experiment, row)
    other = experiment.student if row.role == "teacher" else experiment.teacher
    assert row.config.removesuffix(f"-{row.recipe}") == options.network
    assert options.network in NETWORKS
    assert (NETWORKS[options.network].streams == ("audio",)) == (row.role == "student")
    assert other.network == type(other)().network  # the other part of the file is nobody's
    assert (experiment.archive, experiment.noise, experiment.seed) == ("archives/a", "archives/n", 3)
    assert (experiment.protocol.name, experiment.protocol.fold) == ("recordings", 3)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.config)
def test_plain_students_hear_clips_as_they_are_and_all_others_are_augmented(row: table.Row) -> None:
    options = part(table.experiment_of(table.Job(row, 0, None), Path("runs"), COMMON, ()), row)
    heard = options.augmentation.audio if isinstance(options, Teacher) else options.augmentation
    chances = (heard.noise_chance, heard.field_chance, heard.reverberation_chance)
    if row.recipe == "plain":
        # pairs say how strong something is when it comes; single numbers say how often, or up to how much
        assert not [name for name, value in heard.model_dump().items() if not isinstance(value, tuple) and value]
    elif row.recipe == "augmented":
        assert all(chance > 0 for chance in chances)
    if isinstance(options, Teacher):
        beams = options.augmentation.beams
        assert beams.field_chance > 0
        assert beams.reverberation_chance > 0


@pytest.mark.parametrize("name", sorted({row.config.rpartition("-")[0] for row in ROWS if row.recipe == "plain"}))
def test_recipes_of_a_student_differ_in_the_recipe_alone(name: str) -> None:
    """Same steps, batches, learning rate: the augmented student is the control of the plain one, and reverse."""
    both = []
    for recipe in ("plain", "augmented"):
        row = table.Row(f"{name}-{recipe}", "student", recipe)
        both.append(table.experiment_of(table.Job(row, 0, None), Path("runs"), COMMON, ()).student.model_dump())
    plain, augmented = both
    assert plain.pop("augmentation") != augmented.pop("augmentation")
    assert plain["training"].pop("validate_in") == "known"
    assert augmented["training"].pop("validate_in") is None
    assert plain == augmented


def test_what_beams_are_worth_is_compared_with_one_microphone_by_the_same_recipe() -> None:
    beams, one = (
        table.experiment_of(table.Job(row, 0, None), Path("runs"), COMMON, ())
        for row in table.table_rows(["beamnet-heard", "micnet-matched"])
    )
    teacher, student = beams.teacher, one.student
    assert student.training == teacher.training
    at_array, heard = teacher.augmentation.beams.model_dump(), student.augmentation.model_dump()
    assert heard | {"level_db": heard["gain_db"]} == heard | at_array
    assert (heard["noise_chance"], heard["other_microphones"]) == (0.0, False)
    masks = Masking()  # as beamnet has them, whatever its settings
    assert (student.settings, teacher.settings) == ({"masks": [masks.times, masks.bands]}, {})


def test_the_rows_of_the_paper_and_ours_are_there() -> None:
    names = {row.config for row in ROWS}
    students = {f"{name}-{recipe}" for name in ("hearnet", "soundnet5", "compactnet") for recipe in table.RECIPES[:2]}
    assert students <= names
    assert {"dualcamnet", "resnet50", "temporal-resnet50", "avnet", *table.parts_of("fusednet"), "fusednet"} <= names
    assert [row.config for row in table.table_rows(["fusednet", "hearnet-plain"])] == ["fusednet", "hearnet-plain"]
    with pytest.raises(SystemExit, match="there is no row 'hearnet'"):
        table.table_rows(["hearnet"])


def test_a_scenario_is_held_out_with_its_subjects(small_simulation: Path) -> None:
    job = table.Job(ROWS[0], 7, "office")
    protocol = table.experiment_of(job, Path("runs"), COMMON, ("clip_seconds=2",)).protocol
    assert (protocol.name, protocol.held_out, protocol.fold) == ("scenarios-and-subjects", "office", 2)
    assert table.experiment_of(job, Path("runs"), COMMON, ("protocol.folds=3",)).protocol.fold == 1


def test_results_are_the_figures_with_a_line_a_run() -> None:
    figures = made_up(0.9, 0.5)
    text = table.results_text(figures)
    assert json.loads(text) == json.loads(json.dumps(figures))
    assert len(text.splitlines()) < 2 * len(figures) + len(figures["runs"])


def test_a_row_of_others_is_made_of_their_runs_of_the_same_seed_and_split() -> None:
    (row,) = table.table_rows(["fusednet"])
    assert set(row.parts) <= {row.config for row in ROWS}
    experiment = table.experiment_of(table.Job(row, 3, "office"), Path("runs"), COMMON, ("teacher.training.steps=800",))
    assert experiment.teacher.pretrained == tuple(f"runs/{part}-seed3-without-office" for part in row.parts)
    assert experiment.teacher.training.steps == 0


def test_trainings_go_seed_by_seed_and_none_twice(small_simulation: Path) -> None:
    rows = ROWS[:2]
    archive = Archive(small_simulation)
    jobs = table.planned(rows, [0, 4], archive)
    assert [(job.seed, job.row.config, job.held_out) for job in jobs] == [
        (seed, row.config, held_out) for seed in (0, 4) for row in rows for held_out in (None, "anechoic", "outdoor")
    ]
    assert len({job.folder for job in jobs}) == len(jobs)
    some = [job.row.config for job in table.planned(table.table_rows(["fusednet", "motionnet"]), [0], archive)]
    assert some == ["motionnet"] * 3 + ["fusednet"] * 3  # parts first


# answers ------------------------------------------------------------------------------------------------------


def test_answers_are_sorted_by_what_was_known() -> None:
    """A recording's value is the mean over the runs of one side; runs that know a scenario say nothing of unseen."""
    runs = [
        run("r", None, 0, answers({"office-s1-0": 1.0, "office-s2-0": 0.5})),
        run("r", None, 1, answers({"office-s1-0": 0.0})),
        run("r", "office", 0, answers({"office-s1-0": 0.5}, seen=False) + answers({"outdoor-s1-0": 1.0})),
    ]
    office, outdoor = ("office-s1-0", "s1", "office"), ("outdoor-s1-0", "s1", "outdoor")
    assert table.sides(runs) == {
        "within": {office: 0.5, ("office-s2-0", "s2", "office"): 0.5},
        "new subjects": {outdoor: 1.0},
        "unseen": {office: 0.5},
    }


def test_the_table_has_a_line_a_row_teachers_first() -> None:
    found = table.lines(made_up(0.75, 0.5))
    assert found[:2] == ["30 recordings, 2 classes, 4 of 8 runs, 0 failed", "4 runs: a machine, archive 01234567"]
    teacher, student = found[3:5]
    assert teacher.split()[:5] == ["fusednet", "0.45M", "20M", "400", "2"]
    assert student.startswith("hearnet-augmented")
    assert teacher.count("0.750") == 3  # within, unseen, and the scenario
    assert teacher.split()[-1] == "0.750"
    assert student.split()[-1] == "0.500"


def test_runs_of_several_machines_are_counted_by_machine_and_archive() -> None:
    figures = made_up(0.75, 0.5)
    figures["runs"][0] |= {"machine": "another", "archive": "9876543210"}
    found = table.lines(figures)
    assert found[1:3] == ["1 runs: another, archive 98765432", "3 runs: a machine, archive 01234567"]


def test_runs_that_were_made_twice_count_once_and_are_compared() -> None:
    """Ten subjects with three recordings each: of one run, the answers to one subject are others the second time."""
    figures = made_up(0.75, 0.5)
    again = json.loads(json.dumps(figures["runs"][0]))
    for answer in again["answers"][:3]:
        answer[2], answer[-1] = "y", 0.0
    found = table.lines(figures | {"again": [again]})
    told = "1 runs made twice answer 90.0% of the recordings alike; right in 0.750 and 0.675 of the clips"
    assert [line for line in found if line not in table.lines(figures)] == [told]


def test_known_runs_are_those_of_the_same_recordings(small_simulation: Path, tmp_path: Path) -> None:
    archive = Archive(small_simulation)
    given = [
        [name, one.label, "x", one.scenario, one.subject, True, 0.5] for name, one in sorted(archive.entries.items())
    ]
    figures = {"runs": [run("hearnet-plain", "office", 1, given)], "again": [run("avnet", None, 0, given)]}
    results = tmp_path / "results.json"
    results.write_text(json.dumps(figures))
    known, again = table.known_runs(results, archive)
    assert known == {"hearnet-plain-seed1-without-office": figures["runs"][0]}
    assert again == {"avnet-seed0-all": figures["again"][0]}
    assert set(known) == {table.Job(table.Row("hearnet-plain", "student", "plain"), 1, "office").folder}
    figures["again"][0]["answers"][0][1] = "something else"
    results.write_text(json.dumps(figures))
    with pytest.raises(SystemExit, match=r"something else.*give the archive that it was made with"):
        table.known_runs(results, archive)


def test_some_rows_of_known_runs_are_printed_without_the_others(
    small_simulation: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was made again of other rows is left out with them."""
    given = [
        [name, one.label, "x", one.scenario, one.subject, True, 0.5]
        for name, one in Archive(small_simulation).entries.items()
    ]
    more = {"network": "n", "recipe": "plain", "protocol": "recordings", "fold": 0, "scenarios": []}
    runs = [run(row, None, 0, given, **more) for row in ("hearnet-plain", "avnet")]
    (tmp_path / "known.json").write_text(json.dumps({"runs": runs, "again": runs[1:]}))
    options = [
        "--finished",
        "--only",
        "hearnet-plain",
        "--out",
        "runs",
        "--known",
        "known.json",
        "--results",
        "new.json",
    ]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["teachers_students", str(small_simulation), str(small_simulation), *options])
    table.main()
    kept = json.loads((tmp_path / "new.json").read_text())
    assert kept["runs"] == runs[:1]
    assert kept["again"] == []
    assert kept["planned"] == 5 * 3


@pytest.mark.parametrize(
    ("teacher", "unseen", "within"),
    [(0.75, "surely", "surely"), (0.7, "yes", "surely"), (0.56, "NO", "yes"), (0.4, "NO", "NO")],
)
def test_a_claim_is_judged_by_its_points(teacher: float, unseen: str, within: str) -> None:
    """Ten points in unseen scenarios, three within; differences that vary nowhere have Wilson's interval, 0.11 wide."""
    found = {line.split()[1]: line for line in table.lines(made_up(teacher, 0.5)) if "fusednet - hearnet" in line}
    for side, verdict, asked in (("unseen:", unseen, "+0.10"), ("within:", within, "+0.03")):
        assert found[side].split()[0] == verdict
        assert f"asked {asked}" in found[side]
        assert f"{teacher - 0.5:+.3f}" in found[side]


def test_only_recordings_that_both_answered_are_compared() -> None:
    runs = made_up(0.75, 0.5)
    for one in runs["runs"]:
        if one["row"] == "hearnet-augmented":
            one["answers"] = one["answers"][:3]  # one subject's
        else:
            for answer in one["answers"][:3]:
                answer[-1] = 0.0
    (line,) = [line for line in table.lines(runs) if "unseen: fusednet - hearnet" in line]
    assert "-0.500" in line
    assert line.startswith("NO")


def test_p_values_are_those_of_the_whole_family() -> None:
    """Ten subjects that all agree give 2 / 2^10 alone, and twice that where two differences are asked for."""
    found = [line for line in table.lines(made_up(0.75, 0.5)) if " p = " in line]
    assert len(found) == 2
    assert all(line.endswith(f"p = {2 * 2 / 2**10:.4f}") for line in found)


def test_learnt_steering_is_asked_to_beat_the_loudest_direction() -> None:
    figures = made_up(0.75, 0.5)
    for one in figures["runs"]:
        one["row"] = {"fusednet": "beamnet", "hearnet-augmented": "beamnet-loudest"}[one["row"]]
    asked = [line.partition(" [")[0] for line in table.lines(figures) if " asked " in line]
    assert [line.split() for line in asked] == [
        ["surely", f"{side}:", "beamnet", "-", "beamnet-loudest", "+0.250"] for side in ("unseen", "within")
    ]


def test_differences_are_printed_without_the_seed_that_was_tried_on_too() -> None:
    """Both seeds test the same recordings; one has a difference of 0.5, the other has none."""
    tried, untried = made_up(0.75, 0.25), made_up(0.25, 0.25)
    figures = tried | {"runs": tried["runs"] + [one | {"seed": 1} for one in untried["runs"]]}
    (line,) = [line for line in table.lines(figures) if "unseen: fusednet - hearnet" in line]
    assert "+0.250 [" in line
    assert "without seed 0 +0.000" in line
    assert not any("without seed 0" in line for line in table.lines(tried))


def test_a_claim_has_to_hold_without_the_seed_that_was_tried_on() -> None:
    """Both seeds together are 0.25 better, as asked; the other seed alone is not."""
    figures = made_up(0.75, 0.25)
    others = [one | {"seed": 1} for one in made_up(0.25, 0.25)["runs"]]
    verdicts = [
        line.split()[0] for line in table.lines(figures | {"runs": figures["runs"] + others}) if " asked " in line
    ]
    assert verdicts == ["NO", "NO"]
    assert [line.split()[0] for line in table.lines(figures) if " asked " in line] == ["surely", "surely"]


def test_a_claim_is_sure_if_it_is_so_without_the_seed_that_was_tried_on() -> None:
    """Both seeds together are 0.38 better, and 0.11 less at the least; the other seed alone is 0.2 better."""
    figures = made_up(0.8, 0.25)
    others = [one | {"seed": 1} for one in made_up(0.45, 0.25)["runs"]]
    found = table.lines(figures | {"runs": figures["runs"] + others})
    (line,) = [line for line in found if "unseen: fusednet - hearnet" in line]
    assert line.startswith("yes")
    low, without = (float(part.partition(",")[0]) for part in line.split(" [")[1:])
    assert low >= table.POINTS_UNSEEN > without


def test_each_seed_stands_alone_too() -> None:
    figures = made_up(0.75, 0.25)
    others = [one | {"seed": 2} for one in made_up(0.5, 0.25)["runs"] if one["row"] == "fusednet"]
    found = table.lines(figures | {"runs": figures["runs"] + others})
    place = next(i for i, line in enumerate(found) if line.startswith("by seed"))
    assert found[place].split() == ["by", "seed", "within", "unseen"]
    assert found[place + 1].split() == ["fusednet", "0.750", "0.500", "0.750", "0.500"]
    assert found[place + 2].split() == ["hearnet-augmented", "0.250", "-", "0.250", "-"]


def test_what_nobody_asked_for_is_printed_beside_and_corrects_no_p() -> None:
    figures = made_up(0.75, 0.5)
    for one in figures["runs"]:
        one["row"] = {"fusednet": "beamnet", "hearnet-augmented": "beamnet-heard"}[one["row"]]
    found = [line.split() for line in table.lines(figures) if " p = " in line]
    assert [line[:6] for line in found] == [
        ["unasked", f"{side}:", "beamnet", "-", "beamnet-heard", "+0.250"] for side in ("within", "unseen")
    ]
    assert all(line[-2:] == [f"{2 / 2**10:.4f}", "alone"] for line in found)


def test_where_it_listens_is_of_unseen_scenarios_alone() -> None:
    runs = made_up(0.75, 0.5)
    for one in runs["runs"]:
        if one["row"] == "fusednet":
            one["localised"] = [
                ["office-s1-0", "office", 0.1, 0.75, 0.5],
                ["outdoor-s1-0", "outdoor", 0.5, 0.0, 0.0],
            ]
    found = table.lines(runs)
    place = next(i for i, line in enumerate(found) if line.startswith("how far beside"))
    assert found[place + 1].startswith("fusednet")
    assert "5.7 degrees" in found[place + 1]
    assert "75.0% of the frames" in found[place + 1]
    assert "nearest direction 0.50" in found[place + 1]


def test_a_table_of_one_row_is_printed() -> None:
    figures = made_up(0.75, 0.5)
    figures["runs"] = figures["runs"][-1:]
    figures["missing"] = ["fusednet-seed0-all"]
    found = table.lines(figures)
    assert len(found) == 6
    assert found[0].endswith("1 of 8 runs, 1 failed")


def test_a_run_is_judged_by_clip_by_recording_and_by_where_it_listens(small_simulation: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train(small_experiment(small_simulation, "teacher", "beamnet-heard", 2), "teacher", folder, quiet=True)
    judged = json.loads(json.dumps(table.judged_run(folder)))
    assert sum(scenario["n"] for scenario in judged["scenarios"]) == len(judged["answers"]) == 3
    assert all(scenario["seen"] for scenario in judged["scenarios"])
    assert {row[0] for row in judged["localised"]} == {row[0] for row in judged["answers"]}
    for row in judged["answers"]:
        assert row[-1] in (0.0, 0.5, 1.0)  # of two clips
    shares = [row[-1] for row in judged["answers"]]
    by_clip = sum(scenario["accuracy_clip"] * scenario["n"] for scenario in judged["scenarios"])
    assert by_clip == pytest.approx(sum(shares), abs=1e-3)
    assert judged["parameters"] > 4e5
    assert judged["multiply_adds"] > 1e6


def test_the_page_has_a_place_for_the_table() -> None:
    page = (ROOT / "docs/teachers-students.md").read_text()
    assert table.pages.block(page, "teachers-students")
