"""What `acoustill info` does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from acoustill.archive.archive import Archive
from acoustill.archive.contents import ArchiveContents, describe_archive
from acoustill.commands.contact_sheet import Sheet, check_sheet_name, write_contact_sheet
from acoustill.commands.printing import bar, counted, plain, printer, show, table

MOST_CLASSES = 60  # that get a row
MOST_ROWS, TOP_ROWS = 24, 12  # of scenarios and subjects; where there are more, only the most frequent are shown
MOST_SCENARIOS = 8  # that get columns of their own
LONGEST = 40  # letters of a setting
UNITS = ("B", "kB", "MB", "GB", "TB")


def describe(address: str, pictures: Path | None) -> tuple[ArchiveContents, Sheet | None]:
    """What is in an archive, and the sheet of pictures if one was asked for.

    Raises:
        AcoustillError: if it is no archive, or the name of the sheet is not one of a JPEG file.
    """
    if pictures is not None:
        check_sheet_name(pictures)
    archive = Archive(address)
    contents = describe_archive(archive)
    return contents, None if pictures is None else write_contact_sheet(archive, pictures)


def print_contents(address: str, contents: ArchiveContents, sheet: Sheet | None) -> None:
    """Prints what is in an archive for a person to read."""
    console = printer()
    console.print(plain(address), style="bold", soft_wrap=True)
    _print_facts(console, contents)
    show(console, _streams(contents))
    for drawn in _groups(console, contents):
        console.print()
        show(console, drawn)
    if sheet is not None:
        _print_sheet(console, sheet)


def _print_facts(console: Console, contents: ArchiveContents) -> None:
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim")
    facts.add_column(overflow="fold")
    for name, text in _facts(contents):
        facts.add_row(name, plain(text))
    console.print()
    show(console, facts)
    console.print()


def _facts(contents: ArchiveContents) -> Iterator[tuple[str, str]]:
    labels = f"{contents.labelled} labelled" + (f", {contents.unlabelled} not" if contents.unlabelled else "")
    if contents.labels:
        labels += f"; {counted(len(contents.labels), 'class').replace('classs', 'classes')}"
    yield "recordings", f"{contents.recordings} ({labels})"
    lengths = contents.lengths
    if lengths.shortest == lengths.longest:
        each = f"{_duration(lengths.shortest)} each"
    else:
        each = f"from {_duration(lengths.shortest)} to {_duration(lengths.longest)}, median {_duration(lengths.median)}"
    yield "length", f"{_duration(contents.seconds)} ({each})"
    rig = contents.rig
    broken = f" ({ranges(rig.broken)} broken)" if rig.broken else ""
    rates = f"{rig.sample_rate} Hz, {rig.frame_rate:g} frames/s"
    yield "rig", f"{rig.name}: {counted(rig.microphones, 'microphone')}{broken}; {rates}"
    if contents.image is not None:
        yield "images", _image(contents.image)
    if contents.beams is not None:
        yield "beams", "complex spectra, {steps} a frame, in {columns} x {rows} directions".format(**contents.beams)
    if contents.microphones:
        kept = [f"{ranges(one.channels)} in {counted(one.recordings, 'recording')}" for one in contents.microphones[:4]]
        more = len(contents.microphones) - len(kept)
        yield "microphones kept", "; ".join(kept) + (f"; {more} more choices" if more else "")
    yield "made by", f"{contents.created_by}{_maker(contents.maker)}"
    yield "id", contents.id
    if contents.duplicates:
        verb = "has" if contents.duplicates == 1 else "have"
        yield "duplicates", f"{counted(contents.duplicates, 'recording')} {verb} the content of an earlier one"
    if contents.unreadable.count:
        first = contents.unreadable.first[0].why
        yield "unreadable", f"{counted(contents.unreadable.count, 'file')}, the first: {first}"


def _streams(contents: ArchiveContents) -> Table:
    drawn = table("stream", "recordings", "size", "values", "holds", right=(1, 2))
    for name, stream in contents.streams.items():
        shapes = _first_few([f"{shape}{_times(count, stream.recordings)}" for shape, count in stream.shapes.items()])
        types = ", ".join(f"{kind}{_times(count, stream.recordings)}" for kind, count in stream.types.items())
        drawn.add_row(name, str(stream.recordings), _size(stream.bytes), types, shapes)
    return drawn


def _times(count: int, of: int) -> str:
    return "" if count == of else f" ({count})"


def _first_few(texts: Sequence[str], most: int = 4) -> str:
    return ", ".join([*texts[:most], *([f"{len(texts) - most} more"] if len(texts) > most else [])])


def _groups(console: Console, contents: ArchiveContents) -> Iterator[Table]:
    """The tables of those groups that there are."""
    columns = _scenario_columns(contents)
    if contents.labels:
        yield _labels(console, contents, columns)
    if set(contents.scenarios) - set(columns):
        yield _bars(console, "scenario", contents.scenarios)
    if contents.subjects:
        yield _bars(console, "subject", contents.subjects)
    if contents.columns:
        drawn = table("column", "recordings", "values", right=(1,))
        for name, column in contents.columns.items():
            values = f"{column.distinct} different"
            if column.values is not None:
                values = ", ".join(f"{value} ({count})" for value, count in column.values.items())
            drawn.add_row(plain(name), str(column.recordings), plain(values))
        yield drawn
    if contents.notes:
        yield _counts("mended by the import", contents.notes)
    if contents.set_aside.count:
        drawn = table(f"set aside ({contents.set_aside.count})", "why")
        for one in contents.set_aside.first:
            drawn.add_row(plain(one.name), plain(one.why))
        more = contents.set_aside.count - len(contents.set_aside.first)
        if more:
            drawn.add_row(f"and {more} more", "see set-aside.jsonl")
        yield drawn


def _scenario_columns(contents: ArchiveContents) -> list[str]:
    """The scenarios of labelled recordings, if they are few; those without labels are often taken in many places."""
    used = {scenario for row in contents.labels_by_scenario.values() for scenario in row}
    return sorted(used) if len(used) <= MOST_SCENARIOS else []


def _labels(console: Console, contents: ArchiveContents, scenarios: Sequence[str]) -> Table:
    """Classes and scenarios; the last row is of recordings without a label."""
    drawn = table("class", *scenarios, "all", "", right=tuple(range(1, len(scenarios) + 2)))
    most = max(contents.labels.values())
    for label, count in list(contents.labels.items())[:MOST_CLASSES]:
        row = contents.labels_by_scenario[label]
        cells = [str(row.get(scenario, "-")) for scenario in scenarios]
        drawn.add_row(plain(label), *cells, str(count), bar(console, count / most))
    if len(contents.labels) > MOST_CLASSES:
        drawn.add_row(f"and {len(contents.labels) - MOST_CLASSES} more")
    if contents.unlabelled:
        cells = [str(contents.unlabelled_by_scenario.get(scenario, "-")) for scenario in scenarios]
        drawn.add_row(Text("no label", "italic"), *cells, str(contents.unlabelled))
    cells = [str(contents.scenarios[scenario]) for scenario in scenarios]
    drawn.add_row(Text("all", "bold"), *cells, str(contents.recordings))
    return drawn


def _bars(console: Console, head: str, counts: Mapping[str, int]) -> Table:
    drawn = table(head, "recordings", "", right=(1,))
    most = max(counts.values())
    rows = list(counts.items())
    if len(rows) > MOST_ROWS:
        rows = sorted(rows, key=lambda row: -row[1])[:TOP_ROWS]
    for name, count in rows:
        drawn.add_row(plain(name), str(count), bar(console, count / most))
    if len(counts) > len(rows):
        drawn.add_row(f"and {len(counts) - len(rows)} more", str(sum(counts.values()) - sum(dict(rows).values())))
    return drawn


def _counts(head: str, counts: Mapping[str, int]) -> Table:
    drawn = table(head, "recordings", right=(1,))
    for name, count in counts.items():
        drawn.add_row(plain(name), str(count))
    return drawn


def _print_sheet(console: Console, sheet: Sheet) -> None:
    drawn = table("picture", "class", "scenario", "recording", "at", "shows", right=(0, 4))
    for tile in sheet.tiles:
        at = "" if tile.second is None else f"{tile.second:.2f} s"
        names = (plain("no label" if tile.label is None else tile.label), plain(tile.scenario or ""))
        drawn.add_row(str(tile.number), *names, plain(tile.recording), at, plain(tile.shows))
    console.print()
    show(console, drawn)
    for remark in sheet.remarks:
        console.print(plain(remark), soft_wrap=True)
    console.print(plain(f"pictures: {sheet.file}"), soft_wrap=True)


def _image(image: Mapping[str, Any]) -> str:
    grid = "" if image["grid"] is None else "; {} x {} pixels that point to known places".format(*image["grid"])
    if "origin" in image:
        return f"{image['features']} as {image['origin']} formed them{grid}"
    channels = {"energy": "energy of each bin", "mel": f"energy in {image['bands']} mel bands"}
    of_mfcc = f"{image['coefficients']} cepstral coefficients of {image['bands']} mel bands"
    return f"{channels.get(str(image['features']), of_mfcc)}, {image['beamformer']}{grid}"


def _maker(maker: Mapping[str, Any]) -> str:
    if not maker:
        return ""
    stated = {name: str(value) for name, value in maker.items() if value not in (None, {}, [])}
    short = [
        f"{name} {value if len(value) <= LONGEST else value[: LONGEST - 3] + '...'}" for name, value in stated.items()
    ]
    return f" ({', '.join(short)})"


def ranges(numbers: Sequence[int]) -> str:
    """Numbers in few words.

    Example:
        >>> ranges((0, 1, 2, 5)), ranges(()), ranges((79, 105))
        ('0-2, 5', 'none', '79, 105')
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    texts = [f"{run[0]}-{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs]
    return _first_few(texts, 12) or "none"


def _duration(seconds: float) -> str:
    """Seconds as one says them.

    Example:
        >>> _duration(4.5), _duration(95), _duration(3 * 3600 + 125)
        ('4.5 s', '1 min 35 s', '3 h 2 min')
    """
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _size(count: int) -> str:
    """Bytes as one says them.

    Example:
        >>> _size(512), _size(12_345_678)
        ('512 B', '12.3 MB')
    """
    size, unit = float(min(count, 10**24)), 0  # whatever a sidecar says
    while size >= 999.5 and unit < len(UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{count} B" if unit == 0 else f"{size:.1f} {UNITS[unit]}"
