"""The report: one HTML page that needs nothing else, and says what the runs show and what they do not."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from acoustill.archive.archive import Archive
from acoustill.archive.protocols import Protocol
from acoustill.errors import AcoustillError
from acoustill.evaluation.pictures import MOST, gallery
from acoustill.evaluation.plots import (
    PARTS,
    Group,
    by_scenario_plot,
    curve_plots,
    overview_plot,
    scenarios_of,
    style_of,
)
from acoustill.evaluation.summary import Evaluated, read_evaluated, summarise
from acoustill.files import write_text
from acoustill.imaging.video.overlay import heat_colours
from acoustill.version import __version__

ENOUGH_SUBJECTS = 10
ENOUGH_SEEDS = 5
CONTROLS = ("shuffled-teacher", "label-smoothing")


@dataclass(frozen=True)
class Facts:
    """What is true of the test side of every run.

    Attributes:
        new_subjects: every test clip has a subject, and no run was trained on one of them.
        unseen: the scenarios that some run was tested on and not trained on.
        never_seen: those of them that no run was trained on.
        unlabelled_there: whether unlabelled recordings of such a scenario were used in training.
        simulated: whether the archive was made by simulation.
        leaks: shares of the test sides whose recordings were also trained on, of the splits that leak.
        warnings: what the splits do not keep apart, in sentences.
    """

    new_subjects: bool
    unseen: tuple[str, ...]
    never_seen: tuple[str, ...]
    unlabelled_there: bool
    simulated: bool
    leaks: tuple[float, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """The claim, in words.

    Attributes:
        headline: in a few words.
        tone: `better`, `worse`, `open`, `mixed`, or `none` where nothing can be compared.
        paragraphs: the verdict on distillation, then on the teacher if it failed.
    """

    headline: str
    tone: str
    paragraphs: tuple[str, ...]


def write_report(folders: Sequence[str | Path], out: str | Path) -> dict[str, Any]:
    """Writes the page and gives the summary that it shows.

    Args:
        folders: of evaluated runs of one archive; all of them are shown.
        out: the HTML file.

    Raises:
        AcoustillError: if a run is not finished or not evaluated, archives differ or are gone, or the extra
            `viz` is not installed.
    """
    environment = _environment()
    evaluated = read_evaluated(folders)
    archive = evaluated[0].run.open_archive()
    summary = summarise(evaluated)
    groups = sorted(summary["groups"], key=_rank)
    styles = {group["name"]: style_of(i) for i, group in enumerate(groups)}
    comparisons = _oriented(summary["comparisons"], [group["name"] for group in groups])
    facts = _facts(evaluated, archive)
    chance = 1 / len(summary["classes"])
    content = {
        "summary": summary,
        "groups": groups,
        "styles": styles,
        "comparisons": comparisons,
        "facts": facts,
        "verdict": _verdict(groups, comparisons, facts),
        "checks": _checks(groups, comparisons),
        "parts": PARTS,
        "chance": chance,
        "scenarios": scenarios_of(groups),
        "overview": overview_plot(groups, styles, chance),
        "by_scenario": by_scenario_plot(groups, styles, chance),
        "curves": curve_plots(groups, styles),
        "gallery": gallery(evaluated, archive, list(styles)),
        "most_pictures": MOST,
        "heat": ["#{:02x}{:02x}{:02x}".format(*colour) for colour in heat_colours(np.linspace(0, 1, 9))],
        "run_names": _run_names([run["folder"] for group in groups for run in group["runs"]]),
        "versions": {
            "acoustill": __version__,
            "archive": archive.created_by,
            "python": platform.python_version(),
        },
    }
    write_text(Path(out), environment.get_template("report.html.j2").render(content))
    return summary


def _percent(share: float) -> str:
    return f"{100 * share:.1f}\u00a0%"


def _points(difference: float) -> str:
    return f"{100 * difference:+.1f}".replace("-", "−").replace("+0.0", "0.0").replace("−0.0", "0.0")


def _p_text(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def _with_interval(estimate: dict[str, Any]) -> str:
    low, high = estimate["interval"]
    return f"{_percent(estimate['value'])} [{100 * low:.1f}, {100 * high:.1f}]"


def _environment() -> Any:
    try:
        import jinja2
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise AcoustillError(f"report: {error.name} is not installed; pip install 'acoustill[viz]'") from error
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(percent=_percent, points=_points, p_text=_p_text, plural=_plural)
    return environment


def _plural(count: int, word: str) -> str:
    return f"{count:,} {word}" + ("" if count == 1 else "es" if word.endswith("s") else "s")


def _rank(group: Group) -> tuple[bool, int, str, str]:
    """Students before teachers; distilled, controls, labels."""
    recipe = {"distilled": 0, "labels": 2}.get(group["recipe"], 1)
    return group["role"] == "teacher", recipe, group["network"], group["recipe"]


def _oriented(comparisons: Sequence[dict[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    """In the order of the groups, the one that stands first as the one that is better or worse."""
    turned = []
    for comparison in comparisons:
        of, against, difference = comparison["of"], comparison["against"], comparison["difference"]
        if names.index(of) > names.index(against):
            low, high = difference["interval"]
            difference = {**difference, "value": -difference["value"], "interval": [-high, -low]}
            of, against = against, of
        turned.append({**comparison, "of": of, "against": against, "difference": difference})
    return sorted(turned, key=lambda c: (names.index(c["of"]), names.index(c["against"]), list(PARTS).index(c["part"])))


def _facts(evaluated: Sequence[Evaluated], archive: Archive) -> Facts:
    new_subjects = True
    unlabelled_there = False
    unseen: set[str] = set()
    seen = {str(row.scenario) for one in evaluated for row in one.predictions if row.seen}
    for one in evaluated:
        trained = {archive.entries[i].subject for i in one.run.split.train}
        new_subjects &= all(row.subject is not None and row.subject not in trained for row in one.predictions)
        mine = {str(row.scenario) for row in one.predictions if not row.seen}
        unseen |= mine
        if one.run.recipe != "labels" and one.run.experiment.distillation.unlabelled_batch:
            unlabelled_there |= bool(mine & {str(archive.entries[i].scenario) for i in one.run.split.unlabelled})
    chunked = [one.run for one in evaluated if one.run.split.chunks is not None]
    sentences = [
        f"{_split_name(one.run.experiment.protocol)}: {text}"
        for one in evaluated
        for text in one.run.split.warnings(archive)
    ]
    return Facts(
        new_subjects,
        tuple(sorted(unseen)),
        tuple(sorted(unseen - seen)),
        unlabelled_there,
        archive.maker.get("command") == "simulate",
        tuple(sorted({run.split.leaks for run in chunked} - {0.0})),
        tuple(dict.fromkeys(sentences)),
    )


def _split_name(protocol: Protocol) -> str:
    return protocol.name + (f" of {protocol.scenario}" if protocol.scenario else "")


def _clips(part: str, facts: Facts) -> str:
    """The clips of a part, named by what was new about them."""
    if part == "unseen":
        scenario = "a scenario" if not facts.unlabelled_there else "a scenario whose labels were"
        return f"clips of {'subjects and ' if facts.new_subjects else ''}{scenario} never trained on"
    return "all test clips (of subjects never trained on)" if facts.new_subjects else "all test clips"


def _find(of: Group, against: Group, comparisons: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The comparison that matters most: on the unseen scenario where both have one, else on all clips."""
    found = {c["part"]: c for c in comparisons if (c["of"], c["against"]) == (of["name"], against["name"])}
    if "all" in found and all(group["unseen"] == group["all"] for group in (of, against)):
        return {**found["all"], "part": "unseen"}
    return found.get("unseen") or found.get("all")


def _verdict(groups: Sequence[Group], comparisons: Sequence[dict[str, Any]], facts: Facts) -> Verdict:
    """What the runs say about distillation, and about the teacher."""
    students = [group for group in groups if group["role"] == "student"]
    pairs = [
        (of, against)
        for of in students
        for against in students
        if of["recipe"] == "distilled" and against["recipe"] == "labels" and of["network"] == against["network"]
    ]
    compared = [(of, against, found) for of, against in pairs if (found := _find(of, against, comparisons))]
    sentences: list[str] = []
    for of, against, found in compared:
        sentences += _pair_sentences(of, against, found, len(comparisons), facts)
    outcomes = {_outcome(found) for _, _, found in compared}
    tone = outcomes.pop() if len(outcomes) == 1 else "mixed" if outcomes else "none"
    several = "networks" if len({of["network"] for of, _, _ in compared}) > 1 else "groups"
    headline = {
        "better": "Distillation helped",
        "worse": "Distillation hurt",
        "open": "Distillation made no difference beyond noise",
        "mixed": f"The answer differs between {several}",
        "none": "These runs do not say whether distillation helps",
    }[tone]
    if not compared:
        why = "the two share no test clip" if pairs else "one of the two is not among the runs"
        sentences.append(f"That takes a distilled student and the same student trained on labels alone; {why}.")
        for group in groups:
            part = "unseen" if group["unseen"] else "all"
            sentences.append(
                f"On {_clips(part, facts)}, the {_called(group)} was right in {_with_interval(group[part])} "
                f"of {_counted(group[part])}."
            )
    failing = _teacher_sentences(groups, comparisons, facts)
    leak = _leak_sentences(facts)
    headline += ", on a split that leaks" if leak else ""
    headline += "; the teacher was no better than its student" if failing else ""
    return Verdict(headline, tone, (*leak, " ".join(sentences), *failing))


def _leak_sentences(facts: Facts) -> list[str]:
    """What to say first of numbers that were measured on recordings that were trained on."""
    if not facts.leaks:
        return []
    shares = " to ".join(dict.fromkeys(_percent(share) for share in (facts.leaks[0], facts.leaks[-1])))
    return [
        f"The split leaks: {shares} of the test chunks are of recordings that were also trained on. These numbers are "
        "for comparison with the paper only; they say nothing of recordings that are new."
    ]


def _outcome(comparison: dict[str, Any]) -> str:
    if not comparison["clear"]:
        return "open"
    return "better" if comparison["difference"]["value"] > 0 else "worse"


def _called(group: Group) -> str:
    called = {
        "distilled": f"distilled {group['role']} {group['network']}",
        "labels": f"{group['role']} {group['network']} of labels alone",
    }.get(group["recipe"], f"{group['role']} {group['network']} of the control “{group['recipe']}”")
    return f"{called} {group['variant']}".rstrip()


def _counted(estimate: dict[str, Any]) -> str:
    return (
        f"{_plural(estimate['n'], 'clip')} ({_plural(estimate['recordings'], 'recording')}, "
        f"{_plural(estimate['subjects'], 'subject')})"
    )


def _difference_text(comparison: dict[str, Any], family: int) -> str:
    low, high = comparison["difference"]["interval"]
    after = f" after Holm over {family} comparisons" if family > 1 else ""
    return (
        f"{_points(comparison['difference']['value'])} points [{_points(low)}, {_points(high)}] "
        f"(p\u00a0{_p_text(comparison['p_holm'])}{after})"
    )


def _pair_sentences(of: Group, against: Group, found: dict[str, Any], family: int, facts: Facts) -> list[str]:
    part = found["part"]
    share, other = of[part], against[part]
    low, high = found["difference"]["interval"]
    outcome = _outcome(found)
    said = "is more than noise" if outcome != "open" else "is not more than noise"
    sentences = [
        f"On {_clips(part, facts)}, the {_called(of)} was right in {_with_interval(share)} of {_counted(share)}, "
        f"the {_called(against)} in {_with_interval(other)}.",
        f"The difference of {_difference_text(found, family)} {said}"
        + (": the distilled student was worse." if outcome == "worse" else "."),
    ]
    if outcome == "open":
        sentences.append(
            f"That does not prove that there is none: anything from {_points(low)} to {_points(high)} points fits."
        )
    return sentences


def _teacher_sentences(groups: Sequence[Group], comparisons: Sequence[dict[str, Any]], facts: Facts) -> list[str]:
    """What to say of teachers that know no more than a student."""
    sentences = []
    students = [group for group in groups if group["role"] == "student"]
    references = [group for group in students if group["recipe"] == "labels"] or students
    for teacher in (group for group in groups if group["role"] == "teacher"):
        for student in references:
            main = _find(student, teacher, comparisons)
            whole = _find(student, teacher, [c for c in comparisons if c["part"] == "all" and c["clear"]])
            if main and whole and main["difference"]["n"] == whole["difference"]["n"]:
                whole = None
            shown = [c for c in (main, whole) if c and c["difference"]["value"] > 0]
            if not shown:
                continue
            measured = "; ".join(
                f"on {_clips(c['part'], facts)} it was right in {_percent(teacher[c['part']]['value'])}, the student "
                f"in {_percent(student[c['part']]['value'])}, "
                + ("a clear difference" if c["clear"] else "which could be noise")
                for c in shown
            )
            clear = any(c["clear"] for c in shown)
            why = "its answers are wrong more often than those its pupil finds alone"
            sentences.append(
                f"The teacher {teacher['network']} did not earn its name here: compared with the {_called(student)}, "
                f"{measured}. In short, {why if clear else 'nothing shows that it knew more than its pupil'}, so a "
                "gain of the distilled student, if there is one, is not explained by what this teacher knows. "
                "Improve the teacher first."
            )
    return sentences


def _checks(groups: Sequence[Group], comparisons: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What a reader must know before quoting a number; the template has the words."""
    students = [group for group in groups if group["role"] == "student"]
    recipes = {group["recipe"] for group in students}
    distilled = "distilled" in recipes
    runs = [run for group in groups for run in group["runs"]]
    whole = [c for c in comparisons if c["part"] == "all"]
    sizes = {group["name"]: group["all"]["n"] for group in groups}
    partly = any(c["difference"]["n"] < max(sizes[c["of"]], sizes[c["against"]]) for c in whole)
    return {
        "subjects": min(group[part]["subjects"] for group in groups for part in PARTS if group[part]),
        "enough_subjects": ENOUGH_SUBJECTS,
        "seeds": min(len({run["seed"] for run in group["runs"]}) for group in groups),
        "enough_seeds": ENOUGH_SEEDS,
        "missing_controls": [control for control in CONTROLS if distilled and control not in recipes],
        "teacher_missing": distilled and all(group["role"] != "teacher" for group in groups),
        "steps": sorted({run["metrics"][-1]["step"] for g in students for run in g["runs"] if run["metrics"]}),
        "protocols": sorted({run["protocol"] for run in runs}),
        "other_clips": partly or len(whole) < len(groups) * (len(groups) - 1) // 2,
    }


def _run_names(folders: Sequence[str]) -> dict[str, str]:
    """Folders by their last name, or in full where that is not unique."""
    last = {folder: Path(folder).resolve().name for folder in folders}
    names = Counter(last.values())
    return {folder: name if names[name] == 1 else folder for folder, name in last.items()}
