"Original rows of the sampler are the caller's own, and synthetic numbers and dates lie within their columns."

from dataclasses import replace

import numpy as np
import pandas as pd
import polars
import pytest

from impaug.balance import balance_table
from impaug.checks import check_rows
from impaug.columns import TableCoder
from impaug.consensus import anchors, find_anchor
from impaug.data import InputError
from impaug.experiment import presets
from impaug.runs import retrain
from impaug.sampler import ImportanceSampler
from impaug.smote import oversample

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "error::RuntimeWarning")
light = replace(presets["recommended"], restarts=2, keep=1, epochs=3, permutations=0, fallback=None)


def clouds(seed=0, n=120):
    "Two clouds of which the second holds a quarter of the rows: (n, 2)."
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 2)) + 6 * (np.arange(n) >= 3 * n // 4)[:, None]


def sampled(X, y=None):
    sampler = ImportanceSampler(preset=light, random_state=0)
    grown, labels = sampler.fit_resample(X, y)
    assert sampler.synthetic_.sum() > 10
    return grown, labels


large = {
    "uint64": lambda steps: np.uint64(2**64 - 5000) + steps.astype(np.uint64),
    "int64": lambda steps: 2**60 + steps,
    "UInt64": lambda steps: pd.array([2**64 - 5000 + int(step) for step in steps], dtype="UInt64"),
    "int64[pyarrow]": lambda steps: pd.array([2**60 + int(step) for step in steps], dtype="int64[pyarrow]"),
}


@pytest.mark.parametrize("coded", [False, True])
@pytest.mark.parametrize("kind", large)
def test_integers_that_floats_cannot_hold_come_back_and_synthetic_ones_lie_between(kind, coded):
    rows = clouds()
    table = pd.DataFrame(rows, columns=["a", "b"]).assign(big=large[kind](np.rint(100 * (rows[:, 0] + 5)).astype(int)))
    if coded:
        table["word"] = np.array(["x", "y"])[np.arange(len(table)) % 2]
    grown, _ = sampled(table)
    pd.testing.assert_frame_equal(grown[: len(table)], table, check_exact=True)
    made = grown["big"][len(table) :]
    assert made.min() >= table["big"].min() and made.max() <= table["big"].max()
    assert made.nunique() > len(made) / 2


@pytest.mark.parametrize("dtype", ["int8", "uint8", "uint64", "float16", "float32", "longdouble", ">i4", "object"])
def test_arrays_come_back_in_their_own_dtype(dtype):
    X = (20 * (clouds(1) + 2)).clip(0, 127).astype(dtype)
    grown, _ = sampled(X)
    assert grown.dtype == X.dtype
    np.testing.assert_array_equal(grown[: len(X)], X)
    assert (grown.min(axis=0) >= X.min(axis=0)).all() and (grown.max(axis=0) <= X.max(axis=0)).all()


def test_lists_and_polars_frames_come_back_as_they_were():
    rows = clouds(2)
    big = [2**60 + int(100 * value) for value in rows[:, 0]]
    lists = [[*row, whole] for row, whole in zip(rows.tolist(), big)]
    grown, _ = sampled(lists)
    assert grown[: len(lists)] == lists and isinstance(grown[-1][2], int)
    frame = polars.DataFrame({"a": rows[:, 0], "b": rows[:, 1], "big": [None, *big[1:]]})
    grown, _ = sampled(frame)
    assert grown.schema == frame.schema and grown[: len(frame)].equals(frame)


@pytest.mark.parametrize("as_y", [list, np.array, pd.Series, polars.Series, pd.Categorical])
def test_labels_are_the_callers_own(as_y):
    X, labels = clouds(3), [2**64 - 1 - place % 2 for place in range(120)]
    y = as_y(labels) if as_y is not polars.Series else polars.Series(labels, dtype=polars.UInt64)
    y = pd.Series(y) if as_y is pd.Categorical else y
    _, carried = sampled(X, y)
    assert type(carried) is type(y) and getattr(carried, "dtype", None) == getattr(y, "dtype", None)
    assert list(carried)[:120] == labels and set(carried) == set(labels)


def test_large_labels_of_rows_stay_what_they_were():
    for first, after in {2**64 - 1000: 2**64 - 880, 2**64 - 121: "synthetic 0"}.items():
        index = pd.Index(np.arange(120, dtype=np.uint64) + np.uint64(first))
        grown, _ = sampled(pd.DataFrame(clouds(4), index=index))
        assert list(grown.index[:120]) == list(index) and grown.index[120] == after


def offset_columns(seed):
    steps = np.rint(100 * clouds(seed)[:, 0])
    times = pd.Timestamp("2024-05-31T12:00:00.500") + pd.to_timedelta(steps, unit="ms")
    return dict(
        milliseconds=1_700_000_000_000.25 + steps / 4,
        far_off=1e15 + steps / 8,
        sessions=np.where(steps % 3 > 0, 1.7e12, 1.6e12) + steps / 100,
        texts=[f"{1_700_000_000_000 + step / 8:.3f}" for step in steps],
        whole_texts=[str(2**60 + int(step)) for step in steps],
        times=times,
        time_texts=[time.isoformat() for time in times],
    )


@pytest.mark.parametrize("name", offset_columns(0))
def test_columns_with_a_large_offset_stay_in_range_and_on_no_grid(name):
    rows, cells = clouds(5), offset_columns(5)[name]
    table = pd.DataFrame(rows, columns=["a", "b"]).assign(cells=cells)
    grown = balance_table(table, preset=light).frame["cells"]
    read = dict(texts=lambda c: c.map(float), whole_texts=lambda c: c.map(int), time_texts=pd.to_datetime).get(name)
    column = grown if read is None else read(grown)
    own, made = column[: len(table)], column[len(table) :]
    assert own.min() <= made.min() and made.max() <= own.max()
    assert len(made) > 10 and made.nunique() > len(made) / 2


def test_a_day_stays_the_day_where_floats_are_coarse():
    "As floats, times are just below or above midnight; far off, by many microseconds."
    days = pd.date_range("9990-01-01", periods=120, unit="us")
    table = pd.DataFrame({"a": clouds(6)[:, 0], "day": days, "old": pd.date_range("1899-12-31", periods=120)})
    coder = TableCoder().fit(table)
    again = coder.made(table, coder.cells(table)[0], np.arange(120).repeat(2).reshape(120, 2))
    pd.testing.assert_frame_equal(again[["day", "old"]], table[["day", "old"]])


@pytest.mark.parametrize("size", [1e308, 1e200])
@pytest.mark.parametrize("door", ["table", "mixed", "sampler", "rows"])
def test_a_column_whose_squares_overflow_is_named(door, size):
    table = pd.DataFrame(clouds(7), columns=["a", "b"])
    table.loc[:1, "b"] = [size, -size]
    words = table.assign(word=["x", "y"] * 60)
    doors = dict(
        table=lambda: balance_table(table, preset=light),
        mixed=lambda: balance_table(words, preset=light),
        sampler=lambda: sampled(table),
        rows=lambda: check_rows(table),
    )
    with pytest.raises(InputError, match="beyond 1e\\+150 in 'b', whose squares overflow"):
        doors[door]()


def test_an_anchor_is_found_where_mode_and_mean_coincide():
    rows = np.array([[0.0, 0]] * 10 + [[1, 0], [-1, 0], [0, 2], [0, -2]])
    np.testing.assert_array_equal(find_anchor(rows), [0, -4])
    np.testing.assert_array_equal(anchors["beyond the minority"](rows), [0, 8])


@pytest.mark.parametrize("loss", ["entropy", "pseudo"])
def test_fewer_rows_than_a_batch_are_retrained_on(loss):
    balanced = oversample(clouds(8, n=12), (np.arange(12) >= 9).astype(int))
    with_room = retrain(balanced, loss, epochs=1, batch_size=len(balanced.X))
    np.testing.assert_array_equal(retrain(balanced, loss, epochs=1).predict(balanced.X), with_room.predict(balanced.X))
