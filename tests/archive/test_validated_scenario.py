"""A scenario that is neither trained on nor tested, to choose the best round in."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError
from test_protocols import CLASSES, avia_like, entry, of

from acoustill.archive import Archive, Protocol, split_archive
from acoustill.errors import AcoustillError


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return avia_like(tmp_path)


def places(archive: Archive, recordings: tuple[str, ...], name: str = "scenario") -> set[str | None]:
    return {getattr(archive.entries[recording], name) for recording in recordings}


@pytest.mark.parametrize("name", ["scenarios", "scenarios-and-subjects"])
@pytest.mark.parametrize("fold", range(3))
def test_validation_is_in_that_scenario_and_training_is_not(archive: Archive, name: str, fold: int) -> None:
    usual = split_archive(archive, Protocol(name=name, held_out="office", fold=fold))
    split = split_archive(archive, Protocol(name=name, held_out="office", validated_scenario="outdoor", fold=fold))
    assert places(archive, split.train) == {"anechoic"}
    assert places(archive, split.validation) == {"outdoor"}
    assert split.test == usual.test
    assert set(split.train) < set(usual.train)
    assert set(split.validation) < set(usual.validation)
    assert not {"office", "outdoor"} & places(archive, split.unlabelled)
    assert "forest" in places(archive, split.unlabelled)
    assert not places(archive, split.train, "subject") & places(archive, split.validation, "subject")


@pytest.mark.parametrize("wrong", ["office", "garden"])
def test_no_such_scenario_is_refused(archive: Archive, wrong: str) -> None:
    with pytest.raises(AcoustillError, match=r"validated_scenario is '.*', expected one of \['anechoic', 'outdoor'\]"):
        split_archive(archive, Protocol(name="scenarios", held_out="office", validated_scenario=wrong))


def test_three_scenarios_are_needed(tmp_path: Path) -> None:
    takes = [
        {"label": label, "scenario": scenario, "subject": f"s{subject}"}
        for label in CLASSES
        for scenario in ("office", "outdoor")
        for subject in range(3)
    ]
    archive = of(tmp_path, [entry(number, **take) for number, take in enumerate(takes)])
    with pytest.raises(AcoustillError, match="number of scenarios is 2, expected at least 3"):
        split_archive(archive, Protocol(name="scenarios", held_out="office", validated_scenario="outdoor"))


@pytest.mark.parametrize("name", ["recordings", "subjects", "fixed", "paper-chunks"])
def test_other_protocols_have_no_use_for_it(name: str) -> None:
    with pytest.raises(ValidationError, match="validated_scenario 'office' is of no use"):
        Protocol(name=name, validated_scenario="office")  # type: ignore[arg-type]
