"""Probes for shortcuts find a cue that is there, and none where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks import difficulty, probes
from benchmarks.pages import block, write_block

from acoustill.errors import AcoustillError

CLASSES, SUBJECTS = 6, 6
SCENARIOS = ("anechoic", "office")


@pytest.fixture(scope="module")
def recordings() -> probes.Recordings:
    rows = [(f"{s}-{p}-{c}", f"c{c}", f"p{p}", s) for s in SCENARIOS for p in range(SUBJECTS) for c in range(CLASSES)]
    return probes.Recordings(*zip(*rows, strict=True))


@pytest.mark.parametrize("classifier", probes.CLASSIFIERS)
def test_a_planted_cue_is_found(recordings: probes.Recordings, classifier: str, rng: np.random.Generator) -> None:
    table = rng.standard_normal((len(recordings.ids), 3))
    table[:, 1] += 3.0 * recordings.numbers
    row = probes.judged(probes.answers(table, recordings, classifier), recordings)
    assert row["interval"][0] > 2 / CLASSES
    assert row["p"] < 0.001
    assert row["shuffled"] == pytest.approx(1 / CLASSES, abs=0.02)


@pytest.mark.parametrize("classifier", probes.CLASSIFIERS)
@pytest.mark.parametrize("width", [1, 4, probes.WIDE + 1])
def test_no_cue_is_near_chance(
    recordings: probes.Recordings, classifier: str, width: int, rng: np.random.Generator
) -> None:
    table = rng.standard_normal((len(recordings.ids), width))
    row = probes.judged(probes.answers(table, recordings, classifier), recordings)
    assert row["interval"][1] < 2 / CLASSES
    assert row["p"] > 0.01


def test_a_trait_of_the_subject_is_no_cue(recordings: probes.Recordings) -> None:
    """Whoever knows only who acts, whom the classifier has never met, is right as often as by chance."""
    table = np.array([[float(subject[1:])] for subject in recordings.subjects])
    row = probes.judged(probes.answers(table, recordings, "forest"), recordings)
    assert row["value"] == pytest.approx(1 / CLASSES, abs=0.01)


def test_a_cue_in_single_samples_is_found(recordings: probes.Recordings, rng: np.random.Generator) -> None:
    table = rng.standard_normal((len(recordings.ids), 4, 2)) + recordings.numbers[:, None, None]
    predicted = probes.answers(table, recordings, "logistic")
    assert predicted.shape == (len(recordings.ids), 4)
    row = probes.judged(predicted, recordings)
    assert row["n"] == 4 * len(recordings.ids)
    assert row["value"] > 2 / CLASSES


def test_what_is_lost_is_counted_on_equal_clips() -> None:
    """Only clips that both kinds of runs answered count; several answers to a clip are averaged."""
    rows = [
        ["a", 0, "x", "x", "office", "s1", True],
        ["a", 0, "x", "y", "office", "s1", True],
        ["a", 0, "x", "y", "office", "s1", False],
        ["b", 0, "x", "x", "office", "s2", True],
        ["b", 0, "x", "x", "office", "s2", False],
        ["c", 0, "x", "x", "office", "s2", True],
    ]
    found = difficulty.judged_rows(rows)
    assert found["within"]["value"] == pytest.approx(2.5 / 3, abs=1e-4)
    assert found["unseen"]["value"] == 0.5
    assert found["lost"]["value"] == 0.25
    assert found["lost"]["n"] == 2


def test_answers_are_sorted_by_whether_subjects_and_scenarios_were_known() -> None:
    def row(recording: str, predicted: str, seen: bool) -> list:
        return [recording, 0, "x", predicted, "office", "s1", seen]

    plain = {"protocol": "recordings", "rows": [row("a", "x", True), row("b", "y", True)]}
    strict = {"protocol": "scenarios-and-subjects", "rows": [row("a", "y", False), row("a", "x", True)]}
    found = difficulty.judged_runs([plain, strict])
    values = {
        s: [found[s]["office"][part]["value"] for part in ("within", "unseen", "lost")] for s in difficulty.SUBJECTS
    }
    assert values == {"known subjects": [0.5, 0.0, 1.0], "new subjects": [1.0, 0.0, 1.0]}
    assert found["confusions"] == [["x", "y", 0.5]]


def figures(**changed: float) -> dict:
    values = {"low": 0.5, "high": 0.8, "lost": 0.2, "lost of new": 0.2, "shortcut": 0.1} | changed
    rows = [
        {"kind": kind, "cue": kind, "interval": [0.0, values["shortcut"] if kind == "shortcut" else 0.1]}
        for kind in difficulty.TITLES
    ]
    known = {"within": {"interval": [values["low"], values["high"]]}, "lost": {"value": values["lost"]}}
    new = {"lost": {"value": values["lost of new"]}}
    hearnet = {"known subjects": {"all": known}, "new subjects": {"all": new}}
    return {"archive": {"classes": list("abcdefghij")}, "hearnet": hearnet, "probes": {"rows": rows}}


@pytest.mark.parametrize(
    ("changed", "failing"),
    [
        ({}, None),
        ({"low": 0.1}, 0),
        ({"high": 0.96}, 1),
        ({"lost": 0.1}, 2),
        ({"lost of new": 0.1}, 3),
        ({"shortcut": 0.3}, 4),
    ],
)
def test_criteria_fail_one_by_one(changed: dict[str, float], failing: int | None) -> None:
    holds = [found for _, found in difficulty.criteria(figures(**changed))]
    assert [i for i, found in enumerate(holds) if not found] == ([] if failing is None else [failing])


def test_a_cue_above_is_named() -> None:
    assert "shortcut)" in difficulty.criteria(figures(shortcut=0.3))[4][0]


def test_a_block_of_a_page_is_replaced_and_nothing_else(tmp_path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- printed: a -->\nold\n<!-- end: a -->\nafter\n")
    lines = ["one  two", "", "  three"]
    write_block(page, "a", lines)
    write_block(page, "a", lines)
    text = page.read_text()
    assert block(text, "a") == lines
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    with pytest.raises(AcoustillError, match="no block"):
        write_block(page, "b", lines)
