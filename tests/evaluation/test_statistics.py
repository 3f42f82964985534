from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acoustill.errors import AcoustillError
from acoustill.evaluation.statistics import Unit, accuracy_interval, holm, paired_difference


def units(rng: np.random.Generator, subjects: int, recordings: int, clips: int, spread: float) -> list[Unit]:
    """Clips whose chance to be right differs between subjects."""
    made = []
    for subject in range(subjects):
        chance = np.clip(0.6 + spread * rng.standard_normal(), 0, 1)
        for recording in range(recordings):
            made += [Unit(float(rng.random() < chance), f"{subject}-{recording}", str(subject)) for _ in range(clips)]
    return made


def test_interval_holds_the_mean_and_counts_clusters(rng: np.random.Generator) -> None:
    sample = units(rng, 12, 5, 3, 0.1)
    estimate = accuracy_interval(sample)
    assert estimate.value == pytest.approx(np.mean([unit.value for unit in sample]))
    assert estimate.low < estimate.value < estimate.high
    assert (estimate.n, estimate.recordings, estimate.subjects) == (180, 60, 12)


def test_interval_is_wider_where_subjects_differ(rng: np.random.Generator) -> None:
    alike, different = (accuracy_interval(units(rng, 20, 6, 2, spread)) for spread in (0.0, 0.35))
    assert different.high - different.low > 1.5 * (alike.high - alike.low)


def test_interval_covers_the_truth_about_as_often_as_it_says(rng: np.random.Generator) -> None:
    covered = 0
    for trial in range(60):
        estimate = accuracy_interval(units(rng, 25, 2, 2, 0.15), seed=trial)
        covered += estimate.low <= 0.6 <= estimate.high
    assert covered >= 51  # 85 % of 60: a binomial of 95 % falls below once in a thousand


def test_clips_of_one_recording_count_as_one(rng: np.random.Generator) -> None:
    once = [Unit(float(rng.random() < 0.5), f"r{i}", None) for i in range(40)]
    often = [Unit(unit.value, unit.recording, None) for unit in once for _ in range(10)]
    first, second = accuracy_interval(once), accuracy_interval(often)
    assert (second.low, second.high) == pytest.approx((first.low, first.high))


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_interval_of_all_right_or_all_wrong_is_not_a_point(value: float) -> None:
    estimate = accuracy_interval([Unit(value, f"r{i}", None) for i in range(20)])
    assert estimate.high - estimate.low == pytest.approx(0.161, abs=0.002)  # Wilson, 20 of 20


def test_interval_of_recordings_that_are_equally_good_is_not_a_point() -> None:
    """What is resampled are recordings: of each, every second clip is right."""
    units = [Unit(float(i % 2), f"r{i // 2}", f"s{i // 4}") for i in range(16)]
    estimate = accuracy_interval(units)
    assert (estimate.value, estimate.recordings) == (0.5, 8)
    assert estimate.high - estimate.low == pytest.approx(2 * 0.324, abs=0.002)  # Wilson, 8 of 8, to either side
    one = paired_difference([Unit(value, "r", "s") for value in (1.0, 0.0, 0.0, 0.0)]).estimate
    assert one.low < 0 < one.high


def test_no_clip_is_an_error() -> None:
    with pytest.raises(AcoustillError, match="no clip"):
        accuracy_interval([])


def test_permutation_p_is_the_exact_one_for_few_recordings() -> None:
    """Five recordings, all in favour: of 2^5 sign patterns, two are as extreme."""
    result = paired_difference([Unit(1.0, f"r{i}", None) for i in range(5)])
    assert result.p == 2 / 32


def test_recordings_of_one_subject_are_flipped_together() -> None:
    """Three subjects cannot show a clear difference, however many recordings each has."""
    units = [Unit(1.0, f"{s}-{r}", str(s)) for s in range(3) for r in range(30)]
    assert paired_difference(units).p == 2 / 8


def test_no_difference_at_all_has_an_interval_on_both_sides() -> None:
    estimate = paired_difference([Unit(0.0, f"r{i}", None) for i in range(20)]).estimate
    assert (estimate.low, estimate.high) == pytest.approx((-0.161, 0.161), abs=0.002)


def test_no_effect_gives_no_small_p_too_often(rng: np.random.Generator) -> None:
    small = 0
    for trial in range(80):
        differences = [Unit(float(rng.choice([-1, 0, 1])), f"r{i}", None) for i in range(30)]
        small += paired_difference(differences, seed=trial).p < 0.05
    assert small <= 11  # a binomial of 5 % of 80 goes above once in a thousand


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_only_raises_and_keeps_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, adjusted, strict=True))
    assert adjusted[int(np.argmin(p_values))] == min(adjusted)
