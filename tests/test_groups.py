"Several groups: found where they are clear, counted, doubted where there is one too many, and refused where senseless."

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import normalized_mutual_info_score as nmi

from impaug.consensus import group_noise_cuts
from impaug.data import InputError, preprocessor
from impaug.experiment import presets
from impaug.groups import Groups, divide_rows, learn_groups, split_off
from impaug.learn import Learned
from impaug.threshold import group_cuts, neighbours, normalized_cut

LIGHT = replace(presets["steady"], restarts=6, keep=2)
SEEDS = range(3)


def clouds(seed, counts=(200, 80, 40), distance=8):
    "Min-max rows of round clouds, the first at the corner and the others around it, and the cloud of each."
    angle = np.arange(len(counts) - 1) * np.pi / 3
    centres = np.vstack([[0, 0], distance * np.c_[np.cos(angle), np.sin(angle)]])
    cloud = np.repeat(np.arange(len(counts)), counts)
    rows = centres[cloud] + np.random.default_rng(seed).normal(size=(len(cloud), 2))
    return preprocessor("minmax").fit_transform(rows), cloud


@pytest.fixture(scope="module")
def three():
    "Rows, clouds and what was learned, for each seed."
    answers = {}
    for seed in SEEDS:
        rows, cloud = clouds(seed)
        answers[seed] = rows, cloud, learn_groups(rows, 3, LIGHT, seed)
    return answers


@pytest.fixture(scope="module")
def one_too_many():
    rows, _ = clouds(0)
    return learn_groups(rows, 4, LIGHT)


def test_three_clear_clouds_are_found(three):
    assert all(nmi(cloud, learned.pseudo_labels) > 0.95 for _, cloud, learned in three.values())


def test_groups_are_numbered_by_size(three):
    for _, cloud, learned in three.values():
        sizes = np.bincount(learned.pseudo_labels)
        assert np.all(np.diff(sizes) < 0) and abs(sizes - np.bincount(cloud)).max() <= 8


def test_clear_clouds_are_hardly_ever_doubted(three):
    assert sum(bool(learned.doubts) for _, _, learned in three.values()) <= 1


def test_each_minority_is_found_again_by_importance(three):
    for _, _, learned in three.values():
        for column in range(2):
            alone = ~np.isnan(learned.importance[:, column])
            side = learned.pseudo_labels[alone] == column + 1
            assert np.array_equal(alone, np.isin(learned.pseudo_labels, [0, column + 1]))
            assert nmi(side, learned.importance[alone, column] > learned.threshold[column]) > 0.9


def test_importance_is_larger_on_the_minority_than_on_the_majority(three):
    for _, _, learned in three.values():
        for column in range(2):
            value = learned.importance[:, column]
            own = learned.pseudo_labels == column + 1
            assert value[own].mean() > np.nanmean(value[~own])


def test_importance_points_at_the_minority_also_where_that_is_the_larger_side():
    rows, cloud = clouds(0, (200, 80))
    split = split_off(rows, 1 - cloud, 1, LIGHT)
    assert np.array_equal(split.learned.pseudo_labels, split.learned.importance > split.learned.threshold)
    assert nmi(cloud, split.learned.pseudo_labels) > 0.9
    assert split.learned.importance[cloud == 0].mean() > split.learned.importance[cloud == 1].mean()


def test_probabilities_are_of_the_groups_and_their_largest_is_the_label(three):
    for rows, _, learned in three.values():
        probability = learned.predict_proba(rows)
        assert probability.shape == (len(rows), 3) and np.allclose(probability.sum(axis=1), 1)
        assert np.array_equal(probability.argmax(axis=1), learned.pseudo_labels)
        assert np.array_equal(learned.predict(rows), learned.pseudo_labels)


def test_new_rows_of_the_same_clouds_get_the_groups_of_these(three):
    rows, cloud, learned = three[0]
    order = np.random.default_rng(0).permutation(len(rows))[:50]
    assert np.array_equal(learned.predict(rows[order]), learned.pseudo_labels[order])


def test_shuffled_rows_give_the_same_division(three):
    for seed, (rows, _, learned) in three.items():
        order = np.random.default_rng(seed).permutation(len(rows))
        shuffled = divide_rows(rows[order], 3, LIGHT, seed)
        assert nmi(learned.pseudo_labels[order], shuffled.labels) > 0.95


def test_the_measures_of_a_division_are_those_of_its_labels(three):
    rows, _, learned = three[0]
    division, graph = learned.division, neighbours(rows)
    assert np.allclose(division.cuts, group_cuts(graph, learned.pseudo_labels, 3))
    assert np.isclose(division.cuts.sum(), normalized_cut(graph, learned.pseudo_labels, 3))
    assert np.allclose(division.noise_cuts, group_noise_cuts(rows, learned.predict, 3))


@pytest.mark.parametrize("seed", [0, 1])
def test_auto_finds_three_clear_clouds(seed):
    rows, cloud = clouds(seed)
    learned = learn_groups(rows, "auto", LIGHT, seed)
    assert learned.n_groups == 3 and nmi(cloud, learned.pseudo_labels) > 0.95


@pytest.mark.parametrize("seed", [0, 1])
def test_auto_answers_one_group_for_one_cloud_and_says_so(seed):
    rows = np.random.default_rng(seed).normal(size=(200, 5))
    learned = learn_groups(preprocessor("minmax").fit_transform(rows), "auto", LIGHT, seed)
    assert learned.n_groups == 1 and learned.no_second_group and not learned.pseudo_labels.any()
    assert len(learned.doubts) == 1 and learned.doubts[0].startswith("no second group found")
    assert learned.importance.shape == (200, 0) and learned.predict_proba(rows).shape == (200, 1)


def test_a_group_too_many_is_doubted_by_its_number(one_too_many):
    assert one_too_many.n_groups == 4 and one_too_many.doubts
    assert all(reason.startswith("group ") for reason in one_too_many.doubts)


def test_what_two_groups_give_is_what_learn_gives():
    rows, _ = clouds(0, (300, 100))
    assert isinstance(learn_groups(rows, 2, LIGHT), Learned)
    assert isinstance(learn_groups(rows, 3, LIGHT), Groups)


@pytest.mark.parametrize("n_groups", [1, 0, -2, True, 2.5, "many", None, 31, 60])
def test_a_number_that_is_none_is_refused(n_groups):
    rows, _ = clouds(0, (30, 20, 10))
    with pytest.raises(InputError, match="^n_groups: "):
        learn_groups(rows, n_groups, LIGHT)


def test_numpy_integers_are_numbers():
    rows, _ = clouds(0, (30, 20, 10))
    assert learn_groups(rows, np.int64(3), LIGHT).n_groups == 3
