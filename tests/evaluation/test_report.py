"""The report says what the runs show, no more, and needs nothing but itself."""

from __future__ import annotations

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dummies import dummy_archive, dummy_run

from acoustill.archive.entry import Entry
from acoustill.errors import AcoustillError
from acoustill.evaluation import statistics
from acoustill.evaluation.pictures import choose, shrink
from acoustill.evaluation.report import write_report
from acoustill.files import read_json_lines, write_json_lines

VOID = {"meta", "img", "br", "link", "input", "hr"}


def always(entry: Entry, number: int) -> bool:
    return True


def every_second(entry: Entry, number: int) -> bool:
    return number % 2 == 0


def every_other_second(entry: Entry, number: int) -> bool:
    return number % 2 == 1


def never(entry: Entry, number: int) -> bool:
    return False


class Page(HTMLParser):
    """What a browser would find: elements, texts by id, and whether tags close what they opened."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[tuple[str, str | None]] = []
        self._texts: dict[str, list[str]] = {}
        self.feed(self.source)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        if tag not in VOID:
            self._open.append((tag, attributes.get("id") or attributes.get("aria-labelledby")))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        for name in {tag for tag, _ in self._open} | {name for _, name in self._open if name}:
            self._texts.setdefault(name, []).append(data)

    def text(self, name: str) -> str:
        """All text inside the elements of that tag, that id or that section."""
        return " ".join("".join(self._texts.get(name, [])).split())

    def verdict_tone(self) -> str:
        return next(str(a["class"]) for _, a in self.elements if a.get("id") == "verdict").removeprefix("verdict ")


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "RESAMPLES", 100)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return dummy_archive(tmp_path_factory.mktemp("archive") / "a", maker={"command": "simulate"})


def page_of(tmp_path: Path, archive: Any, *runs: dict[str, Any]) -> Page:
    folders = [dummy_run(tmp_path / f"run-{i}", archive, **run) for i, run in enumerate(runs)]
    write_report(folders, tmp_path / "report.html")
    return Page(tmp_path / "report.html")


DISTILLED = {"recipe": "distilled"}
LABELS = {"recipe": "labels"}
TEACHER = {"role": "teacher"}


def test_needs_nothing_from_elsewhere(tmp_path, archive):
    page = page_of(tmp_path, archive, {**LABELS, "right": every_second}, {**DISTILLED, "right": always})
    assert "http" not in page.source
    assert "@import" not in page.source
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.elements}
    assert all(at.startswith("#") for at in re.findall(r"url\(([^)]*)\)", page.source))
    for _, attributes in page.elements:
        assert (attributes.get("href") or "#").startswith("#")
        assert (attributes.get("src") or "data:").startswith("data:")


def test_every_reference_inside_the_page_leads_somewhere_and_to_one_place(tmp_path, archive):
    page = page_of(tmp_path, archive, {**LABELS, "right": every_second}, {**DISTILLED, "right": always})
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:url\(|href=")#([^")]+)', page.source)) <= set(ids)


def test_can_be_read_without_seeing(tmp_path, archive):
    page = page_of(tmp_path, archive, {**LABELS, "right": every_second}, {**DISTILLED, "right": always})
    images = [attributes for tag, attributes in page.elements if tag == "img"]
    assert images
    assert all(attributes.get("alt") for attributes in images)
    assert all(a.get("aria-label") or a.get("aria-hidden") for tag, a in page.elements if tag == "svg")
    assert all(attributes.get("scope") for tag, attributes in page.elements if tag == "th")


def test_shows_every_group_and_every_run(tmp_path, archive):
    runs = [{**LABELS, "right": every_second, "seed": seed} for seed in range(3)]
    page = page_of(tmp_path, archive, *runs, {**DISTILLED, "right": always}, {**TEACHER, "right": always})
    for name in ("student hearnet, labels", "student hearnet, distilled", "teacher dualcamnet, labels"):
        for section in ("scenarios", "confusions", "training", "runs"):
            assert name in page.text(section)
    for number in range(5):
        assert f"run-{number}" in page.text("runs")


def test_runs_of_equal_folder_names_stay_apart(tmp_path, archive):
    folders = [dummy_run(tmp_path / side / "run", archive, always, seed=i) for i, side in enumerate("ab")]
    write_report(folders, tmp_path / "report.html")
    assert all(str(folder) in Page(tmp_path / "report.html").text("runs") for folder in folders)


def test_better_is_called_better_and_whose_clips_is_said(tmp_path, archive):
    page = page_of(tmp_path, archive, {**LABELS, "right": every_second}, {**DISTILLED, "right": always})
    assert page.verdict_tone() == "better"
    assert "subjects and a scenario never trained on" in page.text("verdict")
    assert "100.0\u00a0%" in page.source
    assert "50.0\u00a0%" in page.source
    assert "+50.0 points" in page.text("verdict")
    assert "is more than noise" in page.text("verdict")
    assert "clear: better" in page.text("comparisons")
    assert "could be noise" not in page.text("comparisons")


def test_worse_is_called_worse(tmp_path, archive):
    page = page_of(tmp_path, archive, {**DISTILLED, "right": every_second}, {**LABELS, "right": always})
    assert page.verdict_tone() == "worse"
    assert "−50.0 points" in page.text("verdict")
    assert "clear: worse" in page.text("comparisons")


def test_noise_is_called_noise(tmp_path, archive):
    page = page_of(tmp_path, archive, {**LABELS, "right": every_second}, {**DISTILLED, "right": every_other_second})
    assert page.verdict_tone() == "open"
    assert "not more than noise" in page.text("verdict")
    assert "could be noise" in page.text("comparisons")
    assert "clear:" not in page.text("comparisons")


def test_a_teacher_that_knows_less_is_named(tmp_path, archive):
    runs = ({**LABELS, "right": every_second}, {**DISTILLED, "right": always}, {**TEACHER, "right": never})
    page = page_of(tmp_path, archive, *runs)
    assert page.verdict_tone() == "better"
    assert "teacher dualcamnet did not earn its name" in page.text("verdict")
    assert "teacher" in page.text("h1")


def test_a_teacher_that_knows_more_is_not_blamed(tmp_path, archive):
    runs = ({**LABELS, "right": every_second}, {**DISTILLED, "right": always}, {**TEACHER, "right": always})
    page = page_of(tmp_path, archive, *runs)
    assert "earn its name" not in page.text("verdict")
    assert "teacher" not in page.text("h1")


def test_one_group_answers_no_question(tmp_path, archive):
    page = page_of(tmp_path, archive, {**DISTILLED, "right": always})
    assert page.verdict_tone() == "none"
    assert "labels alone" in page.text("verdict")
    assert "100.0" in page.text("verdict")
    assert "nothing to compare" in page.text("comparisons")


def test_says_what_weakens_the_claim(tmp_path, archive):
    few = dummy_archive(tmp_path / "few", subjects=3)
    page = page_of(tmp_path, few, {**LABELS, "right": always}, {**DISTILLED, "right": always, "steps": 40})
    said = page.text("caveats-title")
    for words in ("Few subjects: 3", "Few seeds: 1", "shuffled-teacher", "No teacher", "20, 40"):
        assert words in said
    assert "simulated" not in said
    (tmp_path / "more").mkdir()
    controls = [{"recipe": control, "right": always} for control in ("shuffled-teacher", "label-smoothing")]
    recipes = [{**LABELS, "right": always}, {**DISTILLED, "right": always}, {**TEACHER, "right": always}, *controls]
    runs = [{**recipe, "seed": seed} for recipe in recipes for seed in range(5)]
    said = page_of(tmp_path / "more", archive, *runs).text("caveats-title")
    for words in ("Few subjects", "Few seeds", "Controls", "No teacher", "steps"):
        assert words not in said
    assert "simulated" in said


def test_variants_of_one_recipe_can_be_told_apart(tmp_path, archive):
    folders = [
        dummy_run(tmp_path / "labels", archive, every_second),
        dummy_run(tmp_path / "one", archive, always, recipe="distilled"),
        dummy_run(tmp_path / "other", archive, every_second, recipe="distilled"),
    ]
    config = tmp_path / "other/config.yaml"
    config.write_text(config.read_text().replace("temperature: 2.0", "temperature: 5.0"))
    write_report(folders, tmp_path / "report.html")
    page = Page(tmp_path / "report.html")
    assert "The answer differs between groups" in page.text("h1")
    for place in ("verdict", "comparisons"):
        assert "hearnet (variant 2)" in page.text(place) or "distilled (variant 2)" in page.text(place)


def test_few_subjects_of_a_part_are_told(tmp_path):
    """Twelve of them, of whom two were tested in the scenario that is held out."""
    archive = dummy_archive(tmp_path / "a", subjects=12)
    folder = dummy_run(tmp_path / "run", archive, always)
    rows = read_json_lines(folder / "predictions.jsonl")
    kept = [row for row in rows if row["seen"] or row["subject"] in ("s00", "s01")]
    write_json_lines(folder / "predictions.jsonl", kept)
    write_report([folder], tmp_path / "report.html")
    assert "Few subjects: 2" in Page(tmp_path / "report.html").text("caveats-title")


def test_pictures_are_of_what_networks_were_asked(tmp_path, archive):
    folder = dummy_run(tmp_path / "run", archive, always)
    rows = read_json_lines(folder / "predictions.jsonl")
    write_json_lines(folder / "predictions.jsonl", [row for row in rows if row["start"] > 0])
    write_report([folder], tmp_path / "report.html")
    assert "not asked" not in Page(tmp_path / "report.html").text("pictures")


def test_a_scenario_that_one_run_knew_is_not_called_new(tmp_path, archive):
    folders = [dummy_run(tmp_path / f"run-{i}", archive, always, seed=i) for i in range(2)]
    write_report(folders, tmp_path / "before.html")
    assert "never trained on" in Page(tmp_path / "before.html").text("scenarios")
    rows = [row | {"seen": True} for row in read_json_lines(folders[1] / "predictions.jsonl")]
    write_json_lines(folders[1] / "predictions.jsonl", rows)
    write_report(folders, tmp_path / "after.html")
    assert "never trained on" not in Page(tmp_path / "after.html").text("scenarios")


def test_what_users_wrote_is_text(tmp_path):
    label = "<script>alert('$x^')</script>"
    archive = dummy_archive(tmp_path / "a", classes=(label, "knock & run"), subjects=2)
    page = page_of(tmp_path, archive, {**LABELS, "right": always}, {**DISTILLED, "right": never})
    assert "script" not in {tag for tag, _ in page.elements}
    assert "<script>" not in page.source
    assert label in page.text("confusions")
    assert label in page.text("pictures")


def test_equal_input_gives_equal_bytes(tmp_path, archive):
    folders = [dummy_run(tmp_path / recipe, archive, always, recipe=recipe) for recipe in ("labels", "distilled")]
    pages = [tmp_path / "one.html", tmp_path / "two.html"]
    summaries = [write_report(folders, page) for page in pages]
    assert pages[0].read_bytes() == pages[1].read_bytes()
    assert summaries[0] == summaries[1]
    assert {group["name"] for group in summaries[0]["groups"]} == {
        "student hearnet, labels",
        "student hearnet, distilled",
    }


def test_a_run_without_predictions_is_named(tmp_path, archive):
    folder = dummy_run(tmp_path / "unevaluated", archive, always, evaluated=False)
    with pytest.raises(AcoustillError, match="unevaluated: not evaluated yet; run `acoustill evaluate"):
        write_report([folder], tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize("package", ["jinja2", "matplotlib"])
def test_without_the_extra_says_how_to_install_it(tmp_path, archive, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(AcoustillError, match=r"pip install 'acoustill\[viz\]'"):
        write_report([dummy_run(tmp_path / "run", archive, always)], tmp_path / "report.html")


def test_pictures_show_the_answers_and_the_simulated_source(tmp_path, archive):
    runs = [{**LABELS, "right": right, "seed": seed} for seed, right in enumerate((always, never))]
    page = page_of(tmp_path, archive, *runs)
    text = page.text("pictures")
    assert sum(tag == "img" for tag, _ in page.elements) == 2 * 2 * 2
    assert "(1 of 2 runs)" in text
    assert "signal-to-noise ratio −3 dB" in text
    ring = next(a["style"] for tag, a in page.elements if a.get("class") == "source")
    assert ring == "left:25.0%;top:50.0%"


def test_recordings_without_images_are_no_reason_to_fail(tmp_path):
    archive = dummy_archive(tmp_path / "a", subjects=2, images=False)
    page = page_of(tmp_path, archive, {**LABELS, "right": always})
    assert not any(tag == "img" for tag, _ in page.elements)
    assert "nothing to show" in page.text("pictures")


def test_a_broken_recording_is_set_aside_and_named(tmp_path):
    archive = dummy_archive(tmp_path / "a", subjects=1, classes=("clap", "knock"))
    (archive.path / "recordings" / "yard-s00-0" / "video.jpegs").write_bytes(b"broken")
    page = page_of(tmp_path, archive, {**LABELS, "right": always})
    assert "yard-s00-0" in page.text("pictures")
    assert sum(tag == "img" for tag, _ in page.elements) == 3 * 2


def test_pictures_are_chosen_of_different_classes_and_every_scenario():
    entries = [
        Entry(
            id=f"{scenario}-{label}-{take}",
            label=label,
            scenario=scenario,
            frames=1,
            streams=("audio",),
            content="0" * 64,
        )
        for scenario in ("a", "b")
        for label in ("clap", "knock", "type")
        for take in range(3)
    ]
    chosen = choose(entries)
    assert [entry.scenario for entry in chosen] == ["a", "a", "b", "b"]
    assert len({entry.label for entry in chosen}) == 3
    assert chosen[0].label != chosen[1].label
    assert chosen[2].label != chosen[3].label


def test_shrinking_averages_and_keeps_the_corners():
    frame = np.zeros((480, 640, 3), np.uint8)
    frame[:2, :2] = [[[10, 0, 0], [30, 0, 0]], [[10, 0, 0], [30, 0, 0]]]
    frame[-2:, -2:] = 200
    small = shrink(frame)
    assert small.shape == (240, 320, 3)
    assert tuple(small[0, 0]) == (20, 0, 0)
    assert tuple(small[-1, -1]) == (200, 200, 200)
    assert shrink(frame[:100, :50]).shape == (100, 50, 3)


def test_subjects_that_are_tested_and_trained_on_are_told(tmp_path: Path) -> None:
    """Of a split by recordings, which keeps recordings whole."""
    archive = dummy_archive(tmp_path / "archive")
    run = dummy_run(tmp_path / "run", archive, always)
    write_report([run], tmp_path / "apart.html")
    assert "also trained on; protocol subjects" not in Page(tmp_path / "apart.html").source
    data = json.loads((run / "data.json").read_text())
    moved = data["split"]["test"].pop(0)
    data["split"]["train"].append(moved)
    (run / "data.json").write_text(json.dumps(data))
    write_report([run], tmp_path / "shared.html")
    subject = archive.entries[moved].subject
    shared = sum(archive.entries[recording].subject == subject for recording in data["split"]["test"])
    says = (
        f"{shared} of {len(data['split']['test'])} test recordings ({100 * shared / len(data['split']['test']):.0f} %)"
    )
    assert says in Page(tmp_path / "shared.html").source
