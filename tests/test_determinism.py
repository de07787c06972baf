"The same seed gives the same answer wherever it runs, and leaves the caller's settings as they were."

import hashlib
import os
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import joblib
import matplotlib
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import make_blobs
from threadpoolctl import threadpool_info, threadpool_limits

from impaug.consensus import find_anchor
from impaug.data import load_wisconsin
from impaug.engine import one_thread
from impaug.experiment import presets
from impaug.learn import learn
from impaug.sampler import ImportanceClusterer, ImportanceSampler

pytestmark = pytest.mark.filterwarnings("ignore:the pseudo labels are in doubt")
short = replace(presets["recommended"], epochs=3, restarts=6, permutations=1)


def table(number):
    "A small table of two clouds: every third one is a DataFrame with a category and a text."
    X, cloud = make_blobs([60, 25], n_features=4, cluster_std=2.0, random_state=number)
    if number % 3:
        return X
    frame = pd.DataFrame(X, columns=list("abcd"))
    frame["site"] = np.where(cloud == 1, "north", np.where(X[:, 0] > 0, "south", "west"))
    return frame


def digest(rows, labels):
    text = pd.DataFrame(rows).to_csv(float_format="%a", index=False)
    return hashlib.sha256(text.encode() + np.asarray(labels).tobytes()).hexdigest()


def fit(number):
    "What table and seed of this number come to."
    return digest(*ImportanceSampler(preset=short, random_state=number).fit_resample(table(number)))


def settings():
    "What belongs to the caller."
    threads = [(library["filepath"], library["num_threads"]) for library in threadpool_info()]
    return dict(
        torch_state=torch.get_rng_state().tolist(),
        numpy_state=str(np.random.get_state()),
        dtype=torch.get_default_dtype(),
        autocast=torch.is_autocast_enabled("cpu"),
        gradients=torch.is_grad_enabled(),
        inference=torch.is_inference_mode_enabled(),
        flushed=(torch.tensor(1e-39, dtype=torch.float32) * 1).item() == 0,
        torch_threads=torch.get_num_threads(),
        torch_parallel=torch.__config__.parallel_info(),
        threads=sorted(threads),
        errors=np.geterr(),
        filters=list(warnings.filters),
        figures=str(dict(matplotlib.rcParams)),
    )


@pytest.fixture(scope="module")
def alone():
    "Fits one after the other."
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [fit(number) for number in range(12)]


def test_threads(alone):
    "Eight threads at once give what one gives, and settings are the caller's afterwards."
    with threadpool_limits(2), ThreadPoolExecutor(8) as pool:
        torch.set_num_threads(2)
        before = settings()
        together = list(pool.map(fit, range(12)))
        after = settings()
        in_threads = set(pool.map(lambda _: torch.get_num_threads(), range(32)))
    assert together == alone
    assert after == before
    assert in_threads == {2}
    torch.set_num_threads(1)


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_joblib(alone, backend):
    "So do joblib's threads and processes, outside and inside of a fit."
    with joblib.parallel_config(backend, n_jobs=2):
        outside = joblib.Parallel()(joblib.delayed(fit)(number) for number in range(4))
        inside = fit(4)
    assert [*outside, inside] == alone[:5]


def test_limits_that_have_ended(alone):
    "A fit under a limit on threads makes no difference to what comes later, to the bit."
    torch.set_num_threads(1)
    rows = make_blobs([500, 200], n_features=9, cluster_std=4.0, random_state=0)[0]  # enough for several threads
    single = replace(presets["steady"], restarts=1, keep=1, epochs=10)
    before = learn(rows, single).networks[0][0].weight
    with threadpool_limits(2):
        assert fit(0) == alone[0]
    torch.testing.assert_close(learn(rows, single).networks[0][0].weight, before, rtol=0, atol=0)


def test_looking_at_the_rows_before():
    "Nor does what the caller computes from these rows and others, on two threads, before learning from them again."
    rows = load_wisconsin().data.iloc[:, 1:]
    rows = rows.fillna(rows.median()).to_numpy() / 9
    single = replace(presets["steady"], restarts=1, keep=1, epochs=10)
    before = learn(rows, single)
    with threadpool_limits(2):
        for power in range(8, -1, -1):
            find_anchor(rows * 2.0**power)
    after = learn(rows, single)
    np.testing.assert_array_equal(after.anchor, before.anchor)
    np.testing.assert_array_equal(after.importance, before.importance)


def test_the_anchor_on_any_number_of_threads():
    "Many rows tie here: how their distances round must not decide which of them lie in the ball."
    rows = load_wisconsin().data.iloc[:, 1:]
    rows = rows.fillna(rows.median()).to_numpy() / 9
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            found.append(find_anchor(rows))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12)


def test_order(alone):
    "What was learned before makes no difference."
    assert [fit(number) for number in (5, 3, 5, 0)] == [alone[number] for number in (5, 3, 5, 0)]


@contextmanager
def default_dtype(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    yield
    torch.set_default_dtype(before)


@contextmanager
def torch_threads(number):
    torch.set_num_threads(number)
    yield
    torch.set_num_threads(1)


@contextmanager
def global_seeds(seed):
    torch.manual_seed(seed)
    np.random.seed(seed)
    yield


@contextmanager
def flushed():
    torch.set_flush_denormal(True)
    yield
    torch.set_flush_denormal(False)


callers = {
    "float64 by default": lambda: default_dtype(torch.float64),
    "float16 by default": lambda: default_dtype(torch.float16),
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "no gradients": torch.no_grad,
    "inference mode": torch.inference_mode,
    "two threads": lambda: torch_threads(2),
    "five threads": lambda: torch_threads(5),
    "two threads of BLAS": lambda: threadpool_limits(2),
    "NumPy raises": lambda: np.errstate(all="raise"),
    "other global seeds": lambda: global_seeds(123),
    "tiny numbers as zero": flushed,
    "other figures": lambda: matplotlib.rc_context({"figure.dpi": 31, "lines.linewidth": 9}),
}


@pytest.mark.parametrize("caller", callers)
def test_caller(alone, caller):
    "The caller's settings do not influence the answer, and are the same afterwards."
    with callers[caller]():
        before = settings()
        found = fit(0), fit(1)
        after = settings()
    assert found == (alone[0], alone[1])
    assert after == before


@pytest.mark.parametrize("caller", ["float64 by default", "autocast", "five threads", "NumPy raises"])
def test_new_rows(caller):
    "Rows that were not learned from get the same answers under any settings, on any number of threads."
    rows = make_blobs([3000, 900], n_features=12, cluster_std=4.0, random_state=0)[0]
    clusterer = ImportanceClusterer(preset=replace(short, learn_rows=150), random_state=0).fit(rows[:300])
    others = rows[300:]
    expected = clusterer.predict_proba(others), clusterer.importance_of(others)
    with callers[caller]():
        found = clusterer.predict_proba(others), clusterer.importance_of(others)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


def test_settings_return():
    "An error inside leaves no setting behind; a thread that leaves first leaves the other as it is."
    with threadpool_limits(2), ThreadPoolExecutor(1) as other:
        before = settings()
        with pytest.raises(ZeroDivisionError), one_thread():
            raise ZeroDivisionError
        assert settings() == before
        mine, theirs = one_thread(), one_thread()
        mine.__enter__()
        other.submit(theirs.__enter__).result()
        mine.__exit__(None, None, None)
        assert {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"} == {1}
        assert other.submit(torch.get_num_threads).result() == 1
        other.submit(theirs.__exit__, None, None, None).result()
        assert settings() == before


program = """
import sys, warnings
sys.path.insert(0, {folder!r})
warnings.simplefilter("ignore")
import test_determinism
print(test_determinism.fit(0), test_determinism.fit(1))
"""


def test_interpreters(alone):
    "A new interpreter with another hash seed and another number of threads gives the same."
    code = program.format(folder=os.path.dirname(__file__))
    for hash_seed, threads in (("1", "1"), ("2", "3")):
        environment = os.environ | dict(PYTHONHASHSEED=hash_seed, OMP_NUM_THREADS=threads, OPENBLAS_NUM_THREADS=threads)
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.split() == alone[:2], done.stderr
