"What the pages do not show: every choice arrives where it belongs, and what is reported is of the kept restarts."

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from imblearn.over_sampling import SMOTE
from sklearn.datasets import load_iris
from sklearn.metrics import normalized_mutual_info_score
from sklearn.neural_network import MLPClassifier
from torch import nn

from impaug.balance import balance_table
from impaug.consensus import anchors, average_importance, doubts, find_anchor, frame, is_clear
from impaug.consensus import majority_mode, no_second_group, separation, spacing
from impaug.data import InputError, load_wisconsin, preprocessor
from impaug.engine import gradient_of, train_importance
from impaug.experiment import Preset, presets
from impaug.importance import ImportanceDataset, train_literal, train_stacked
from impaug.learn import (
    criteria_of,
    group_tasks,
    join_fits,
    learn,
    neighbour_loss,
    run_tasks,
    train_restarts,
    training_options,
)
from impaug.model import EntropyLoss, SelfAugmentedLoss, clusters, mlp
from impaug.runs import draw, retrain, run_preset, split_rows
from impaug.sampler import ImportanceClusterer, ImportanceSampler
from impaug.sets import round_clouds
from impaug.smote import Balanced, oversample
from impaug.threshold import cut_threshold, find_threshold, neighbours, normalized_cut, threshold_rules

torch.set_num_threads(1)
wisconsin = load_wisconsin()
grades = wisconsin.data.iloc[:, 1:].fillna(wisconsin.data.median())
rows = preprocessor("minmax").fit_transform(grades)
ten = preprocessor("maxabs").fit_transform(wisconsin.data)
light = replace(presets["steady"], restarts=4, keep=2, epochs=10)


def keep(importance, found):
    "A monitor that keeps the clusters."
    return found


def train_in_groups(*args, **kwargs):
    "The fit of restarts that train side by side in groups."
    return join_fits(run_tasks(group_tasks(*args, **kwargs)))


def test_what_is_reported_is_what_the_kept_restarts_say():
    six = replace(light, restarts=6)
    direct = train_restarts(rows, [10_000 + s for s in range(6)], six, find_anchor(rows), monitor=keep)
    graph, learned = neighbours(rows), learn(rows, six, seed=1, monitor=keep)
    own = direct.importance[learned.kept]
    assert set(learned.kept) != {0, 1}
    np.testing.assert_array_equal(learned.partitions, direct.clusters[learned.kept])
    np.testing.assert_array_equal(learned.loss_curve, direct.loss_curve[learned.kept])
    np.testing.assert_array_equal(learned.monitored, direct.monitored)
    np.testing.assert_allclose(abs(learned.importance), abs(average_importance(own.astype(float))))
    each = [importance > find_threshold(importance, "cut", graph) for importance in own]
    assert learned.diagnosis["stability"] == pytest.approx(normalized_mutual_info_score(*each))
    assert learned.diagnosis["separation"] == pytest.approx(separation(learned.importance))
    assert learned.diagnosis["normalized_cut"] == pytest.approx(normalized_cut(graph, learned.pseudo_labels))
    for network, turn in zip(learned.networks, learned.turned):
        alone = replace(learned, networks=[network], turned=[turn]).predict(rows)
        assert (alone == learned.pseudo_labels).mean() > 0.5
    by_loss = learn(rows, replace(six, choose_by="loss"), seed=1)
    np.testing.assert_array_equal(by_loss.kept, direct.loss_curve[:, -1].argsort(kind="stable")[:2])


def test_the_best_of_several_restarts_gives_its_own_importance():
    learned = learn(rows, replace(light, keep=1), seed=11)
    direct = train_restarts(rows, [110_000 + s for s in range(4)], light, learned.anchor)
    assert learned.kept[0] != 0
    best = direct.importance[learned.kept[0]]
    assert abs(np.corrcoef(learned.importance, best)[0, 1]) == pytest.approx(1)


def test_labels_still_lie_above_the_threshold_when_the_sides_are_exchanged(monkeypatch):
    monkeypatch.setitem(threshold_rules, "quartile", lambda importance, graph: float(np.quantile(importance, 0.25)))
    learned = learn(rows, replace(light, threshold="quartile"))
    assert learned.pseudo_labels.mean() < 0.5
    np.testing.assert_array_equal(learned.pseudo_labels, learned.importance > learned.threshold)


def test_each_of_several_seeds_keeps_what_is_its_own():
    single = replace(light, restarts=1)
    for seed, learned in zip([1, 2], learn(rows, single, [1, 2], monitor=keep)):
        np.testing.assert_array_equal(learned.monitored[-1], learned.partitions)
        alone = learn(
            rows, single, seed
        )  # trained in a batch of another shape: rounding differs, and training adds to it
        np.testing.assert_allclose(learned.predict_proba(rows), alone.predict_proba(rows), atol=1e-3)


def test_epochs_and_batch_follow_from_the_rows():
    assert training_options(presets["steady"], 699)["epochs"] == 28  # 300 batches of 64, rounded up
    assert training_options(presets["recommended"], 699)["epochs"] == 14  # of 32
    assert training_options(presets["recommended"], 10**6)["epochs"] == 3
    assert training_options(replace(light, batch_size=32), 20)["batch_size"] == 20


def test_joined_groups_keep_their_order():
    options = dict(seeds=[0, 1, 2, 3], epochs=3, lazy=True, importance_decay=0.0, monitor=keep)
    whole, joined = train_importance(rows, **options), train_in_groups(rows, group=2, **options)
    for network, same in zip(joined.networks, whole.networks, strict=True):
        torch.testing.assert_close(network[0].weight, same[0].weight, atol=1e-5, rtol=0)
    assert np.mean(np.array(joined.monitored) == np.array(whole.monitored)) > 0.999
    assert len(join_fits([whole, joined]).networks) == 8


@pytest.mark.parametrize("centred", [True, False])
def test_networks_take_the_rows_as_they_are_and_say_what_they_said_in_the_frame(centred):
    preset, anchor = replace(light, restarts=1, centred=centred), find_anchor(rows)
    centre, unit = frame(rows) if centred else (0.0, 1.0)
    seen, criterion = (rows - centre) / unit, criteria_of(preset)[0]
    options = training_options(preset, len(rows)) | dict(anchor=(anchor - centre) / unit)
    direct = train_importance(seen, [7], criterion=criterion, noise=criterion.noise * spacing(seen), **options)
    learned = learn(rows, preset, seed=7)
    np.testing.assert_array_equal(abs(learned.importance), abs(direct.importance[0]))
    np.testing.assert_array_equal(learned.partitions, direct.clusters)
    with torch.no_grad():
        ours = learned.networks[0](torch.tensor(rows, dtype=torch.float32))
        theirs = direct.networks[0](torch.tensor(seen, dtype=torch.float32))
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)
    np.testing.assert_array_equal(learned.predict(rows), learned.clusters)


def test_learning_does_not_depend_on_the_unit_nor_on_where_zero_is():
    "In units that are a power of two to the bit; elsewhere up to what rounding does to training."
    plain = learn(rows, light)
    np.testing.assert_array_equal(learn(4 * rows, light).importance, plain.importance)
    moved = learn(0.3 * rows + 2, light)
    assert np.corrcoef(moved.importance, plain.importance)[0, 1] > 0.999
    assert (moved.pseudo_labels == plain.pseudo_labels).mean() > 0.99
    assert (moved.predict(0.3 * rows + 2) == plain.predict(rows)).mean() > 0.99
    uncentred = replace(light, centred=False)
    assert not np.array_equal(learn(4 * rows, uncentred).importance, learn(rows, uncentred).importance)


def test_each_of_several_criteria_trains_its_own_part_of_the_restarts():
    seeds, options = list(range(5)), dict(epochs=2, importance_lr=0.02)
    two = EntropyLoss(0.5), EntropyLoss(2.0)
    together = train_in_groups(rows, seeds, two, group=2, **options)
    for criterion, part in zip(two, (slice(0, 3), slice(3, 5)), strict=True):
        alone = train_importance(rows, seeds[part], criterion=criterion, **options)
        np.testing.assert_allclose(together.importance[part], alone.importance, atol=1e-5)
        np.testing.assert_allclose(together.loss_curve[part], alone.loss_curve, atol=1e-5)
    assert criteria_of(Preset(criterion=two, restarts=1)) == two[:1]  # whatever the number of seeds side by side
    assert criteria_of(Preset(criterion=two, restarts=5)) == two
    assert len(criteria_of(Preset())) == 1


def test_losses_with_weights_and_noise_of_their_own_train_side_by_side_as_they_do_alone():
    seeds, options = list(range(5)), dict(epochs=2, batch_size=64, importance_lr=0.02)
    two = SelfAugmentedLoss(0.6, 3.0, 1.0), SelfAugmentedLoss(1.0, 10.0, 2.0)
    tasks = group_tasks(rows, seeds, two, **options)
    assert [restarts for restarts, _ in tasks] == [5]
    together = join_fits(run_tasks(tasks))
    for criterion, part in zip(two, (slice(0, 3), slice(3, 5)), strict=True):
        noise = criterion.noise * spacing(rows)
        alone = train_importance(rows, seeds[part], criterion=criterion, noise=noise, **options)
        np.testing.assert_array_equal(together.importance[part], alone.importance)


def test_a_sample_is_drawn_at_random_by_the_seed_from_all_of_the_rows():
    some = replace(light, restarts=1, learn_rows=100)
    first, second = (learn(rows, some, seed).learned_from for seed in (0, 1))
    assert len(set(first)) == 100 and (np.diff(first) > 0).all() and not np.array_equal(first, second)
    assert first.min() < 50 and first.max() > 640 and len(set(np.diff(first))) > 5
    for seed, learned in zip((0, 1), learn(rows, some, [0, 1])):
        np.testing.assert_array_equal(learned.importance, learn(rows, some, seed).importance)


class Listening(nn.Module):
    "A criterion that keeps how far the logits of two halves of a batch lie apart, for a network that is the identity."

    def __init__(self, noise=None):
        super().__init__()
        self.heard = []
        if noise is not None:
            self.noise = noise

    def forward(self, logits):
        self.heard.append(logits.detach().clone())
        return logits.mean()


@pytest.mark.parametrize("noise", [0.5, 2.0])
def test_a_criterion_with_noise_gets_twins_that_far_away_in_spacings(noise, monkeypatch):
    for module in ("engine", "learn"):
        monkeypatch.setattr(f"impaug.{module}.mlp", identity)
    X, criterion = np.random.default_rng(0).normal(size=(4000, 2)), Listening(noise)
    train_in_groups(X, [3], [criterion], epochs=1, batch_size=400, lr=0, importance_lr=0)
    batches = [heard for heard in criterion.heard if len(heard) == 800]
    assert len(batches) == 10
    own = torch.cat([heard[:400] for heard in batches]).numpy()
    moved = torch.cat([heard[400:] - heard[:400] for heard in batches]).numpy()
    order = np.lexsort(own.T)
    np.testing.assert_allclose(own[order], X[np.lexsort(X.astype(np.float32).T)], atol=1e-5)
    np.testing.assert_allclose(moved.std(axis=0), noise * spacing(X), rtol=0.04)
    np.testing.assert_allclose(moved.mean(axis=0), 0, atol=0.06 * noise * spacing(X))
    assert abs(np.corrcoef(moved.T)[0, 1]) < 0.06 and abs(np.corrcoef(moved[:, 0], own[:, 0])[0, 1]) < 0.06


@pytest.mark.parametrize("noise", [None, 0.0])
def test_a_criterion_without_noise_gets_no_twins(noise, monkeypatch):
    for module in ("engine", "learn"):
        monkeypatch.setattr(f"impaug.{module}.mlp", identity)
    X, criterion = np.random.default_rng(0).normal(size=(800, 2)), Listening(noise)
    train_in_groups(X, [3], [criterion], epochs=1, batch_size=400, lr=0, importance_lr=0)
    assert [len(heard) for heard in criterion.heard[-2:]] == [400, 400]


def identity(n_features, hidden=(), n_clusters=2, seed=0):
    "A network of one layer whose logits are its input."
    network = nn.Sequential(nn.Linear(n_features, n_clusters))
    nn.init.eye_(network[0].weight)
    nn.init.zeros_(network[0].bias)
    return network


def test_spacing_does_not_shrink_with_the_number_of_rows():
    X = np.random.default_rng(0).normal(size=(100_000, 3))
    assert spacing(X) == pytest.approx(spacing(X[:1000]), rel=0.1)
    assert spacing(X[:1000], max_rows=100) > 1.5 * spacing(X[:1000])


def test_spacing_is_of_distinct_rows_and_of_a_single_column():
    X = np.random.default_rng(0).normal(size=(300, 4))
    assert spacing(np.repeat(X, 3, axis=0)) == pytest.approx(spacing(X))
    mostly = np.vstack([np.tile(X[:1], (500, 1)), X[1:]])
    assert spacing(mostly) == pytest.approx(spacing(X), rel=0.05)
    assert spacing(np.tile(X, 9)) == pytest.approx(spacing(X))
    assert spacing(5 * X + 3) == pytest.approx(5 * spacing(X))


def test_few_distinct_rows_are_learned_and_rows_all_alike_are_refused():
    two = np.repeat([[0.0, 0, 1], [1, 1, 0]], [70, 30], axis=0)
    learned = learn(two, replace(presets["recommended"], restarts=8, keep=2))
    np.testing.assert_array_equal(learned.pseudo_labels, two[:, 0])
    rare = np.zeros((20_000, 2))
    rare[7] = 1  # not among the rows that are looked at
    assert spacing(rare) == pytest.approx(np.sqrt(rare.var(axis=0).sum()))  # as far as two rows lie apart, at most
    assert spacing(np.repeat(np.eye(2), 50, axis=0)) == pytest.approx(np.sqrt(0.5))
    for alike in (spacing, lambda X: learn(X, light), lambda X: train_in_groups(X, [0], criteria_of(light))):
        with pytest.raises(InputError, match="^X: "):
            alike(np.ones((50, 2)))


def test_a_criterion_that_wants_twins_and_gets_none_is_refused():
    with pytest.raises(InputError, match="noise: 0, but the criterion compares rows with their twins"):
        train_importance(rows, criterion=SelfAugmentedLoss())


def test_neighbour_loss_is_least_where_neighbours_agree_and_both_classes_are_used():
    pairs = np.array([[1], [0], [3], [2]])
    assert neighbour_loss(np.eye(2)[[0, 0, 1, 1]], pairs) == pytest.approx(-np.log(2))
    assert neighbour_loss(np.eye(2)[[0, 0, 0, 0]], pairs) == pytest.approx(0)


class Plain(nn.Module):
    "EntropyLoss with beta 2, without a gradient of its own."

    def forward(self, logits):
        return EntropyLoss(beta=2.0)(logits)


class WithGradient(Plain):
    def gradient(self, logits, loss, d_logits):
        EntropyLoss(beta=2.0).gradient(logits, loss, d_logits)


class OtherForward(EntropyLoss):
    "A reader's change of the loss, whose inherited gradient would be that of another loss."

    def forward(self, logits):
        return 2 * super().forward(logits)


def loss_curve(criterion):
    return train_importance(ten[:165], epochs=2, dtype=torch.float64, criterion=criterion).loss_curve


def test_a_loss_trains_by_its_own_gradient_where_that_is_its_own():
    own = WithGradient()
    assert gradient_of(own) == own.gradient
    np.testing.assert_allclose(loss_curve(Plain()), loss_curve(EntropyLoss(beta=2.0)))
    np.testing.assert_allclose(loss_curve(OtherForward()), 2 * loss_curve(EntropyLoss()), rtol=0.01)


def test_the_shape_of_the_network_is_the_callers():
    class Third(nn.Module):
        def forward(self, logits):
            return logits[:, 2].mean()

    fit = train_importance(ten, epochs=1, hidden=(7,), n_clusters=3, criterion=Third())
    assert [tuple(p.shape) for p in fit.networks[0].parameters()] == [(7, 10), (7,), (3, 7), (3,)]


def test_lazy_adam_reports_the_loss_of_every_batch():
    still = dict(epochs=2, lr=0, importance_lr=0, dtype=torch.float64)
    lazy, dense = (train_importance(ten[:165], lazy=lazy, **still).loss_curve for lazy in (True, False))
    np.testing.assert_allclose(lazy, dense)


def test_every_row_has_the_cluster_of_its_network():
    fit = train_importance(ten, seeds=range(16), epochs=1, dtype=torch.float64)
    for network, importance, found in zip(fit.networks, fit.importance, fit.clusters, strict=True):
        np.testing.assert_array_equal(found, clusters(network, importance[:, None] * ten))


def test_the_monitor_is_given_copies():
    fit = train_importance(ten, epochs=2, monitor=lambda importance, found: importance)
    np.testing.assert_array_equal(fit.monitored[-1], fit.importance)
    assert abs(fit.monitored[0] - fit.importance).max() > 1e-3


def test_prior_and_beta_enter_loss_and_gradient_together():
    torch.manual_seed(0)
    logits = torch.randn(3, 16, 2, dtype=torch.float64, requires_grad=True)
    criterion = EntropyLoss(4.0, (0.7, 0.3))
    losses = torch.stack([criterion(one) for one in logits])
    (expected,) = torch.autograd.grad(losses.sum(), logits)
    shares, d_logits = torch.empty(3, 16, dtype=torch.float64), torch.empty(3, 2, 16, dtype=torch.float64)
    criterion.gradient(logits.detach().mT, shares, d_logits)
    torch.testing.assert_close(shares.sum(1), losses.detach())
    torch.testing.assert_close(d_logits.mT, expected)
    one, two, three = (EntropyLoss(beta, (0.7, 0.3))(logits[0]).item() for beta in (1.0, 2.0, 3.0))
    assert two - one > 1e-3 and three - two == pytest.approx(two - one)
    with pytest.raises(InputError, match="prior: expected positive"):
        EntropyLoss(prior=[1.0, 0.0])


def test_the_gradient_of_certain_outputs_is_finite():
    shares, d_logits = torch.empty(1, 4), torch.empty(1, 2, 4)
    EntropyLoss().gradient(torch.tensor([[500.0], [-500.0]]).expand(1, 2, 4), shares, d_logits)
    assert torch.isfinite(shares).all() and torch.isfinite(d_logits).all()


def test_stacked_training_has_the_callers_learning_rate():
    dataset = ImportanceDataset(ten[:165], wisconsin.target[:165], torch.float64)
    alone = train_literal(mlp(10, seed=3).double(), dataset, epochs=2, lr=3e-3, seed=3)[1]
    stacked = train_stacked([mlp(10, seed=3).double()], torch.tensor(ten[:165]), (3,), epochs=2, lr=3e-3)
    torch.testing.assert_close(stacked[0], alone, atol=1e-10, rtol=0)


def test_the_cut_never_falls_between_equal_values():
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(size=(60, 3)), rng.normal(3, 1, size=(25, 3))])
    graph = neighbours(X)
    for values in (np.arange(85) // 35, X.sum(axis=1).round()):
        distinct = np.unique(values)
        tries = distinct[:-1] + np.diff(distinct) / 2
        best = tries[np.argmin([normalized_cut(graph, values > threshold) for threshold in tries])]
        assert cut_threshold(values, graph) == pytest.approx(best)


def test_the_callers_oversampler_stays_as_it_was():
    own = SMOTE()
    labels = (np.arange(60) < 12).astype(int)
    balanced = oversample(np.random.default_rng(0).normal(size=(60, 3)), labels, own)
    assert own.random_state is None and not hasattr(own, "sampling_strategy_")
    assert balanced.sampling_strategy == {1: 36}  # rows to add


def test_a_constant_restart_counts_for_nothing_in_the_average():
    v = np.random.default_rng(0).normal(size=50)
    np.testing.assert_allclose(average_importance(np.stack([v, np.ones(50)])), (v - v.mean()) / v.std() / 2)


def test_the_far_anchor_is_the_mirror_image_of_the_near_one():
    mode = majority_mode(rows)
    np.testing.assert_allclose(anchors["beyond the minority"](rows) - mode, 2 * (mode - find_anchor(rows)))


sound = dict(stability=0.3, network=0.5, share=0.5, noise_cut=0.1, normalized_cut=0.1)
sound |= dict(noise_cut_null=0.31, normalized_cut_null=0.31)


@pytest.mark.parametrize(
    "change, words",
    [
        (dict(stability=0.29), "restarts disagree"),
        (dict(network=0.49), "importance and the networks"),
        (dict(share=0.51), "most rows lie above"),
        (dict(normalized_cut=0.11), "severs many neighbours"),
        (dict(noise_cut=0.11), "not certain"),
        (dict(noise_cut=0.16), no_second_group),
        (dict(noise_cut=0.021, noise_cut_null=0.0), no_second_group),
        (dict(noise_cut_null=np.nan, normalized_cut_null=np.nan), "not compared"),
        (dict(stability=np.nan), "one restart"),
    ],
)
def test_doubts_begin_beyond_their_bounds(change, words):
    assert doubts(sound) == [] == doubts(sound | dict(noise_cut=0.02, noise_cut_null=0.0))
    (doubt,) = doubts(sound | change)
    assert words in doubt
    apart = not {"noise_cut", "normalized_cut"} & set(change)
    assert is_clear(sound | change) == apart  # what is no cut does not lead to the fallback, nor does what is unknown


def test_held_out_rows_have_their_own_labels_and_train_no_scaler():
    held, ids = Preset(test_size=0.3, scaling="none"), wisconsin.data.sample_code_number.to_numpy()
    split = split_rows(wisconsin, held)
    np.testing.assert_array_equal(split.test_y, wisconsin.target[np.isin(ids, split.test_rows[:, 0])])
    assert set(split.test_rows[:, 0]) != set(split_rows(wisconsin, held, seed=1).test_rows[:, 0])
    for seed in range(8):
        scaled = split_rows(wisconsin, replace(held, scaling="minmax"), seed).rows[:, 0]
        assert (scaled.min(), scaled.max()) == (0, 1)


def test_a_run_is_of_the_kept_restart_and_every_choice_arrives():
    choices = dict(epochs=3, restarts=4, keep=1, retrain_epochs=2, k_neighbors=2, lr=2e-3, batch_size=48)
    run = run_preset(Preset(threshold="kmeans", **choices), [3])[0]
    figures, learned = run.figures, run.learned
    assert learned.kept[0] != 0
    assert figures["nmi_last"] == pytest.approx(normalized_mutual_info_score(run.y, learned.partitions[0]))
    assert run.curves["training"][figures["nmi_peak_epoch"] - 1] == figures["nmi_peak"]
    again = oversample(run.rows, learned.pseudo_labels, k_neighbors=2, seed=3)
    np.testing.assert_array_equal(run.balanced.X, again.X)
    found = retrain(run.balanced, "entropy", 2, 48, 2e-3, 3).predict(run.rows)
    assert figures["test_nmi"] == pytest.approx(normalized_mutual_info_score(run.y, found))


def test_runs_of_unequal_length_are_drawn_as_far_as_all_go():
    "As where one of them fell back."
    short = Preset(epochs=2, retrain_epochs=2, threshold="kmeans")
    long = replace(short, epochs=3)
    runs = run_preset(short, [0]) + run_preset(long, [1])
    training, retraining = draw(runs)["custom-nmi.png"].axes[0].lines
    assert (len(training.get_xdata()), len(retraining.get_xdata())) == (2, 2)
    assert training.get_ydata()[1] == np.median([run.curves["training"][1] for run in runs])


def test_retraining_has_its_seed_and_goes_on_from_epoch_to_epoch():
    X = np.random.default_rng(0).normal(size=(200, 3))
    labels = (X[:, 0] > 0).astype(int)
    table = Balanced(X, labels, np.zeros(200, dtype=bool), np.empty((0, 2), dtype=int), {})
    one, other = (retrain(table, "entropy", 1, 32, 1e-3, seed).predict.args[0][0].weight for seed in (3, 4))
    assert not torch.equal(one, other)
    network = MLPClassifier((96, 32), batch_size=32, learning_rate_init=1e-3, alpha=0.0, random_state=3)
    for _ in range(2):
        network.partial_fit(X, labels, classes=[0, 1])
    np.testing.assert_array_equal(retrain(table, "pseudo", 2, 32, 1e-3, 3).predict(X), network.predict(X))


@pytest.mark.filterwarnings("ignore:the pseudo labels are in doubt")
def test_the_sampler_hands_on_neighbours_and_seed():
    chosen = replace(presets["recommended"], restarts=2, keep=2, epochs=5, k_neighbors=2)
    sampler = ImportanceSampler(preset=chosen, random_state=1)
    grown, _ = sampler.fit_resample(grades.to_numpy())
    same = oversample(grades.to_numpy(), sampler.pseudo_labels_, k_neighbors=2, seed=1)
    np.testing.assert_array_equal(grown, same.X)
    np.testing.assert_array_equal(sampler.loss_curve_, sampler.learned_.loss_curve.mean(axis=0))


@pytest.mark.filterwarnings("ignore:the pseudo labels are in doubt")
def test_constant_columns_are_left_out_of_prediction_too():
    held = grades.assign(constant=1.0)
    clusterer = ImportanceClusterer(restarts=2, keep=1, random_state=0).fit(held)
    np.testing.assert_array_equal(clusterer.predict(held), clusterer.labels_)


@pytest.fixture
def irises():
    "The irises as the text of a file."
    data = load_iris(as_frame=True)
    table = data.data.set_axis(list("abcd"), axis=1).astype(str)
    return table.assign(species=data.target_names[data.target]).astype(object), data.target.to_numpy()


def test_a_balanced_table_has_its_neighbours_and_seed(irises):
    preset = replace(presets["recommended"], restarts=2, keep=1, k_neighbors=2)
    balanced = balance_table(irises[0], "species", preset=preset, seed=1).balanced
    own = ~balanced.synthetic
    same = oversample(balanced.X[own], balanced.pseudo_labels[own], k_neighbors=2, seed=1)
    np.testing.assert_array_equal(balanced.X, same.X)


def test_missing_targets_do_not_score(irises):
    table, species = irises
    table.loc[::3, "species"] = "?"
    found, known = balance_table(table, "species", restarts=2), np.arange(150) % 3 > 0
    score = normalized_mutual_info_score(species[known], found.learned.pseudo_labels[known])
    assert found.score == pytest.approx(score)


def test_a_constant_column_with_a_hole_keeps_its_constant(irises):
    table = irises[0].assign(unit=["", *["7.0"] * 149])
    made = balance_table(table, "species", restarts=2).frame.unit[150:]
    assert len(made) and (made == "7.0").all() and pd.notna(made).all()


clouds = round_clouds(0, n=300, columns=3)[0]


@pytest.mark.parametrize(
    "X, said",
    [
        (clouds[:20], "not compared"),
        (clouds * 1e140, ""),
        (clouds * [1e140, 1, 1e-300], ""),
        (clouds * [1, 1e300, 1], "numbers beyond 1e+150 in '1'"),
        (clouds * 1e-300, "no column varies by more than rounding does"),
        (np.ones((100, 3)), "no column varies"),
        (np.repeat([[0.0, 0.0], [1.0, 1.0]], [70, 30], axis=0), no_second_group),
        (np.random.default_rng(0).normal(size=(100, 1)), no_second_group),
        (np.random.default_rng(0).integers(0, 2, size=(200, 6)).astype(float), no_second_group),
        (np.random.default_rng(0).normal(size=(150, 1)) + np.repeat([[0], [12]], [100, 50], axis=0), ""),
    ],
    ids=[
        "few rows",
        "large",
        "large and tiny",
        "huge",
        "tiny",
        "alike",
        "two rows",
        "one column",
        "binary",
        "two groups",
    ],
)
@pytest.mark.filterwarnings("ignore:the pseudo labels are in doubt")
def test_odd_tables_are_refused_or_answered_with_finite_importance(X, said):
    try:
        found = ImportanceClusterer(restarts=8, random_state=0).fit(X)
    except InputError as refusal:
        assert said and said in str(refusal)
    else:
        assert np.isfinite(found.importance_).all() and 0 < found.pseudo_labels_.sum() < len(X)
        assert said in " ".join(found.doubts_)
        assert said or not found.doubts_
