"""What AVIA-Sim sounds and looks like: a table of acoustic facts measured on the result, pictures and sounds.

    acoustill simulate avia-sim archives/avia-sim --preset small --jobs 2
    python -m benchmarks.avia_sim --facts archives/avia-sim --results benchmarks/results/avia-sim.json \
        --write-docs docs/avia-sim.md
    python -m benchmarks.avia_sim --gallery docs/media/avia-sim

--facts makes a sample of the archive's takes once more from their seeds, action and noise apart, checks that they are
the archive's to the bit, and measures them: 14 takes in each scenario, one of each action, and 12 in other places.
--gallery makes everything it shows from seeds of its own and needs no archive.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # before numpy: the pools of threads are made when it is imported
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")

import numpy as np
import torch
from benchmarks import acoustic_facts as acoustics
from benchmarks import image_peaks, pages

from acoustill.archive import Archive
from acoustill.errors import AcoustillError
from acoustill.imaging.imager import Imager
from acoustill.jobs import progress_bar
from acoustill.rig import Rig
from acoustill.simulation.performance import draw_style
from acoustill.simulation.plan import PRESETS, Plan, Take, plan_avia_sim
from acoustill.simulation.recording import Staged, stage_take
from acoustill.simulation.sources import perform

PLACES = 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--facts", type=Path, metavar="ARCHIVE", help="measure the takes of this archive")
    parser.add_argument("--seed", type=int, default=0, help="that the archive was made with")
    parser.add_argument("--results", type=Path, help="where the facts go, as JSON")
    parser.add_argument("--write-docs", type=Path, help="page whose block 'facts' is replaced")
    parser.add_argument("--gallery", type=Path, metavar="FOLDER", help="where pictures and sounds go")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.facts:
        facts = measure(Archive(arguments.facts), arguments.seed)
        print("\n".join(lines(facts)))
        if arguments.results:
            arguments.results.write_text(json.dumps(facts, indent=1) + "\n")
        if arguments.write_docs:
            pages.write_block(arguments.write_docs, "facts", lines(facts))
    if arguments.gallery:
        from benchmarks.gallery import make_gallery

        for line in make_gallery(arguments.gallery):
            print(line)


def measure(archive: Archive, seed: int) -> dict[str, Any]:
    """Every fact of the page."""
    rig, plan = archive.rig, plan_of(archive)
    takes = sample(plan_avia_sim(plan, seed, PLACES), plan.actions)
    imager, rows = image_peaks.resolving_imager(rig), []
    coherences = {"diffuse field alone": [acoustics.diffuse_coherences(rig)]}
    with progress_bar("measuring takes", len(takes)) as advance:
        for take in takes:
            staged = stage_take(take, rig)
            if take.id in archive.entries:
                refuse_another(archive, take, staged)
            rows.append(row_of(take, staged, rig, imager))
            if staged.scene.noises.keys() != {"ventilation"}:
                coherences.setdefault(f"noise of {rows[-1]['scenario']}", []).append(
                    acoustics.noise_coherences(staged, rig)
                )
            advance()
    points = np.array([row["source_m"] for row in rows])
    free_level, free_arrival = acoustics.free_field_errors(rig, points[: len(plan.actions)])
    return {
        "machine": f"{platform.machine()}, torch {torch.__version__.split('+')[0]}",
        "archive": {"id": archive.id, "recordings": len(archive), "seconds": plan.seconds, "seed": seed},
        "rows": rows,
        "free_field": {"level_db": free_level, "arrival_samples": free_arrival, "points": len(plan.actions)},
        "microphones": acoustics.microphone_errors(rig, takes[0].rig_seed),
        "coherence": {name: coherence_errors(fields) for name, fields in coherences.items()},
        "levels": levels_of_actions(plan.actions, seed, plan.subjects, rig),
    }


def plan_of(archive: Archive) -> Plan:
    """What an archive of AVIA-Sim was made from: a preset, of so many subjects and seconds.

    Raises:
        AcoustillError: if no preset has its actions.
    """
    entries = [entry for entry in archive.entries.values() if entry.label is not None]
    for plan in PRESETS.values():
        if set(plan.actions) == {entry.label for entry in entries}:
            seconds = max(entry.frames for entry in entries) / archive.rig.frame_rate
            return replace(plan, subjects=len({entry.subject for entry in entries}), seconds=seconds)
    raise AcoustillError(f"{archive.path}: no preset of AVIA-Sim has exactly these classes")


def sample(takes: Sequence[Take], actions: Sequence[str]) -> list[Take]:
    """One take of each action in each scenario, by one subject after the other, and all in other places."""
    by_kind: dict[tuple[str, str], list[Take]] = defaultdict(list)
    for take in takes:
        if take.label is not None:
            by_kind[take.scenario, take.action].append(take)
    chosen = [members[actions.index(kind[1]) % len(members)] for kind, members in by_kind.items()]
    return chosen + [take for take in takes if take.label is None]


def refuse_another(archive: Archive, take: Take, staged: Staged) -> None:
    """Refuses an archive that was made otherwise than this take was made once more.

    Raises:
        AcoustillError: if the stored microphones recorded anything else.
    """
    recording = archive[take.id]
    kept = recording.sidecar.files["audio"].microphones or ()
    if not np.array_equal(recording.signals(), staged.captured.signals[list(kept)]):
        raise AcoustillError(f"{archive.path}: recording {take.id} was made from another seed or by another version")


def row_of(take: Take, staged: Staged, rig: Rig, imager: Imager) -> dict[str, Any]:
    """What is measured on one take."""
    place, point, captured = staged.scene.place, staged.points_m[0], staged.captured
    responses, distances = acoustics.responses_of(place, rig, point)
    every = range(0, len(responses), 16)
    row: dict[str, Any] = {
        "take": take.id,
        "scenario": take.scenario if take.label else "other places",
        "source_m": point.round(4).tolist(),
        "snr_asked_db": staged.scene.snr_db,
        "background_snr_db": captured.background_snr_db,
        "total_snr_db": captured.total_snr_db,
        "noise_db": acoustics.noise_level_db(staged, rig),
        "interferences_db": [one.level_db for one in captured.interferences],
        "peaks": image_peaks.counted(image_peaks.peak_errors(staged, rig, imager)),
    }
    if place.kind == "room":
        row["rt60_asked_s"] = place.rt60_s
        row |= acoustics.reverberation(responses[every], rig.sample_rate)
    if place.kind != "free":
        found = [acoustics.direct_to_reverberant_db(responses[i], distances[i], rig) for i in every]
        row["direct_to_reverberant_db"] = float(np.mean(found))
    return row


def coherence_errors(fields: Sequence[Sequence[acoustics.Coherence]]) -> list[dict[str, float]]:
    """By distance, how far coherences are from theory: mean over frequencies and fields, and the largest of all."""
    return [
        {
            "from_m": same[0].nearest_m,
            "to_m": same[0].farthest_m,
            "pairs": len(same[0].measured),
            "fields": len(same),
            "mean": float(np.mean([np.abs(one.errors) for one in same])),
            "largest": float(np.max([np.abs(one.errors) for one in same])),
        }
        for same in zip(*fields, strict=True)
    ]


def levels_of_actions(actions: Sequence[str], seed: int, subjects: int, rig: Rig) -> dict[str, list[float]]:
    """Levels at 1 m of every action by every subject, as it is performed in the first scenario of a plan."""
    levels: dict[str, list[float]] = defaultdict(list)
    for number, action in enumerate(actions):
        for subject in range(subjects):
            style = draw_style(np.random.default_rng((seed, 2, subject)).spawn(2)[0])
            signal = perform(
                action, style, 10.0, rig.sample_rate, np.random.default_rng((seed, number, subject))
            ).signal
            levels[action].append(round(acoustics.level_db(signal, rig.samples_per_frame), 2))
    return dict(levels)


def lines(facts: dict[str, Any]) -> list[str]:
    """The table of facts, as printed."""
    rows = facts["rows"]
    by_scenario: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_scenario[row["scenario"]].append(row)
    found = [
        f"{facts['machine']}; {facts['archive']['recordings']} recordings of {facts['archive']['seconds']:g} s, "
        f"seed {facts['archive']['seed']}; medians, lowest and highest of a sample",
        f"{'SNR, dB':14s}{'takes':>5s}  {'asked':23s}{'of the background':23s}{'of all noise':23s}interferences, dB",
    ]
    for scenario, members in by_scenario.items():
        asked, background, total = (
            _spread([row[name] for row in members], ".1f")
            for name in ("snr_asked_db", "background_snr_db", "total_snr_db")
        )
        events = _spread([level for row in members for level in row["interferences_db"]], ".1f")
        found.append(f"{scenario:14s}{len(members):5d}  {asked:23s}{background:23s}{total:23s}{events}".rstrip())
    found.append(f"{'':21s}{'level of all noise, dB re 20 uPa: mean, SD':44s}direct to reverberant, dB")
    for scenario, members in by_scenario.items():
        levels = [row["noise_db"] for row in members]
        direct = [row["direct_to_reverberant_db"] for row in members if "direct_to_reverberant_db" in row]
        level = f"{np.mean(levels):.1f}, {np.std(levels):.1f} ({min(levels):.1f} to {max(levels):.1f})"
        found.append(f"{scenario:21s}{level:44s}{_spread(direct, '.1f')}")
    found.append("reverberation time measured / asked (T20, broadband, is what walls are calibrated for)")
    for scenario, members in by_scenario.items():
        rooms = [row for row in members if "t20" in row]
        if rooms:
            told = [
                f"{name.upper()} {_spread([row[name] / row['rt60_asked_s'] for row in rooms], '.2f')}"
                for name in acoustics.DECAYS_DB
            ]
            octaves = np.median([np.array(row["octaves"]) / row["rt60_asked_s"] for row in rooms], axis=0)
            by_octave = ", ".join(f"{hz} Hz {part:.2f}" for hz, part in zip(acoustics.OCTAVES_HZ, octaves, strict=True))
            found += [f"  {scenario:14s}{'; '.join(told)}", f"  {'':14s}T20 by octave: {by_octave}"]
    found += image_peaks.lines(rows)
    free, microphones = facts["free_field"], facts["microphones"]
    found += [
        f"free field, {free['points']} points, all microphones: largest error of level against 1/r "
        f"{free['level_db']:.1e} dB, of arrival {free['arrival_samples']:.1e} samples",
        f"microphones: gain {microphones['gain_db']:.2f} dB, delay {microphones['delay_us']:.2f} us "
        f"({microphones['phase_1khz_deg']:.2f} degrees at 1 kHz), standard deviations; "
        f"self-noise {microphones['self_noise_db']:.1f} dB re 20 uPa",
        "real coherence by distance - theory up to 5 kHz (sin(x)/x; outdoors J0(x)): mean and largest deviation",
    ]
    for name, classes in facts["coherence"].items():
        told = "; ".join(
            f"{one['from_m']:g} to {one['to_m']:g} m {one['mean']:.3f} {one['largest']:.3f}" for one in classes
        )
        found.append(f"  {name:23s}{told}")
    found.append("level of the actions at 1 m, dB re 20 uPa:")
    found += [f"  {action:20s}{_spread(levels, '.1f')}" for action, levels in facts["levels"].items()]
    return found


def _spread(values: Sequence[float], form: str) -> str:
    """Median, lowest and highest."""
    if not values:
        return "-"
    return f"{np.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


if __name__ == "__main__":
    main()
