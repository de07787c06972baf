"The tables that everybody tries first: what `recommended` must find, over seeds, and where it must doubt."

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score

from impaug.data import preprocessor
from impaug.experiment import presets
from impaug.learn import learn
from impaug.sets import round_clouds, textbook_sets
from impaug.study import textbook_steps

torch.set_num_threads(1)
made = {one.name: one.make for one in textbook_sets}
plain = replace(presets["recommended"], restarts=8, keep=2, **textbook_steps["entropy loss alone"])


@cache
def answer(name, seed, preset=None):
    "What `recommended`, or another preset, learned of a textbook case, and the NMI with its groups."
    X, y = made[name](seed)
    learned = learn(preprocessor("minmax").fit_transform(X), preset or presets["recommended"], seed)
    return learned, normalized_mutual_info_score(y, learned.pseudo_labels)


@pytest.mark.parametrize("share, least, mean", [("30%", 0.85, 0.93), ("10%", 0.7, 0.8)])
def test_clouds_in_many_columns_are_found_and_the_entropy_loss_alone_is_behind(share, least, mean):
    name = f"clouds, 1,000 x 20, {share}"
    found = [answer(name, seed)[1] for seed in range(2)]
    before = [answer(name, seed, plain)[1] for seed in range(2)]
    assert min(found) > least and np.mean(found) > mean
    assert np.mean(found) > np.mean(before) + 0.1
    assert not any(answer(name, seed)[0].doubts for seed in range(2))


def test_a_small_cloud_in_two_columns_is_found():
    assert min(answer("clouds, 1,000 x 2, 10%", seed)[1] for seed in range(2)) > 0.75


def test_clouds_are_found_without_any_taught_start():
    untaught = replace(presets["steady"], starts=("random",))
    assert answer("clouds, 1,000 x 20, 30%", 0, untaught)[1] > 0.8


def test_long_groups_side_by_side_are_found_where_kmeans_cuts_across():
    X, y = made["elongated"](0)
    kmeans = KMeans(2, n_init=10, random_state=0).fit_predict(preprocessor("minmax").fit_transform(X))
    assert min(answer("elongated", seed)[1] for seed in range(2)) > 0.9 > normalized_mutual_info_score(y, kmeans) + 0.4


def test_the_networks_agree_with_importance_on_clouds():
    learned, found = answer("clouds, 1,000 x 20, 30%", 0)
    X, y = round_clouds(99, columns=20)
    ready = preprocessor("minmax").fit(made["clouds, 1,000 x 20, 30%"](0)[0])
    assert normalized_mutual_info_score(learned.pseudo_labels, learned.clusters) > 0.85
    assert normalized_mutual_info_score(y, learned.predict(ready.transform(X))) > 0.8  # other rows of the same clouds


def test_a_tight_group_beside_a_wide_one_is_found_better_than_by_kmeans():
    X, y = made["tight beside wide"](0)
    kmeans = KMeans(2, n_init=10, random_state=0).fit_predict(preprocessor("minmax").fit_transform(X))
    assert answer("tight beside wide", 0)[1] > max(0.85, normalized_mutual_info_score(y, kmeans) + 0.1)


@pytest.mark.parametrize("name", ["one cloud, 2 columns", "one cloud, 20 columns"])
def test_the_division_of_one_cloud_is_doubted(name):
    assert answer(name, 0)[0].doubts
