"""One door to learning: whoever asks gets the same answer.

The same rows, preset, threshold and seed go through the command line, the sampler, the clusterer and the experiment,
for each preset and each rule."""

import warnings
from dataclasses import dataclass, replace
from inspect import signature

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer

from impaug import engine, learn
from impaug.balance import balance_table
from impaug.cli import main
from impaug.consensus import clear
from impaug.data import InputError, load_wisconsin
from impaug.experiment import presets
from impaug.model import EntropyLoss, SelfAugmentedLoss
from impaug.runs import run_preset
from impaug.sampler import ImportanceClusterer, ImportanceSampler
from impaug.threshold import threshold_rules

seed, fraction = 3, 0.45
identifier = "sample_code_number"
no_side = "leaves one side empty"


@dataclass
class Answer:
    "What a door says of the rows."

    importance: np.ndarray  # (n,) float64
    threshold: float
    labels: np.ndarray  # (n,) pseudo labels


@pytest.fixture(autouse=True)
def light_presets(monkeypatch):
    "Presets under their own names that are quick to learn, with values that no function has as its default."
    common = dict(
        importance_lr=0.02,
        importance_decay=2e-4,
        weight_decay=1e-3,
        lr=2e-3,
        batch_size=48,
        retrain_epochs=1,
    )
    plain, twins = EntropyLoss(beta=0.9), (SelfAugmentedLoss(0.9, 4.0, 0.5), SelfAugmentedLoss(0.8, 2.0, 1.5))
    monkeypatch.setitem(presets, "report", replace(presets["report"], epochs=15, criterion=plain, **common))
    lighter = dict(epochs=8, restarts=4, keep=2, **common)
    second = presets["recommended"].fallback | dict(criterion=twins, lr=4e-3, batch_size=40)
    recommended = replace(presets["recommended"], criterion=plain, fallback=second, **lighter)
    monkeypatch.setitem(presets, "recommended", recommended)
    monkeypatch.setitem(presets, "steady", replace(presets["steady"], **lighter | second))


def report_table(preset):
    "The report's rows as this preset wants them, holes and all: a DataFrame."
    data = load_wisconsin().data
    return data if presets[preset].keep_id else data.drop(columns=identifier)


def by_experiment(preset, rule, folder):
    learned = run_preset(replace(presets[preset], threshold=rule), [seed])[0].learned
    return Answer(learned.importance, learned.threshold, learned.pseudo_labels)


def by_clusterer(preset, rule, folder):
    return by_estimator(ImportanceClusterer, preset, rule)


def by_sampler(preset, rule, folder):
    return by_estimator(ImportanceSampler, preset, rule)


def by_estimator(estimator, preset, rule):
    rows = SimpleImputer(strategy="median").fit_transform(report_table(preset))
    fitted = estimator(preset=preset, threshold=rule, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if estimator is ImportanceSampler:
            fitted.fit_resample(rows)
        else:
            fitted.fit(rows)
    return Answer(fitted.importance_, fitted.threshold_, fitted.pseudo_labels_)


def by_command(preset, rule, folder):
    "Importance and labels as they stand in the file; the threshold, which does not, as the command got it."
    source, out = folder / "in.csv", folder / "out.csv"
    load_wisconsin().data.to_csv(source, index=False)
    options = ["--preset", preset, "--threshold", str(rule), "--seed", str(seed), "--quiet"]
    options += ["--as", f"{identifier}=number"] if presets[preset].keep_id else ["--id", identifier]
    thresholds = []

    def balance_and_note(*args, **kwargs):
        balanced = balance_table(*args, **kwargs)
        thresholds.append(balanced.learned.threshold)
        return balanced

    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as end:
        patch.setattr("impaug.cli.balance_table", balance_and_note)
        main(["balance", str(source), "-o", str(out), *options])
    if end.value.code != 0:
        raise InputError("")  # its words are on standard error
    table = pd.read_csv(out, dtype=str)
    own = table[table.synthetic == "0"]
    return Answer(own.importance.map(float).to_numpy(), thresholds[0], own.pseudo_label.map(int).to_numpy())


doors = [by_experiment, by_clusterer, by_sampler, by_command]


def outcome(door, preset, rule, folder, capfd):
    "The door's `Answer`, or the words in which it refuses."
    try:
        return door(preset, rule, folder)
    except InputError as refusal:
        said = [line for line in capfd.readouterr().err.splitlines() if line.startswith("impaug: ")]
        return str(refusal) or said[-1].removeprefix("impaug: ").removeprefix("--")  # which the command line adds


def assert_same(one, other, door):
    assert type(one) is type(other), (door.__name__, one, other)
    if isinstance(one, str):
        assert one == other, door.__name__
        return
    np.testing.assert_array_equal(one.importance, other.importance, err_msg=door.__name__)
    np.testing.assert_array_equal(one.labels, other.labels, err_msg=door.__name__)
    assert one.threshold == other.threshold, door.__name__


@pytest.mark.parametrize("rule", [*threshold_rules, fraction])
@pytest.mark.parametrize("preset", presets)
def test_every_door_gives_the_same_importance_threshold_and_labels(preset, rule, tmp_path, capfd):
    first, *others = (outcome(door, preset, rule, tmp_path, capfd) for door in doors)
    assert isinstance(first, Answer), first
    assert 0 < first.labels.sum() < len(first.labels)
    for door, other in zip(doors[1:], others, strict=True):
        assert_same(first, other, door)


def test_every_door_refuses_a_threshold_that_leaves_one_side_empty_in_the_same_words(tmp_path, capfd, monkeypatch):
    "A small fraction lies below the importance of every row of preset report."
    monkeypatch.setitem(presets, "report", replace(presets["report"], epochs=2))
    first, *others = (outcome(door, "report", 0.01, tmp_path, capfd) for door in doors)
    assert isinstance(first, str) and no_side in first, first
    for door, other in zip(doors[1:], others, strict=True):
        assert_same(first, other, door)
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("preset", presets)
def test_a_rule_of_a_reader_goes_through_every_door(preset, tmp_path, capfd, monkeypatch):
    "It is added to the table of rules and nowhere else. Most rows lie above it, and the preset says what follows."

    def lower_quartile(importance, graph):
        return float(np.quantile(importance, 0.25))

    monkeypatch.setitem(threshold_rules, "quartile", lower_quartile)
    first, *others = (outcome(door, preset, "quartile", tmp_path, capfd) for door in doors)
    assert isinstance(first, Answer), first
    assert (first.labels.mean() < 0.5) == presets[preset].smaller_is_minority
    for door, other in zip(doors[1:], others, strict=True):
        assert_same(first, other, door)


def test_every_door_falls_back_where_the_first_answer_is_not_clear(tmp_path, capfd, monkeypatch):
    monkeypatch.setitem(clear, "against_null", 0.0)
    monkeypatch.setitem(clear, "gap", 0.0)
    first, *others = (outcome(door, "recommended", "cut", tmp_path, capfd) for door in doors)
    for door, other in zip(doors[1:], others, strict=True):
        assert_same(first, other, door)
    assert_same(outcome(doors[0], "steady", "cut", tmp_path, capfd), first, doors[0])


def test_the_light_presets_have_no_default_of_the_engine():
    "So that a choice which gets lost on the way to training would change the answer."
    defaults = signature(engine.train_importance).parameters
    for preset in presets.values():
        told = learn.training_options(preset, 699)
        for name in ("epochs", "batch_size", "lr", "importance_lr", "importance_decay", "weight_decay"):
            assert str(told[name]) != str(defaults[name].default), name
        for criterion in learn.criteria_of(preset):
            assert str(criterion) not in (str(defaults["criterion"].default), str(SelfAugmentedLoss()))
