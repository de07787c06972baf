"scikit-learn's and imbalanced-learn's own checks of an estimator, for both estimators; parameters and presets."

from dataclasses import replace

import joblib
import numpy as np
import pytest
from imblearn.utils.estimator_checks import estimator_checks_generator as imbalanced_learn_checks
from sklearn.utils.estimator_checks import estimator_checks_generator as scikit_learn_checks

from impaug.experiment import Preset, presets
from impaug.sampler import ImportanceClusterer, ImportanceSampler

few = dict(restarts=2, keep=1, random_state=0)  # the contract is tested here, not the quality
three = dict(n_groups=3, preset=replace(presets["steady"], epochs=3, permutations=1), **few)
estimators = [
    ImportanceClusterer(**few),
    ImportanceSampler(**few),
    ImportanceClusterer(**three),
    ImportanceSampler(**three),
]
choices = ("threshold", "restarts", "keep", "scaling")  # of a preset, that estimators offer as parameters
not_a_classifier = (
    "imbalanced-learn takes every estimator with predict for a classifier; a clusterer has no use for y, in any form"
)
expected_failures = {
    "ImportanceClusterer": {
        "check_classifier_on_multilabel_or_multioutput_targets": not_a_classifier,
        "check_classifiers_with_encoded_labels": not_a_classifier,
    },
    "ImportanceSampler": {
        "check_samplers_one_label": "y is carried and never used, so one class in it is no reason to refuse the rows"
    },
}


def checks():
    "Every check that is expected to pass, and each that is not as a strict xfail: (estimator, check)."
    for estimator in estimators:
        name, groups = type(estimator).__name__, estimator.n_groups
        for source, generator in (("scikit-learn", scikit_learn_checks), ("imbalanced-learn", imbalanced_learn_checks)):
            for instance, check in generator(estimator):
                function = check.func.__name__
                reason = expected_failures[name].get(function)
                marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
                yield pytest.param(instance, check, marks=marks, id=f"{name}-{groups}-{source}-{function}")


@pytest.mark.filterwarnings("ignore")  # the checks' tables are random numbers, which raises doubts each time
@pytest.mark.parametrize("estimator, check", list(checks()))
def test_check(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore")
def test_two_processes():
    "A sampler sent to another process by joblib does there what it does here."
    X = np.vstack([np.random.default_rng(0).normal(size=(60, 3)), np.random.default_rng(1).normal(4, 1, size=(30, 3))])
    here = ImportanceSampler(**few).fit_resample(X)
    for there in joblib.Parallel(n_jobs=2)(joblib.delayed(ImportanceSampler(**few).fit_resample)(X) for _ in range(2)):
        for a, b in zip(here, there, strict=True):
            np.testing.assert_allclose(a, b)


@pytest.fixture
def rows():
    "Ninety rows, a third of them apart."
    return np.vstack([np.random.default_rng(0).normal(size=(60, 3)), np.random.default_rng(1).normal(4, 1, (30, 3))])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", presets)
@pytest.mark.parametrize("estimator", (ImportanceClusterer, ImportanceSampler))
def test_a_preset_is_its_own_choices(estimator, name, rows, monkeypatch):
    "A preset by name, the same as a `Preset`, and its choices spelled out as parameters learn the same."
    light = replace(presets[name], epochs=5, restarts=3, keep=2, threshold="kmeans")
    monkeypatch.setitem(presets, name, light)
    spelled = {choice: getattr(light, choice) for choice in choices}
    other = replace(light, threshold="midrange", restarts=2, keep=1, scaling="standard")
    named, given, chosen = (
        estimator(random_state=0, **parameters).fit(rows)
        for parameters in (dict(preset=name), dict(preset=light), dict(preset=other, **spelled))
    )
    for one in (given, chosen):
        np.testing.assert_array_equal(one.importance_, named.importance_)
        assert one.threshold_ == named.threshold_


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("choice, value", dict(threshold=0.4, restarts=4, keep=1, scaling="standard").items())
def test_a_parameter_changes_that_choice_alone(choice, value, rows):
    "The parameter's answer is that of the preset with this one field replaced, and not the preset's own."
    light = Preset(epochs=5, restarts=3, keep=2, threshold="midrange", importance_lr=0.01)
    by_parameter = ImportanceClusterer(preset=light, random_state=0, **{choice: value}).fit(rows)
    by_preset = ImportanceClusterer(preset=replace(light, **{choice: value}), random_state=0).fit(rows)
    unchanged = ImportanceClusterer(preset=light, random_state=0).fit(rows)
    np.testing.assert_array_equal(by_parameter.importance_, by_preset.importance_)
    assert by_parameter.threshold_ == by_preset.threshold_ != unchanged.threshold_
