"""Is AVIA-Sim neither too easy nor solvable by shortcuts?

    acoustill simulate avia-sim archives/avia-sim --preset small --jobs 2
    python -m benchmarks.difficulty archives/avia-sim --out runs/difficulty \
        --results benchmarks/results/difficulty.json --write-docs docs/avia-sim.md

HearNet learns from labels (configs/difficulty.yaml). First as papers do it: other recordings of the same subjects, in
the same scenarios. Then one scenario after the other is held out, and it is asked about subjects it never heard: each
clip is answered by runs that knew its scenario and by one that did not. A seed tests another fold. Then classifiers
are given only what should not tell the class, and what may. It goes on where it was interrupted. The answers to every
clip and recording go to --results.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # before numpy: the pools of threads are made when it is imported
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")

import numpy as np
import torch
from benchmarks import cues, pages, probes

from acoustill.archive import Archive
from acoustill.archive.protocols import split_archive
from acoustill.evaluation.predictions import Prediction, evaluate_run, read_predictions
from acoustill.evaluation.statistics import Unit, accuracy_interval, paired_difference
from acoustill.files import json_hash, replacing
from acoustill.jobs import progress_bar
from acoustill.learning import load_experiment
from acoustill.learning.configuration import Experiment
from acoustill.learning.runs import Run
from acoustill.learning.training import train

CONFIG = Path(__file__).parent.parent / "configs/difficulty.yaml"
SUBJECTS = ("known subjects", "new subjects")
TOO_EASY, LOST = 0.95, 0.15
CONFUSIONS = 8
TITLES = {
    "shortcut": "shortcuts",
    "image": "energy image",
    "equalised image": "energy image, equalised",
    "band image": "energy image of a band",
    "own": "sound and action",
}

Row = Sequence[Any]  # recording, start, label, predicted, scenario, subject, whether its scenario was trained on


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/difficulty"))
    parser.add_argument(
        "--seeds",
        type=int,
        nargs="+",
        default=[0, 1],
        help="seed N tests fold N of four, of recordings and of subjects",
    )
    parser.add_argument(
        "--set", nargs="*", default=[], metavar="KEY=VALUE", help="overrides of configs/difficulty.yaml"
    )
    parser.add_argument("--results", type=Path, help="where the figures go, as JSON")
    parser.add_argument("--write-docs", type=Path, help="page whose block 'difficulty' is replaced")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    runs = trained(arguments.archive, arguments.out, arguments.seeds, arguments.set)
    archive = Archive(arguments.archive)
    figures = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__.split('+')[0]}",
        "archive": {"id": archive.id, "recordings": len(archive), "classes": list(archive.classes)},
        "hearnet": {"runs": runs} | judged_runs(runs),
        "probes": probed(archive, arguments.out),
    }
    print("\n".join(lines(figures)))
    if arguments.results:
        arguments.results.write_text(json.dumps(figures) + "\n")
    if arguments.write_docs:
        pages.write_block(arguments.write_docs, "difficulty", lines(figures))


def trained(archive: Path, out: Path, seeds: Sequence[int], overrides: Sequence[str]) -> list[dict[str, Any]]:
    """Every run with its answers."""
    scenarios = sorted({str(e.scenario) for e in Archive(archive).entries.values() if e.label is not None})
    folds = load_experiment(CONFIG, overrides).protocol.folds
    runs = []
    for seed in seeds:
        common = [f"archive={json.dumps(str(archive))}", f"seed={seed}", *overrides, f"protocol.fold={seed % folds}"]
        settings = {f"seed{seed}-all": [*common, "protocol.name=recordings", "protocol.held_out=null"]}
        settings |= {
            f"seed{seed}-without-{held_out}": [*common, f"protocol.held_out={held_out}"] for held_out in scenarios
        }
        runs += [trained_run(out / name, load_experiment(CONFIG, chosen)) for name, chosen in settings.items()]
    return runs


def trained_run(folder: Path, experiment: Experiment) -> dict[str, Any]:
    """One run, trained unless it is there already, with its answers."""
    train(experiment, "student", folder)
    evaluate_run(folder)
    protocol = experiment.protocol
    return {
        "seed": experiment.seed,
        "protocol": protocol.name,
        "fold": protocol.fold,
        "held_out": protocol.held_out,
        "steps": experiment.student.training.steps,
        "trained_on": len(split_archive(Archive(experiment.archive), protocol).train),
        "seconds": Run(folder).seconds,
        "rows": [row_of(answer) for answer in read_predictions(folder)],
    }


def row_of(answer: Prediction) -> Row:
    return [
        answer.recording,
        answer.start,
        answer.label,
        answer.predicted,
        answer.scenario,
        answer.subject,
        answer.seen,
    ]


def judged_runs(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Accuracy in scenarios that were trained on, of known and of new subjects, and in the one that was not."""
    known = [row for run in runs if run["protocol"] == "recordings" for row in run["rows"]]
    new = [row for run in runs if run["protocol"] != "recordings" for row in run["rows"]]
    wrong = Counter((row[2], row[3]) for row in known if row[2] != row[3])
    asked = Counter(row[2] for row in known)
    confused = sorted(wrong, key=lambda pair: (-wrong[pair] / asked[pair[0]], pair))[:CONFUSIONS]
    return {
        "known subjects": by_scenario([*known, *(row for row in new if not row[6])]),
        "new subjects": by_scenario(new),
        "confusions": [[*pair, round(wrong[pair] / asked[pair[0]], 4)] for pair in confused],
    }


def by_scenario(rows: Sequence[Row]) -> dict[str, Any]:
    """Judged all together and each scenario alone."""
    scenarios = sorted({row[4] for row in rows})
    return {"all": judged_rows(rows)} | {s: judged_rows([row for row in rows if row[4] == s]) for s in scenarios}


def judged_rows(rows: Sequence[Row]) -> dict[str, Any]:
    """The same clips answered by runs that knew their scenario and by runs that did not, and the difference."""
    values: dict[bool, dict[tuple[str, int, str], list[float]]] = {True: defaultdict(list), False: defaultdict(list)}
    for recording, start, label, predicted, _, subject, seen in rows:
        values[seen][recording, start, subject].append(float(label == predicted))
    within, unseen = ({key: sum(right) / len(right) for key, right in values[seen].items()} for seen in (True, False))
    units = [
        [Unit(value, recording, subject) for (recording, _, subject), value in side.items()]
        for side in (within, unseen)
    ]
    lost = [Unit(within[key] - value, key[0], key[2]) for key, value in unseen.items() if key in within]
    difference = paired_difference(lost)
    return {
        "within": accuracy_interval(units[0]).to_json(),
        "unseen": accuracy_interval(units[1]).to_json(),
        "lost": difference.estimate.to_json(),
        "p": round(difference.p, 4),
    }


def probed(archive: Archive, out: Path) -> dict[str, Any]:
    """What each group of cues tells, with every answer."""
    recordings, table = cue_table(archive, out / "cues.npz")
    rows = []
    shortcuts = [cue.name for cue in cues.CUES if cue.kind == "shortcut"]
    together = cues.Cue("all of these", "all shortcuts together")
    table[together.name] = np.concatenate([table[name] for name in shortcuts], axis=1)
    asked = [*cues.CUES[: len(shortcuts)], together, *cues.CUES[len(shortcuts) :]]
    with progress_bar("probing cues", len(asked)) as advance:
        for cue in asked:
            for classifier in probes.CLASSIFIERS:
                predicted = probes.answers(table[cue.name], recordings, classifier)
                rows.append(
                    {"cue": cue.name, "says": cue.says, "kind": cue.kind, "classifier": classifier}
                    | probes.judged(predicted, recordings)
                    | {"predicted": predicted.tolist()}
                )
            advance()
    return {
        "recordings": [list(row) for row in zip(recordings.ids, recordings.labels, recordings.subjects, strict=True)],
        "scenarios": list(recordings.scenarios),
        "rows": rows,
    }


def cue_table(archive: Archive, kept: Path) -> tuple[probes.Recordings, dict[str, np.ndarray]]:
    """The cues of all labelled recordings; kept in a file, so that they are extracted once."""
    entries = [entry for entry in archive.entries.values() if entry.label is not None]
    recordings = probes.Recordings(
        *(tuple(str(getattr(entry, name)) for entry in entries) for name in ("id", "label", "subject", "scenario"))
    )
    made_of = json_hash([archive.id, Path(cues.__file__).read_text()])
    if kept.is_file():
        with np.load(kept) as stored:
            if str(stored["made_of"]) == made_of:
                return recordings, {cue.name: stored[cue.name] for cue in cues.CUES}
    scenarios, rows = tuple(sorted(set(recordings.scenarios))), []
    with progress_bar("extracting cues", len(entries)) as advance:
        for recording in recordings.ids:
            rows.append(cues.cues_of(archive, recording, scenarios))
            advance()
    table = {cue.name: np.stack([row[cue.name] for row in rows]).astype(np.float32) for cue in cues.CUES}
    with replacing(kept) as beside, beside.open("wb") as file:
        np.savez(file, allow_pickle=False, made_of=np.array(made_of), **table)
    return recordings, table


def criteria(figures: dict[str, Any]) -> list[tuple[str, bool]]:
    """What is asked of the data set, and whether it holds."""
    known, new = (figures["hearnet"][subjects]["all"] for subjects in SUBJECTS)
    chance = 1 / len(figures["archive"]["classes"])
    above = {kind: list[str]() for kind in TITLES}
    for row in figures["probes"]["rows"]:
        if row["interval"][1] >= 2 * chance and row["cue"] not in above[row["kind"]]:
            above[row["kind"]].append(row["cue"])
    return [
        (
            "HearNet, known scenarios and subjects: interval above twice chance",
            known["within"]["interval"][0] > 2 * chance,
        ),
        (
            f"HearNet, known scenarios and subjects: interval below {TOO_EASY:.0%}",
            known["within"]["interval"][1] < TOO_EASY,
        ),
        (
            f"HearNet, unseen scenario and new subjects: at least {100 * LOST:.0f} points lost",
            known["lost"]["value"] >= LOST,
        ),
        (f"HearNet, subjects new in both: at least {100 * LOST:.0f} points lost", new["lost"]["value"] >= LOST),
        *(
            (f"{name}: every interval below twice chance{_named(above[kind])}", not above[kind])
            for kind, name in TITLES.items()
            if kind != "own"
        ),
    ]


def _named(names: Sequence[str]) -> str:
    return f" (not: {'; '.join(names)})" if names else ""


def lines(figures: dict[str, Any]) -> list[str]:
    """The figures, as printed."""
    hearnet, archive = figures["hearnet"], figures["archive"]
    runs, chance = hearnet["runs"], 1 / len(archive["classes"])
    sizes = [run["trained_on"] for run in runs]
    found = [
        f"{figures['machine']}; {archive['recordings']} recordings, {len(archive['classes'])} classes, "
        f"chance {chance:.3f}",
        f"HearNet on labels: {len(runs)} runs of {runs[0]['steps']} steps on {min(sizes)} to {max(sizes)} recordings, "
        f"{np.median([run['seconds'] for run in runs]):.0f} s each",
    ]
    for subjects in SUBJECTS:
        found.append(f"{subjects:24s}{'known scenarios':26s}{'unseen, new subjects':26s}lost")
        for name, row in hearnet[subjects].items():
            low, high = row["lost"]["interval"]
            found.append(
                f"{name:24s}{_estimate(row['within'])}     {_estimate(row['unseen'])}     "
                f"{row['lost']['value']:+.3f} [{low:+.3f}, {high:+.3f}] n = {row['lost']['n']}"
            )
    found += [
        f"taken for another: {truth:18s} as {taken:18s} {share:.2f}" for truth, taken, share in hearnet["confusions"]
    ]
    rows = figures["probes"]["rows"]
    for kind, title in TITLES.items():
        found.append(f"{title:24s}{'logistic regression':26s}{'random forest':26s}labels shuffled    p")
        for cue in dict.fromkeys(row["cue"] for row in rows if row["kind"] == kind):
            linear, forest = (row for row in rows if row["cue"] == cue)
            found.append(
                f"{cue:24s}{_estimate(linear)}     {_estimate(forest)}     "
                f"{linear['shuffled']:.3f} {forest['shuffled']:.3f}        {linear['p']:.4f} {forest['p']:.4f}"
            )
    return found + [f"{'yes' if holds else 'NO ':3s}  {what}" for what, holds in criteria(figures)]


def _estimate(row: dict[str, Any]) -> str:
    low, high = row["interval"]
    return f"{row['value']:.3f} [{low:.3f}, {high:.3f}]"


if __name__ == "__main__":
    main()
