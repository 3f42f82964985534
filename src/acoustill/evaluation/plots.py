"""The report's plots: SVG text that goes straight into the page and takes its colours, light or dark.

Equal input gives equal text. Nothing a user wrote is read as markup or as mathematics.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from io import StringIO
from typing import Any
from zlib import crc32

WIDTH = 480.0
FONT_SIZE = 11.0
LONGEST_NAME = 34
PARTS = {"all": "All test clips", "within": "Scenario seen in training", "unseen": "Scenario never trained on"}

Group = dict[str, Any]  # one of the summary's
# Placeholders that matplotlib accepts as colours; the page's own take their place in the SVG.
_INK, _RULE = "#010203", "#010204"
_SETTINGS: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "acoustill", "font.size": FONT_SIZE}


@dataclass(frozen=True)
class Style:
    """How one group is drawn everywhere in the report.

    Attributes:
        colour: readable on white and on near-black.
        marker: matplotlib's letter.
        dashes: of lines.
        path: the marker in a box of 12 x 12, for legends.
    """

    colour: str
    marker: str
    dashes: str | tuple[int, tuple[int, ...]]
    path: str


_SQUARE = "M2 2H10V10H2Z"
_STYLES = (
    Style("#2b7fd4", "o", "-", "M6 1.5a4.5 4.5 0 1 0 .01 0Z"),
    Style("#d9772b", "s", "--", _SQUARE),
    Style("#1f9d83", "^", ":", "M6 1L11 10.5H1Z"),
    Style("#a463c9", "D", "-.", "M6 .8L11.2 6L6 11.2L.8 6Z"),
    Style("#8a8f99", "v", (0, (5, 1)), "M6 11L1 1.5H11Z"),
    Style("#cf4a5b", "P", (0, (1, 1)), "M4 1H8V4H11V8H8V11H4V8H1V4H4Z"),
)


def style_of(index: int) -> Style:
    """The style of the group at that position; they come round again."""
    return _STYLES[index % len(_STYLES)]


@dataclass(frozen=True)
class Interval:
    """One row of an interval plot.

    Attributes:
        name: at the left.
        style: of its group.
        value: a share from 0 to 1.
        low: lower end.
        high: upper end.
    """

    name: str
    style: Style
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Curve:
    """The rounds of one run.

    Attributes:
        style: of its group.
        steps: where it was measured.
        values: what was measured.
    """

    style: Style
    steps: Sequence[float]
    values: Sequence[float]


def interval_plot(blocks: Sequence[tuple[str, Sequence[Interval]]], chance: float, description: str) -> str:
    """Dots with intervals, in titled blocks from top to bottom, and a line at chance level.

    Args:
        blocks: title and rows of each.
        chance: share that guessing gets right.
        description: for readers who do not see the plot.
    """
    rows = sum(len(intervals) + 1 for _, intervals in blocks)
    row_height, top, bottom = 19.0, 18.0, 40.0
    height = rows * row_height + top + bottom
    names = [_short(row.name) for _, intervals in blocks for row in intervals]
    left = 14 + max(6.1 * max(map(len, names)) + 18, 5.9 * max(len(_short(title)) for title, _ in blocks))
    figure = _figure(WIDTH, height)
    axes = figure.add_axes(
        (left / WIDTH, bottom / height, (WIDTH - left - 52) / WIDTH, (height - top - bottom) / height)
    )
    y = 0.0
    for title, intervals in blocks:
        _text(axes, -left / (WIDTH - left - 52) * 100, y, _short(title), ha="left", weight="bold")
        for row in intervals:
            y += 1
            _text(axes, -2.5, y, _short(row.name), ha="right")
            _text(axes, 102.5, y, f"{100 * row.value:.1f}", ha="left", weight="bold")
            colour = row.style.colour
            axes.plot([100 * row.low, 100 * row.high], [y, y], color=colour, linewidth=2, solid_capstyle="butt")
            axes.plot([100 * row.value], [y], color=colour, marker=row.style.marker, markersize=7, clip_on=False)
        y += 1
    axes.set_xlim(0, 100)
    axes.set_ylim(y - 0.4, -0.6)
    axes.set_yticks([])
    axes.set_xticks(range(0, 101, 20))
    _plain(axes)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=_RULE, linewidth=0.8)
    axes.axvline(100 * chance, color=_INK, linewidth=1, linestyle=(0, (4, 3)))
    _text(axes, 100 * chance, -0.75, "chance", ha="center", va="bottom", size=10)
    axes.set_xlabel("clips or recordings answered right, %", color=_INK)
    return _svg(figure, description)


def curve_plot(curves: Sequence[Curve], title: str, description: str, percent: bool = False) -> str:
    """One thin line a run, against steps.

    Args:
        curves: the runs.
        title: what was measured.
        description: for readers who do not see the plot.
        percent: whether values are shares from 0 to 1.
    """
    width, height = 420.0, 270.0
    figure = _figure(width, height)
    axes = figure.add_axes((46 / width, 42 / height, (width - 60) / width, (height - 74) / height))
    for curve in curves:
        values = [100 * value if percent else value for value in curve.values]
        style = curve.style
        alone = {"marker": style.marker, "markersize": 4} if len(values) == 1 else {}
        axes.plot(curve.steps, values, color=style.colour, linewidth=1.3, linestyle=style.dashes, **alone)
    if percent:
        axes.set_ylim(0, 102)
    else:
        axes.set_ylim(bottom=0)
    _plain(axes)
    axes.grid(axis="y", color=_RULE, linewidth=0.8)
    axes.set_xlabel("optimiser steps", color=_INK)
    axes.set_title(title, loc="left", color=_INK, fontsize=FONT_SIZE, fontweight="bold")
    return _svg(figure, description)


def scenarios_of(groups: Sequence[Group]) -> list[str]:
    """The scenarios that any group was tested on, sorted."""
    return sorted({scenario for group in groups for scenario in group["by_scenario"]})


def overview_plot(groups: Sequence[Group], styles: dict[str, Style], chance: float) -> str:
    """Accuracy of every group on every part of the test side, and by whole recordings."""
    blocks = [(title, _intervals(groups, styles, part)) for part, title in PARTS.items()]
    blocks.append(("Whole recordings", _intervals(groups, styles, "recording")))
    shown = [(title, rows) for title, rows in blocks if rows]
    return interval_plot(shown, chance, "Accuracy of each group with 95 % intervals; the numbers are in the table.")


def _intervals(groups: Sequence[Group], styles: dict[str, Style], part: str) -> list[Interval]:
    return [
        Interval(group["name"], styles[group["name"]], group[part]["value"], *group[part]["interval"])
        for group in groups
        if group[part]
    ]


def by_scenario_plot(groups: Sequence[Group], styles: dict[str, Style], chance: float) -> str:
    """Accuracy of every group in every scenario."""
    blocks = []
    for scenario in scenarios_of(groups):
        flat = [{"name": group["name"], "it": group["by_scenario"].get(scenario)} for group in groups]
        blocks.append((scenario, _intervals(flat, styles, "it")))
    return interval_plot(blocks, chance, "Accuracy of each group by scenario; the numbers are in the table.")


def curve_plots(groups: Sequence[Group], styles: dict[str, Style]) -> list[str]:
    """Loss and validation accuracy of every run."""
    plots = []
    for key, title, as_percent in (
        ("train_loss", "Training loss", False),
        ("validation_accuracy", "Accuracy on validation, %", True),
    ):
        curves = []
        for group in groups:
            for run in group["runs"]:
                rounds = [(row["step"], row[key]) for row in run["metrics"] if row.get(key) is not None]
                if rounds:
                    steps, values = zip(*rounds, strict=True)
                    curves.append(Curve(styles[group["name"]], steps, values))
        if curves:
            plots.append(curve_plot(curves, title, f"{title} against steps, one line for each run.", as_percent))
    return plots


def _figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(width / 72, height / 72), dpi=72)


def _text(axes: Any, x: float, y: float, text: str, size: float = FONT_SIZE, va: str = "center", **kw: Any) -> None:
    axes.text(x, y, text, color=_INK, fontsize=size, va=va, parse_math=False, clip_on=False, **kw)


def _plain(axes: Any) -> None:
    axes.set_facecolor("none")
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_RULE)
    axes.tick_params(colors=_INK, color=_RULE, labelcolor=_INK, length=3)


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def _svg(figure: Any, description: str) -> str:
    """The figure as an element for the page: no fixed size, no outside names, ids of its own."""
    import matplotlib

    written = StringIO()
    with matplotlib.rc_context(_SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # the reader's browser has the fonts that we lack
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None})
    text = written.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor").replace(_RULE, "var(--rule)")
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\n?", "", text, flags=re.DOTALL)
    text = re.sub(r"\n\s*", "\n", text)
    text = text.replace("xlink:href", "href")
    # Ids must differ between the plots of a page; what is never referred to needs none.
    mine = f"{crc32(description.encode()):08x}"
    used = set(re.findall(r'(?:url\(|href=")#([\w-]+)', text))
    text = re.sub(r' id="([\w.-]+)"', lambda match: f' id="{mine}-{match[1]}"' if match[1] in used else "", text)
    text = re.sub(r'(url\(|href=")#', rf"\1#{mine}-", text)
    box = re.search(r'viewBox="[^"]+"', text)
    assert box is not None, "matplotlib writes a viewBox"
    opening = f'<svg {box[0]} role="img" aria-label="{escape(description)}">'
    return opening + text[text.index(">") + 1 :].strip()
