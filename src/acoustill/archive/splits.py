"""Splits: what each recording is used for, and the refusal of those that leak."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

from acoustill.archive.archive import Archive
from acoustill.archive.clips import Clip, parts_of
from acoustill.errors import AcoustillError

LABELLED_SIDES = ("train", "validation", "test")
SIDES = (*LABELLED_SIDES, "unlabelled")
# A student learns from both: there, recordings may be cut from one origin.
TAUGHT_TOGETHER = ({"train", "unlabelled"}, {"recordings", "unlabelled"})
AVIA_IMPORTERS = ("avia", "tfrecord")


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
        subjects_apart: whether the protocol promises that no subject is on two labelled sides.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    unlabelled: tuple[str, ...] = ()
    chunks: Mapping[str, tuple[Clip, ...]] | None = None
    left_out: int = 0
    subjects_apart: bool = False

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

    def parts(self, archive: Archive, side: str) -> tuple[Clip, ...]:
        """What clips of a side may be cut from: whole recordings, or the chunks of them.

        Args:
            archive: the recordings.
            side: train, validation, test or unlabelled.

        Raises:
            AcoustillError: if a recording is not in the archive or is shorter than its chunk.
        """
        chosen = self.chunks[side] if self.chunks and side in self.chunks else getattr(self, side)
        return parts_of(archive, chosen)

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
        """What to say to whoever uses the split, in sentences; nothing of one that keeps apart what is known.

        Args:
            archive: the recordings.
        """
        if self.chunks is None:
            found = self._known_subjects(archive), self._unknown_subjects(archive), self._unknown_scenarios(archive)
            return tuple(filter(None, found))
        sentences = [
            "this split leaks, and is for comparison with the paper only: "
            f"{self._siblings} of {self._tested} test chunks ({100 * self.leaks:.0f} %) are of recordings that are "
            "also trained on"
        ]
        for side, missing in self._missing_classes(archive).items():
            sentences.append(f"no chunk in {side} is of {_enumerated(missing)}")
        if self.left_out:
            sentence = f"{self.left_out} of the chunks are left out: their recordings end before them"
            if archive.maker.get("importer") in AVIA_IMPORTERS:
                sentence = (
                    f"{self.left_out} of the paper's chunks are left out: their recordings are missing here, or end "
                    "before them (the paper's code looped those)"
                )
            sentences.append(sentence)
        return tuple(sentences)

    def held_scenarios(self, archive: Archive) -> list[str]:
        """Those of validation and test that are not trained on, sorted."""
        judged = values_of(archive, (*self.validation, *self.test), "scenario")
        return sorted(judged - values_of(archive, self.train, "scenario"))

    def _known_subjects(self, archive: Archive) -> str | None:
        """That test recordings are of subjects that are trained on, if any is."""
        trained = {archive.entries[recording].subject for recording in self.train} - {None}
        known = sum(archive.entries[recording].subject in trained for recording in self.test)
        if not known:
            return None
        return (
            f"{known} of {len(self.test)} test recordings ({100 * known / len(self.test):.0f} %) are of subjects, or "
            "cut from originals, that are also trained on; protocol subjects keeps them apart"
        )

    def _unknown_subjects(self, archive: Archive) -> str | None:
        """That unlabelled recordings may be of subjects that are tested, if their subjects are not known."""
        unknown = sum(archive.entries[recording].subject is None for recording in self.unlabelled)
        if not self.subjects_apart or not unknown:
            return None
        return (
            f"of {unknown} of the {len(self.unlabelled)} unlabelled recordings the subject is not known: "
            "they may be of subjects that are tested, and students may learn from them"
        )

    def _unknown_scenarios(self, archive: Archive) -> str | None:
        """That unlabelled recordings may be of a scenario that is held from training, if theirs is not known."""
        unknown = sum(archive.entries[recording].scenario is None for recording in self.unlabelled)
        held = self.held_scenarios(archive)
        if not held or not unknown:
            return None
        return (
            f"of {unknown} of the {len(self.unlabelled)} unlabelled recordings the scenario is not known: "
            f"they may be of {held[0]!r}, which is held from training, and students may learn from them"
        )

    def check(self, archive: Archive) -> None:
        """Refuses a split that leaks or in which a class is missing.

        A split of chunks is known to leak between recordings and what they were cut from, and classes may be missing
        in it: there, only chunks that overlap are refused, and sides that are empty.

        Raises:
            AcoustillError: if a recording is not in the archive; if one, or two of equal content, stand on two
                sides; if a subject stands on two labelled sides where the protocol promises that none does; if a
                side is empty; or if a class of the archive's labels is not on each labelled side.
        """
        refuse_overlap(archive, **{side: self.parts(archive, side) for side in SIDES})
        if self.subjects_apart:
            self._refuse_shared_subjects(archive)
        for side, missing in self._missing_classes(archive).items():
            if self.chunks is None:
                raise AcoustillError(
                    f"{archive.path}: no recording of class {missing[0]!r} in {side}; "
                    "use fewer folds or add recordings of it"
                )
        if not all(getattr(self, side) for side in LABELLED_SIDES):
            empty = next(side for side in LABELLED_SIDES if not getattr(self, side))
            raise AcoustillError(f"{archive.path}: nothing is in {empty}; add recordings")

    def _refuse_shared_subjects(self, archive: Archive) -> None:
        for one, other in combinations(LABELLED_SIDES, 2):
            sides = (
                {str(archive.entries[i].subject) for i in self._with_subject(archive, side)} for side in (one, other)
            )
            if shared := sorted(set.intersection(*sides)):
                raise AcoustillError(f"{archive.path}: subject {shared[0]!r} is in both {one} and {other}")

    def _with_subject(self, archive: Archive, side: str) -> list[str]:
        return [i for i in getattr(self, side) if archive.entries[i].subject is not None]

    def _missing_classes(self, archive: Archive) -> dict[str, list[str]]:
        missing = {}
        for side in LABELLED_SIDES:
            labels = {archive.entries[recording].label for recording in getattr(self, side)}
            if lacking := sorted(set(archive.classes) - labels):
                missing[side] = lacking
        return missing


def values_of(archive: Archive, recordings: Iterable[str], column: str) -> set[str]:
    """What some recordings have as `scenario`, `subject` or `origin`, where it is known."""
    return {value for name in recordings if (value := getattr(archive.entries[name], column)) is not None}


class Place(NamedTuple):
    """Where a part of a recording lies, so that it can be found again in another recording of equal content.

    Attributes:
        recording: the id.
        content: its content hash.
        start: of the part, in frames, or in any unit that both sides of a comparison share.
        stop: of the part.
        whole: whether it is the whole recording.
    """

    recording: str
    content: str
    start: int
    stop: int
    whole: bool


def places_of(archive: Archive, parts: Iterable[str | Clip]) -> list[Place]:
    """Where recordings, or parts of them, lie.

    Args:
        archive: the recordings.
        parts: ids of recordings, or parts.

    Raises:
        AcoustillError: see `parts_of`.
    """
    places = []
    for clip in parts_of(archive, parts):
        entry = archive.entries[clip.recording]
        whole = clip.frames == entry.frames
        places.append(Place(entry.id, entry.content, clip.start, clip.stop, whole))
    return places


def find_overlap(one: Iterable[Place], other: Iterable[Place]) -> tuple[Place, Place] | None:
    """The first two parts, one of each, that hold the same sound: of equal content, and overlapping."""
    by_content: dict[str, list[Place]] = defaultdict(list)
    for place in one:
        by_content[place.content].append(place)
    for place in other:
        for known in by_content[place.content]:
            if known.start < place.stop and place.start < known.stop:
                return known, place
    return None


def refuse_overlap(archive: Archive, **sides: Sequence[str | Clip]) -> None:
    """Refuses sides that hold the same sound, by recording, by content hash, and by what they were cut from.

    Where both sides are chunks of recordings, which leak by their nature, it is not asked what those were cut from.

    Args:
        archive: the recordings.
        sides: by name, ids of recordings or parts of recordings.

    Raises:
        AcoustillError: naming the first that stands on two sides, or if a recording is not in the archive.

    Example:
        `refuse_overlap(archive, training=split.train, validation=split.validation)`
    """
    places = {side: places_of(archive, parts) for side, parts in sides.items()}
    for one, other in combinations(places, 2):
        found = find_overlap(places[one], places[other])
        if found is None:
            in_chunks = all(any(not place.whole for place in places[side]) for side in (one, other))
            if not in_chunks and {one, other} not in TAUGHT_TOGETHER:
                _refuse_one_origin(archive, one, places[one], other, places[other])
            continue
        known, place = found
        if known.recording != place.recording:
            what = "audio" if "audio" in archive.entries[place.recording].streams else "content"
            raise AcoustillError(
                f"{archive.path}: {known.recording} of {one} and {place.recording} of {other} hold the same {what}"
            )
        first, last = max(known.start, place.start), min(known.stop, place.stop)
        what = f"recording {place.recording} is"
        if not (known.whole and place.whole):
            what = f"frames {first} to {last} of recording {place.recording} are"
        raise AcoustillError(f"{archive.path}: {what} in both {one} and {other}")


def _refuse_one_origin(archive: Archive, one: str, first: list[Place], other: str, second: list[Place]) -> None:
    known = {archive.entries[place.recording].origin: place.recording for place in first}
    for place in second:
        origin = archive.entries[place.recording].origin
        if origin is not None and known.get(origin, place.recording) != place.recording:
            raise AcoustillError(
                f"{archive.path}: {known[origin]} of {one} and {place.recording} of {other} were cut from one "
                f"recording, {origin}"
            )


def _enumerated(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names)
