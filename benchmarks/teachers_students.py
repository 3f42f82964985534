"""Every teacher and every student on AVIA-Sim, in scenarios that it knows and in one that it never heard.

    acoustill simulate avia-sim archives/avia-sim --preset small --beams --jobs 2
    acoustill simulate noise archives/avia-noise --beams --jobs 2
    python -m benchmarks.teachers_students archives/avia-sim archives/avia-noise --out runs/teachers-students --jobs 2 \
        --results benchmarks/results/teachers-students.json --write-docs docs/teachers-students.md

Each file in configs/teachers-students is a row of the table. A seed N trains it four times: on recordings of all
scenarios, tested on fold N of five (within), and with one scenario after the other held out, tested on subjects of
fold N that it never met: in the scenario that it never heard either (unseen), and in those that it knows (new
subjects). Five seeds so test each recording once within, once unseen and twice with new subjects. Students come twice:
from labels as they are, and with noise and reverberation; teachers of beams get noise and reverberation, too, those of
images and video do not. fusednet is made of other rows' networks, which have to be there or among what is trained. It
goes on where it was interrupted, seed by seed. --only takes some rows, and --finished trains nothing and prints what is
there. Answers to every recording go to --results; with --known, runs that such a file holds are taken from it and not
trained again, so that several machines can share the work.

What is asked at the end: fusednet and beamnet against the student that the test itself finds best, fusednet against its
best part, what beams are worth (beamnet-heard against micnet: the same layers, and neither sees), what it is worth to
learn where to listen (beamnet against beamnet-loudest), and CompactNet against HearNet. What holds has to hold without
seed 0, too, whose test was looked at while settings were tried out.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # before numpy: the pools of threads are made when it is imported
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")

import numpy as np
import torch
from benchmarks import pages
from benchmarks.imaging import machine

from acoustill.archive import Archive
from acoustill.evaluation.ensembles import recording_predictions
from acoustill.evaluation.localisation import localise_run
from acoustill.evaluation.predictions import Prediction, evaluate_run
from acoustill.evaluation.statistics import PairedDifference, Unit, accuracy_interval, holm, paired_difference
from acoustill.files import file_hash, read_json, write_json, write_text
from acoustill.jobs import collect_jobs, progress_bar
from acoustill.learning import load_experiment
from acoustill.learning.configuration import Experiment
from acoustill.learning.runs import Role, Run, is_finished
from acoustill.learning.training import train
from acoustill.models import load_network
from acoustill.models.beamnet import SteeringNetwork
from acoustill.models.costs import cost_of

CONFIGS = Path(__file__).parent.parent / "configs/teachers-students"
RECIPES = ("plain", "augmented", "matched")  # labels alone; with noise and reverberation; as a teacher is trained
ANSWER = ("recording", "label", "predicted", "scenario", "subject", "seen")  # and the share of its clips that are right
SIDES = ("within", "new subjects", "unseen")
BY_SEED = ("within", "unseen")
UNASKED = (
    ("beamnet-heard", "micnet-matched"),
    ("beamnet", "beamnet-heard"),
    ("beamnet-true", "beamnet"),
    ("micnet-augmented", "compactnet-augmented"),
    ("micnet-augmented", "hearnet-augmented"),
    *((f"{network}-augmented", f"{network}-plain") for network in ("compactnet", "hearnet", "soundnet5")),
)
POINTS_UNSEEN, POINTS_WITHIN = 0.10, 0.03
TRIED_ON = 0  # the seed whose test was looked at while networks and settings were tried out


@dataclass(frozen=True)
class Row:
    """A line of the table: a network, how it was trained, in which role.

    Attributes:
        config: name of its file.
        role: teacher or student.
        recipe: one of RECIPES; a teacher is augmented by what there is for its streams.
        parts: the rows whose networks it is made of, for those that are made of others.
    """

    config: str
    role: Role
    recipe: str
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Job:
    """One training of a row.

    Attributes:
        row: of which.
        seed: of the training, and the fold that is tested.
        held_out: the scenario that is not trained on; None for all of them.
    """

    row: Row
    seed: int
    held_out: str | None

    @property
    def folder(self) -> str:
        """Name of its run."""
        return self.folder_of(self.row.config)

    def folder_of(self, config: str) -> str:
        """Name of another row's run with the same seed and split."""
        return run_name(config, self.seed, self.held_out)


def run_name(config: str, seed: int, held_out: str | None) -> str:
    """Name of a run: of its folder, and of its place in the table."""
    return f"{config}-seed{seed}-{'all' if held_out is None else f'without-{held_out}'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path)
    parser.add_argument("noise", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/teachers-students"))
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(5)))
    parser.add_argument("--only", nargs="*", metavar="ROW", help="names of files in configs/teachers-students")
    parser.add_argument("--finished", action="store_true", help="train nothing; judge and print what is there")
    parser.add_argument("--known", type=Path, metavar="RESULTS", help="what --results wrote before; see above")
    parser.add_argument("--jobs", type=int, default=2, help="trainings at a time, each on one core")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="overrides of the configurations")
    parser.add_argument("--results", type=Path, help="where the figures go, as JSON")
    parser.add_argument("--write-docs", type=Path, help="page whose block 'teachers-students' is replaced")
    arguments = parser.parse_args()
    archive = Archive(arguments.archive)
    rows = table_rows(arguments.only)
    plan = planned(rows, arguments.seeds, archive)
    known, again = known_runs(arguments.known, archive) if arguments.known else ({}, {})
    jobs = [
        job
        for job in plan
        if is_finished(arguments.out / job.folder) or not (arguments.finished or job.folder in known)
    ]
    do = functools.partial(
        trained_run,
        out=arguments.out,
        common=(f"archive={json.dumps(str(arguments.archive))}", f"noise={json.dumps(str(arguments.noise))}"),
        overrides=tuple(arguments.set),
    )
    own, aside = {}, []
    with progress_bar("training", len(jobs)) as advance:
        # at a time, what does not wait for each other
        for _, together in groupby(jobs, key=lambda job: (job.seed, bool(job.row.parts))):
            some = list(together)
            done, missing = collect_jobs(do, some, [job.folder for job in some], arguments.jobs, advance)
            own |= {some[i].folder: done[i] for i in done}
            aside += missing
    for one in aside:
        print(f"{one.name}: {one.why}")
    made = {"machine": machine(), "archive": archive.id, "noise": Archive(arguments.noise).id}
    own = {name: made | run for name, run in own.items()}
    again |= {name: own[name] for name in own if name in known and own[name]["weights"] != known[name]["weights"]}
    runs = [run for job in plan if (run := (own | known).get(job.folder))]
    figures = {
        "archive": {"recordings": len(archive), "classes": list(archive.classes)},
        "planned": len(plan),
        "missing": [one.name for one in aside],
        "rows": flat_rows(runs),
        "runs": runs,
        "again": [again[job.folder] for job in plan if job.folder in again],
    }
    print("\n".join(lines(figures)))
    if arguments.results:
        write_text(arguments.results, results_text(figures))
    if arguments.write_docs:
        pages.write_block(arguments.write_docs, "teachers-students", lines(figures))
    if aside:
        sys.exit(f"{len(aside)} of {len(jobs)} trainings failed")


def table_rows(only: Sequence[str] | None = None) -> list[Row]:
    """The rows, by the files there are: `NAME.yaml` for teachers, `NAME-RECIPE.yaml` for students."""
    found = []
    names = sorted(path.stem for path in CONFIGS.glob("*.yaml"))
    if unknown := sorted(set(only or ()) - set(names)):
        sys.exit(f"--only: there is no row {unknown[0]!r}; the rows are {', '.join(names)}")
    for name in only or names:
        recipe = name.rpartition("-")[2]
        if recipe in RECIPES:
            found.append(Row(name, "student", recipe))
        else:
            found.append(Row(name, "teacher", "augmented", parts_of(name)))
    return found


def known_runs(results: Path, archive: Archive) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Runs of an earlier --results, and those that were made again, by name.

    Archives of one plan, simulated by processors that round differently, have different ids: it is the recordings that
    have to be the same.
    """
    figures = read_json(results)
    for run in (*figures["runs"], *figures["again"]):
        for recording, label, _, scenario, subject, *_ in run["answers"]:
            one = archive.entries.get(recording)
            if one is None or (label, scenario, subject) != (one.label, one.scenario, one.subject):
                sys.exit(
                    f"--known {results}: {recording} ({label}, {scenario}, {subject}) is not in {archive.path}; "
                    "give the archive that it was made with"
                )
    return by_name(figures["runs"]), by_name(figures["again"])


def by_name(runs: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Runs by what they are of."""
    return {run_name(run["row"], run["seed"], run["held_out"]): run for run in runs}


def parts_of(config: str) -> tuple[str, ...]:
    """The rows whose networks a row is made of."""
    given = load_experiment(CONFIGS / f"{config}.yaml").teacher.pretrained
    return given if isinstance(given, tuple) else ()


def planned(rows: Sequence[Row], seeds: Sequence[int], archive: Archive) -> list[Job]:
    """All trainings: seed by seed, so that some are a table of fewer seeds; parts before what is made of them."""
    rows = sorted(rows, key=lambda row: len(row.parts))
    scenarios = sorted({str(entry.scenario) for entry in archive.entries.values() if entry.label is not None})
    return [Job(row, seed, held_out) for seed in seeds for row in rows for held_out in (None, *scenarios)]


def experiment_of(job: Job, out: Path, common: Sequence[str], overrides: Sequence[str]) -> Experiment:
    """The experiment of a training: the row's file, the seed, what is held out, and the runs of its parts."""
    folds = load_experiment(CONFIGS / f"{job.row.config}.yaml", [*common, *overrides]).protocol.folds
    chosen = [f"seed={job.seed}", f"protocol.fold={job.seed % folds}"]
    if job.held_out is not None:
        chosen += ["protocol.name=scenarios-and-subjects", f"protocol.held_out={job.held_out}"]
    fused = []
    if job.row.parts:  # whatever is overridden
        runs = json.dumps([str(out / job.folder_of(part)) for part in job.row.parts])
        fused = [f"teacher.pretrained={runs}", "teacher.training.steps=0"]
    return load_experiment(CONFIGS / f"{job.row.config}.yaml", [*common, *chosen, *overrides, *fused])


def trained_run(job: Job, out: Path, common: Sequence[str], overrides: Sequence[str]) -> dict[str, Any]:
    """One training, unless it is there already, with its answers."""
    torch.set_num_threads(1)
    folder = out / job.folder
    experiment = experiment_of(job, out, common, overrides)
    train(experiment, job.row.role, folder, quiet=True)
    kept, weights = folder / "judged.json", file_hash(folder / "model.safetensors")
    if not kept.is_file() or read_json(kept)["weights"] != weights:
        write_json(kept, {"weights": weights, **judged_run(folder)})
    judged: dict[str, Any] = read_json(kept)
    return {
        "network": load_network(folder).name,
        "row": job.row.config,
        "role": job.row.role,
        "recipe": job.row.recipe,
        "steps": getattr(experiment, job.row.role).training.steps,
        "protocol": experiment.protocol.name,
        "fold": experiment.protocol.fold,
        "seed": job.seed,
        "held_out": job.held_out,
        "seconds": Run(folder).seconds,
        **judged,
    }


def judged_run(folder: Path) -> dict[str, Any]:
    """What a run answered: counts by scenario, the answer to every recording, and where it listened."""
    clips = evaluate_run(folder)
    recordings = recording_predictions(clips, Run(folder).classes)
    network = load_network(folder)
    cost = cost_of(network)
    right: dict[str, list[float]] = defaultdict(list)
    for clip in clips:
        right[clip.recording].append(float(clip.right))
    scenarios = []
    for scenario in sorted({str(one.scenario) for one in recordings}):
        of_clips, of_recordings = ([one for one in some if one.scenario == scenario] for some in (clips, recordings))
        scenarios.append(
            {
                "scenario": scenario,
                "seen": of_clips[0].seen,
                "accuracy_clip": round(_accuracy(of_clips), 4),
                "accuracy_recording": round(_accuracy(of_recordings), 4),
                "n": len(of_recordings),
            }
        )
    found: dict[str, Any] = {
        "parameters": cost.parameters,
        "multiply_adds": cost.multiply_adds,
        "scenarios": scenarios,
        "answers": [
            [
                one.recording,
                one.label,
                one.predicted,
                one.scenario,
                one.subject,
                one.seen,
                np.mean(right[one.recording]),
            ]
            for one in recordings
        ],
    }
    if isinstance(network, SteeringNetwork) and network.steers:
        found["localised"] = [
            [one.recording, one.scenario, round(one.error_rad, 4), round(one.within, 4), round(one.share, 4)]
            for one in localise_run(folder)
        ]
    return found


def flat_rows(runs: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row a run and scenario: what a table of one's own is made from."""
    kept = ("row", "network", "role", "recipe", "steps", "protocol", "fold", "seed", "held_out")
    return [{name: run[name] for name in kept} | scenario for run in runs for scenario in run["scenarios"]]


def results_text(figures: dict[str, Any]) -> str:
    """The figures as JSON with a line for each row and run: there are tens of thousands of answers in them."""
    parts = []
    for name, value in figures.items():
        each = ",\n".join(json.dumps(one) for one in value) if isinstance(value, list) else ""
        parts.append(f"{json.dumps(name)}: " + (f"[\n{each}\n]" if each else json.dumps(value)))
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _accuracy(predictions: Sequence[Prediction]) -> float:
    return sum(one.right for one in predictions) / len(predictions)


Side = dict[tuple[str, str, str], float]  # by recording, subject and scenario: share of clips that were right


def sides(runs: Iterable[dict[str, Any]]) -> dict[str, Side]:
    """What was right of each recording, the mean over runs.

    `within`: of runs that know all scenarios and most subjects; `new subjects`: in scenarios that were trained on;
    `unseen`: new subjects in the scenario that was held out.
    """
    values: dict[str, dict[tuple[str, str, str], list[float]]] = {side: defaultdict(list) for side in SIDES}
    for run in runs:
        for recording, _, _, scenario, subject, seen, right in run["answers"]:
            side = "within" if run["held_out"] is None else "new subjects" if seen else "unseen"
            values[side][recording, subject, scenario].append(right)
    return {side: {key: float(np.mean(all_)) for key, all_ in found.items()} for side, found in values.items()}


def lines(figures: dict[str, Any]) -> list[str]:
    """The table, and what is asked of it."""
    by_row: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for run in figures["runs"]:
        by_row[run["row"]].append(run)
    judged = {row: sides(runs) for row, runs in by_row.items()}
    untried = {row: sides(run for run in runs if run["seed"] != TRIED_ON) for row, runs in by_row.items()}
    scenarios = sorted({scenario for side in judged.values() for _, _, scenario in side["unseen"]})
    found = [
        f"{figures['archive']['recordings']} recordings, {len(figures['archive']['classes'])} classes, "
        f"{len(figures['runs'])} of {figures['planned']} runs, {len(figures['missing'])} failed",
        *_machines(figures),
        f"{'':20s}{'param':>7s}{'MAC/clip':>9s}{'steps':>6s}{'runs':>6s}  "
        + "".join(f"{side:22s}" for side in SIDES)
        + "".join(f"{scenario:>9s}" for scenario in scenarios),
    ]
    for row in sorted(by_row, key=lambda row: (by_row[row][0]["role"] == "student", row)):
        found.append(_table_line(row, by_row[row], judged[row], scenarios))
    return found + _by_seed(by_row) + _localisation(by_row) + _asked(judged, untried) + _beside(judged, untried)


def _machines(figures: dict[str, Any]) -> list[str]:
    """Where the runs were made, and how far runs agree that were made twice."""
    counts = Counter((run["machine"], run["archive"]) for run in figures["runs"])
    found = [f"{n} runs: {machine}, archive {archive[:8]}" for (machine, archive), n in counts.items()]
    if figures["again"]:
        first = by_name(figures["runs"])
        pairs = [
            pair
            for name, again in by_name(figures["again"]).items()
            for pair in zip(first[name]["answers"], again["answers"], strict=True)
        ]
        alike = np.mean([one[2] == other[2] for one, other in pairs])
        right = [np.mean([float(pair[i][-1]) for pair in pairs]) for i in (0, 1)]
        found.append(
            f"{len(figures['again'])} runs made twice answer {alike:.1%} of the recordings alike; "
            f"right in {right[0]:.3f} and {right[1]:.3f} of the clips"
        )
    return found


def _table_line(row: str, runs: list[dict[str, Any]], judged: dict[str, Side], scenarios: Sequence[str]) -> str:
    first = runs[0]
    millions = f"{first['parameters'] / 1e6:6.2f}M{first['multiply_adds'] / 1e6:8.0f}M"
    line = f"{row:20s}{millions}{first['steps']:6d}{len(runs):6d}  "
    line += "".join(f"{_estimate(judged[side]):22s}" for side in SIDES)
    for scenario in scenarios:
        right = [value for key, value in judged["unseen"].items() if key[2] == scenario]
        line += f"{np.mean(right):9.3f}" if right else f"{'-':>9s}"
    return line


def _units(side: Side) -> list[Unit]:
    return [Unit(value, recording, subject) for (recording, subject, _), value in side.items()]


def _estimate(side: Side) -> str:
    if not side:
        return "-"
    one = accuracy_interval(_units(side))
    return f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"


def _by_seed(by_row: dict[str, list[dict[str, Any]]]) -> list[str]:
    """What each seed gives alone. It has a fold of its own, and so people of its own."""
    seeds = sorted({run["seed"] for runs in by_row.values() for run in runs})
    found = [f"{'by seed':20s}" + "".join(f"   {side:{6 * len(seeds)}s}" for side in BY_SEED).rstrip()]
    for row, runs in sorted(by_row.items()):
        judged = [sides(run for run in runs if run["seed"] == seed) for seed in seeds]
        of_sides = ("".join(_mean_of(one[side]) for one in judged) for side in BY_SEED)
        found.append(f"{row:20s}  " + "   ".join(of_sides))
    return found


def _mean_of(side: Side) -> str:
    return f"{np.mean(list(side.values())):6.3f}" if side else f"{'-':>6s}"


def _localisation(by_row: dict[str, list[dict[str, Any]]]) -> list[str]:
    """How far beside the action each network listens in scenarios that it never heard."""
    found = []
    for row, runs in sorted(by_row.items()):
        places = [place for run in runs for place in run.get("localised", ()) if place[1] == run["held_out"]]
        if places:
            degrees, near, share = (np.array([place[i] for place in places], dtype=float) for i in (2, 3, 4))
            found.append(
                f"{row:20s}{np.degrees(np.median(degrees)):5.1f} degrees (median); within one direction of it in "
                f"{near.mean():.1%} of the frames; share of the nearest direction {share.mean():.2f}"
            )
    return ["how far beside the action it listens, in unseen scenarios:", *found] if found else []


def _best(rows: Iterable[str], judged: dict[str, dict[str, Side]], side: str) -> str | None:
    scored = {row: np.mean(list(judged[row][side].values())) for row in rows if row in judged and judged[row][side]}
    return max(scored, key=lambda row: scored[row]) if scored else None


def _asked(judged: dict[str, dict[str, Side]], untried: dict[str, dict[str, Side]]) -> list[str]:
    """Paired differences that the claims rest on, over recordings that both answered; p by Holm over all of them.

    The student to be beaten, and the part that the fused teacher is to be as good as, are the best ones of the test
    itself: that is to their advantage. `untried` has what is left without the seed that settings were tried out on.
    """
    students = [row for row in judged if row.endswith(("-augmented", "-matched"))]
    found: list[tuple[str, str, str, float, PairedDifference, PairedDifference | None]] = []
    for side, points in (("unseen", POINTS_UNSEEN), ("within", POINTS_WITHIN)):
        student, part = _best(students, judged, side), _best(parts_of("fusednet"), judged, side)
        pairs = [("fusednet", student, points), ("beamnet", student, points)]
        pairs += [("fusednet", part, 0.0), ("beamnet-heard", "micnet-augmented", 0.0)]
        pairs += [("beamnet", "beamnet-loudest", 0.0)]
        pairs += [(f"compactnet-{recipe}", f"hearnet-{recipe}", 0.0) for recipe in RECIPES]
        for one, other, least in pairs:
            if other is not None and (difference := _difference(judged, one, other, side)):
                found.append((side, one, other, least, difference, _difference(untried, one, other, side)))
    adjusted = holm([difference.p for *_, difference, _ in found])
    return [
        f"{_verdict(difference, rest, least):9s}{side}: {one} - {other} "
        f"{_with_interval(difference)}, asked {least:+.2f}, {_without(rest)}p = {p:.4f}"
        for (side, one, other, least, difference, rest), p in zip(found, adjusted, strict=True)
    ]


def _difference(judged: dict[str, dict[str, Side]], one: str, other: str, side: str) -> PairedDifference | None:
    """Of the recordings that both rows answered; None where there are none."""
    if one not in judged or other not in judged:
        return None
    first, second = judged[one][side], judged[other][side]
    units = [Unit(first[key] - second[key], key[0], key[1]) for key in first if key in second]
    return paired_difference(units) if units else None


def _beside(judged: dict[str, dict[str, Side]], untried: dict[str, dict[str, Side]]) -> list[str]:
    """Differences that nothing is asked of, each with the p that it has alone."""
    found = []
    for one, other in UNASKED:
        for side in BY_SEED:
            if difference := _difference(judged, one, other, side):
                without = _without(_difference(untried, one, other, side))
                told = f"{_with_interval(difference)}, {without}p = {difference.p:.4f} alone"
                found.append(f"{'unasked':9s}{side}: {one} - {other} {told}")
    return found


def _with_interval(difference: PairedDifference) -> str:
    one = difference.estimate
    return f"{one.value:+.3f} [{one.low:+.3f}, {one.high:+.3f}]"


def _without(rest: PairedDifference | None) -> str:
    """The same difference without the seed that was tried on, where there are others."""
    return f"without seed {TRIED_ON} {_with_interval(rest)}, " if rest else ""


def _verdict(difference: PairedDifference, rest: PairedDifference | None, least: float) -> str:
    """Whether a difference is as large as asked: surely, by its interval; as measured; or not.

    Where there are other seeds than the one that settings were tried out on, it has to be so without that one, too.
    """
    both = difference.estimate, (rest or difference).estimate
    if min(one.low for one in both) >= least:
        return "surely"
    return "yes" if min(one.value for one in both) >= least else "NO"


if __name__ == "__main__":
    main()
