import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2l_core.errors import DataError
from l2l_core.workflows.folds import (
    check_plan,
    default_repeats,
    draw_folds,
    runs_beside,
    scaled_epochs,
)


@st.composite
def plans(draw):
    folds = draw(st.integers(2, 10))
    images = draw(st.integers(folds, 40))
    return draw(st.integers(images, 60)), images, folds


@given(plans(), st.integers(0, 9), st.integers(0, 2**40))
def test_each_image_that_is_drawn_is_held_out_once_and_folds_are_even(plan, repeat, seed):
    groups, images, folds = plan
    parts = draw_folds(groups, images, folds, repeat=repeat, seed=seed)
    held = [one for part in parts for one in part]
    assert len(parts) == folds
    assert len(held) == len(set(held)) == images
    assert set(held) <= set(range(groups))
    sizes = [len(part) for part in parts]
    assert min(sizes) >= 1
    assert max(sizes) - min(sizes) <= 1
    assert parts == draw_folds(groups, images, folds, repeat=repeat, seed=seed)


def test_repetitions_seeds_and_numbers_of_images_draw_for_themselves():
    first = draw_folds(40, 16, 4, repeat=0, seed=1)
    assert first != draw_folds(40, 16, 4, repeat=1, seed=1)
    assert first != draw_folds(40, 16, 4, repeat=0, seed=2)
    flat = {one for part in first for one in part}
    assert flat != {one for part in draw_folds(40, 16, 4, repeat=1, seed=1) for one in part}


def test_every_image_is_drawn_as_often_as_every_other():
    counts = [0] * 12
    for repeat in range(600):
        for part in draw_folds(12, 4, 2, repeat=repeat, seed=3):
            for one in part:
                counts[one] += 1
    # 600 draws of 4 of 12: 200 each, with a standard deviation of about 11.5.
    assert 150 < min(counts) <= max(counts) < 250


@pytest.mark.parametrize(
    ("groups", "images", "folds", "said"),
    [
        (1, 1, 2, "only one image"),
        (5, 5, 8, "fewer than the 8 folds.*--folds 5"),
        (5, 6, 2, "6 images are to be drawn and there are 5"),
        (5, 5, 1, "at least 2"),
        (5, 1, 8, "--folds 2"),
    ],
)
def test_what_cannot_be_divided_is_refused_with_the_remedy(groups, images, folds, said):
    with pytest.raises(DataError, match=said):
        check_plan(groups, [images], folds)


def test_fewer_images_are_repeated_more_often_and_train_for_fewer_epochs():
    assert [default_repeats(68, n) for n in (4, 8, 16, 32, 64)] == [10, 9, 5, 3, 3]
    assert [scaled_epochs(100, 64, n) for n in (8, 16, 32, 64)] == [12, 25, 50, 100]
    assert scaled_epochs(2, 100, 8) == 1


@given(
    st.integers(1, 60),
    st.integers(1, 9),
    st.integers(0, 5),
    st.sets(st.integers(0, 12)),
    st.sets(st.integers(0, 12)),
)
def test_what_trains_lies_in_training_blocks_and_keeps_its_distance(
    size, length, gap, training, held
):
    held -= training
    places = [place for run in runs_beside(size, length, training, held, gap) for place in run]
    assert len(places) == len(set(places))
    forbidden = [place for place in range(13 * length) if place // length in held]
    for place in range(size):
        near = any(abs(place - other) <= gap for other in forbidden)
        assert (place in places) == (place // length in training and not near)


def test_neighbouring_blocks_are_one_run():
    assert runs_beside(11, 3, {0, 1, 3}, {2}, 1) == (range(5), range(10, 11))
    assert runs_beside(12, 3, {0, 3}, set(), 1) == (range(3), range(9, 12))
