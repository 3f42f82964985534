"""Splits: what each recording is used for, and the refusal of those that leak."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

from acoustill.archive.archive import Archive
from acoustill.archive.clips import Clip, extents_of
from acoustill.errors import AcoustillError

LABELLED_SIDES = ("train", "validation", "test")
SIDES = (*LABELLED_SIDES, "unlabelled")


@dataclass(frozen=True)
class Split:
    """Recordings by what they are used for.

    Attributes:
        train: labelled, to learn from.
        validation: labelled, to choose by.
        test: labelled, to report on.
        unlabelled: recordings without a label, for the teacher to label.
        chunks: for `paper-chunks` alone, what each labelled side may use of its recordings, which may then stand on
            several sides; see `Split.of_chunks`. None where recordings are kept whole.
        left_out: how many of the paper's chunks are missing here, with their recordings or behind their ends.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    unlabelled: tuple[str, ...] = ()
    chunks: Mapping[str, tuple[Clip, ...]] | None = None
    left_out: int = 0

    @classmethod
    def of_chunks(
        cls, chunks: Mapping[str, Iterable[Clip]], unlabelled: Iterable[str] = (), left_out: int = 0
    ) -> Split:
        """A split of parts of recordings.

        Args:
            chunks: of train, validation and test.
            unlabelled: recordings.
            left_out: see `Split`.
        """
        parts = {side: tuple(chunks[side]) for side in LABELLED_SIDES}
        train, validation, test = (
            tuple(dict.fromkeys(chunk.recording for chunk in parts[side])) for side in LABELLED_SIDES
        )
        return cls(train, validation, test, tuple(unlabelled), parts, left_out)

    def extents(self, archive: Archive, side: str) -> tuple[Clip, ...]:
        """What clips of a side may be cut from: whole recordings, or the chunks of them.

        Args:
            archive: the recordings.
            side: train, validation, test or unlabelled.

        Raises:
            AcoustillError: if a recording is not in the archive or is shorter than its chunk.
        """
        chosen = self.chunks[side] if self.chunks and side in self.chunks else getattr(self, side)
        return extents_of(archive, chosen)

    @property
    def leaks(self) -> float:
        """Share of the test side whose recordings are also trained on, from 0 to 1; 0 where recordings are whole."""
        return self._siblings / self._tested if self._tested else 0.0

    @property
    def _tested(self) -> int:
        return len(self.chunks["test"]) if self.chunks else len(self.test)

    @property
    def _siblings(self) -> int:
        tested = [chunk.recording for chunk in self.chunks["test"]] if self.chunks else self.test
        trained = set(self.train)
        return sum(recording in trained for recording in tested)

    def warnings(self, archive: Archive) -> tuple[str, ...]:
        """What to say to whoever uses the split, in sentences; nothing of one that keeps recordings whole.

        Args:
            archive: the recordings.
        """
        if self.chunks is None:
            return ()
        sentences = [
            "this split leaks, and is for comparison with the paper only: "
            f"{self._siblings} of {self._tested} test chunks ({100 * self.leaks:.0f} %) are of recordings that are "
            "also trained on"
        ]
        for side, missing in self._missing_classes(archive).items():
            sentences.append(f"no chunk in {side} is of {_enumerated(missing)}")
        if self.left_out:
            sentences.append(
                f"{self.left_out} of the paper's chunks are left out: their recordings are missing here, or end before "
                "them (the paper's code looped those)"
            )
        return tuple(sentences)

    def check(self, archive: Archive) -> None:
        """Refuses a split that leaks or in which a class is missing.

        A split of chunks is known to leak between recordings, and classes may be missing in it: there, only chunks
        that overlap are refused, and sides that are empty.

        Raises:
            AcoustillError: if a recording is not in the archive; if one, or two of equal audio, stand on two
                sides; if a side is empty; or if a class of the archive's labels is not on each labelled side.
        """
        refuse_overlap(archive, **{side: self.extents(archive, side) for side in SIDES})
        for side, missing in self._missing_classes(archive).items():
            if self.chunks is None:
                raise AcoustillError(
                    f"{archive.path}: no recording of class {missing[0]!r} in {side}; "
                    "use fewer folds or add recordings of it"
                )
        if not all(getattr(self, side) for side in LABELLED_SIDES):
            empty = next(side for side in LABELLED_SIDES if not getattr(self, side))
            raise AcoustillError(f"{archive.path}: nothing is in {empty}; add recordings")

    def _missing_classes(self, archive: Archive) -> dict[str, list[str]]:
        missing = {}
        for side in LABELLED_SIDES:
            labels = {archive.entries[recording].label for recording in getattr(self, side)}
            if lacking := sorted(set(archive.classes) - labels):
                missing[side] = lacking
        return missing


class Span(NamedTuple):
    """Where a piece of sound lies, so that it can be found again in another recording of equal content.

    Attributes:
        recording: the id.
        content: its content hash.
        start: of the piece, in frames, or in any unit that both sides of a comparison share.
        stop: of the piece.
        whole: whether it is the whole recording.
    """

    recording: str
    content: str
    start: int
    stop: int
    whole: bool


def spans_of(archive: Archive, parts: Iterable[str | Clip], frame: int = 1) -> list[Span]:
    """The pieces of sound that recordings, or parts of them, hold.

    Args:
        archive: the recordings.
        parts: ids of recordings, or parts.
        frame: length of a frame in the unit of the answer.

    Raises:
        AcoustillError: see `extents_of`.
    """
    spans = []
    for clip in extents_of(archive, parts):
        entry = archive.entries[clip.recording]
        whole = clip.frames == entry.frames
        spans.append(Span(entry.id, entry.content, clip.start * frame, clip.stop * frame, whole))
    return spans


def find_overlap(one: Iterable[Span], other: Iterable[Span]) -> tuple[Span, Span] | None:
    """The first two pieces, one of each, that hold the same sound: of equal content, and overlapping."""
    by_content: dict[str, list[Span]] = defaultdict(list)
    for span in one:
        by_content[span.content].append(span)
    for span in other:
        for known in by_content[span.content]:
            if known.start < span.stop and span.start < known.stop:
                return known, span
    return None


def refuse_overlap(archive: Archive, **sides: Sequence[str | Clip]) -> None:
    """Refuses sides that hold the same sound, by recording and by content hash.

    Args:
        archive: the recordings.
        sides: by name, ids of recordings or parts of recordings.

    Raises:
        AcoustillError: naming the first that stands on two sides, or if a recording is not in the archive.

    Example:
        `refuse_overlap(archive, training=split.train, validation=split.validation)`
    """
    spans = {side: spans_of(archive, parts) for side, parts in sides.items()}
    for one, other in combinations(spans, 2):
        found = find_overlap(spans[one], spans[other])
        if found is None:
            continue
        known, span = found
        if known.recording != span.recording:
            what = "audio" if "audio" in archive.entries[span.recording].streams else "content"
            raise AcoustillError(
                f"{archive.path}: {known.recording} of {one} and {span.recording} of {other} hold the same {what}"
            )
        first, last = max(known.start, span.start), min(known.stop, span.stop)
        what = f"recording {span.recording} is"
        if not (known.whole and span.whole):
            what = f"frames {first} to {last} of recording {span.recording} are"
        raise AcoustillError(f"{archive.path}: {what} in both {one} and {other}")


def _enumerated(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names)
