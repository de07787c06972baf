"Any column: what goes in comes out as it was, synthetic cells could be real, and a mistake is one clear line."

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import normalized_mutual_info_score

from impaug.balance import balance_table
from impaug.columns import TableCoder, kind_of
from impaug.data import InputError
from impaug.sampler import ImportanceClusterer, ImportanceSampler

n = 160
side = np.repeat([0, 1], [120, 40])


def base(seed=0):
    "Two columns of numbers in which the sides are clear."
    return pd.DataFrame(np.random.default_rng(seed).normal(size=(n, 2)) + 6 * side[:, None], columns=["x", "y"])


def mixed(seed=0):
    "A table of all kinds, with gaps in each."
    rng = np.random.default_rng(seed)
    table = base(seed).assign(
        count=rng.integers(0, 9, n) + 10 * side,
        ward=np.array(["north", "south"])[side],
        smokes=rng.random(n) < 0.4,
        seen=pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 30, n) + 60 * side, unit="D"),
        note=[f"seen by doctor {i} twice" for i in range(n)],
    )
    table = table.convert_dtypes()
    for column in table.columns:
        table.loc[rng.choice(n, 5, replace=False), column] = pd.NA
    return table


def light(**options):
    return ImportanceSampler(restarts=8, keep=4, random_state=0, **options)


def fitted(sampler, *args):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return sampler.fit_resample(*args)


@pytest.mark.parametrize("backend", ["numpy_nullable", "pyarrow"])
@pytest.mark.parametrize("seed", range(3))
def test_original_cells_stay_and_synthetic_ones_could_be_real(backend, seed):
    table = mixed(seed).convert_dtypes(dtype_backend=backend)
    sampler = light()
    grown, labels = fitted(sampler, table)
    assert np.bincount(labels)[0] == np.bincount(labels)[1]
    pd.testing.assert_frame_equal(grown[:n], table)
    made, (first, second) = grown[n:].reset_index(drop=True), sampler.parents_.T
    for column in ("ward", "smokes", "note"):
        cells = table[column].astype(object).where(table[column].notna(), None).to_numpy()
        own = made[column].astype(object).where(made[column].notna(), None).to_numpy()
        assert ((own == cells[first]) | (own == cells[second])).all(), column
    assert made["count"].between(table["count"].min(), table["count"].max()).all()
    assert made.seen.between(table.seen.min(), table.seen.max()).all()


def test_balance_table_takes_the_same_table_and_changes_no_cell():
    table = mixed()
    balanced = balance_table(table, n_groups=2, restarts=8)
    pd.testing.assert_frame_equal(balanced.frame[table.columns][:n], table)
    assert list(balanced.frame.columns[-3:]) == ["pseudo_label", "importance", "synthetic"]
    taken = dict(zip(balanced.kinds.column, balanced.kinds.taken_for))
    expected = ["number"] * 3 + ["category", "boolean", "date", "text"]
    assert list(taken.values()) == expected


def test_names_of_categories_carry_no_order():
    table = base().assign(ward=np.array(["north", "south"])[side], bed=np.tile(list("abcd"), n // 4))
    renamed = table.assign(
        ward=table.ward.map({"north": "z", "south": "a"}), bed=table.bed.map(dict(zip("abcd", "sbqa")))
    )
    np.testing.assert_array_equal(TableCoder().fit_transform(table), TableCoder().fit_transform(renamed))


def test_a_category_never_seen_counts_as_missing_and_is_named():
    fit = ImportanceClusterer(restarts=8, keep=4, random_state=0).fit(base().assign(ward=np.array(list("ns"))[side]))
    with pytest.warns(UserWarning, match="column 'ward': 'west' was never seen in fit"):
        found = fit.predict(base().assign(ward="west"))
    assert found.shape == (n,)


@pytest.mark.parametrize(
    "cells, kind",
    [
        ([f"word{i}" for i in range(1000)], "id"),
        ([f"two words {i}" for i in range(1000)], "text"),
        (["1", "a", "2.5", ""] * 250, "category"),
        (["", "a", "b", "?"] * 250, "category"),
        (["2024-01-01", "2024-02-30"] * 500, "category"),
        (["2024-01-01", "NA"] * 500, "constant"),
        (["7", "7.0"] * 500, "constant"),
        ([""] * 1000, "empty"),
        ([str(i) for i in range(1000)], "id"),
        ([str(i % 50) for i in range(1000)], "number"),
    ],
)
def test_kinds_of_odd_columns(cells, kind):
    assert kind_of(pd.Series(cells, name="cell", dtype=object)).name == kind


@pytest.mark.parametrize(
    "table, options, words",
    [
        (base().assign(d=["2024-13-45"] * n), dict(kinds={"d": "date"}), "d holds '2024-13-45', which is no date"),
        (base().assign(d=["many"] * n), dict(kinds={"d": "number"}), "d holds 'many', which is no number"),
        (base().assign(d="a"), dict(kinds={"e": "text"}), "kinds: no column 'e'"),
        (base().assign(d="a"), dict(kinds={"d": "colour"}), "kinds: 'colour' is not one of"),
        (base().assign(d=[[1]] * n), {}, "column 'd' holds list objects"),
        (base().assign(x=[np.inf, *range(n - 1)], d=["a", "b"] * (n // 2)), {}, "infinite values in 'x'"),
        (base().assign(d=["a", "b"] * (n // 2)), dict(n_groups=100), "n_groups: 100 groups of 160 rows"),
        (pd.DataFrame({"one": ["a"] * n, "id": [f"r{i}" for i in range(n)]}), {}, "no column is left to learn from"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(table, options, words):
    with pytest.raises(InputError, match=words) as said:
        fitted(light(**options), table)
    assert "\n" not in str(said.value)


def test_a_date_that_is_none_is_pointed_out():
    kind = kind_of(pd.Series(["2024-01-01", "2024-01-02", "2024-13-45"] * 50, name="d", dtype=object))
    assert kind.name == "category" and "most are dates, and '2024-13-45' is none" in kind.why


def test_other_columns_at_predict_are_refused():
    fit = ImportanceClusterer(restarts=8, keep=4, random_state=0).fit(base().assign(ward=np.array(list("ns"))[side]))
    with pytest.raises(InputError, match="X: is not such a table as in fit"):
        fit.predict(base().to_numpy())
    with pytest.raises(InputError, match="column 'x' was of numbers in fit"):
        fit.predict(base().assign(ward="n", x="huh"))


@pytest.mark.parametrize("seed", range(3))
def test_gaps_at_random_do_not_divide_the_rows(seed):
    table = base(seed)
    gap = np.random.default_rng(seed).random(n) < 0.15
    table.loc[gap, "x"] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = ImportanceClusterer(restarts=16, keep=8, random_state=seed).fit(table).pseudo_labels_
    assert normalized_mutual_info_score(side, found) > 0.7 > 0.1 > normalized_mutual_info_score(gap, found)


def test_a_category_never_seen_is_coded_as_a_missing_one():
    ward = pd.Series(np.array(["north", "south"])[side], dtype=object)
    ward[::8] = None
    coder = TableCoder().fit(base().assign(ward=ward))
    with pytest.warns(UserWarning, match="never seen"):
        unseen = coder.transform(base().assign(ward="west"))
    np.testing.assert_array_equal(unseen, coder.transform(base().assign(ward=None)))


def test_large_identifiers_stay_what_they_were():
    table = base().assign(ward=np.array(["north", "south"])[side], visit_id=2**60 + np.arange(n) * 3)
    grown, _ = fitted(light(), table)
    assert grown.visit_id[:n].tolist() == table.visit_id.tolist() and grown.visit_id[n:].isna().all()


class Inventor:
    "An oversampler that tells of no parents, and whose rows lie between none."

    sampling_strategy_ = {1: 9}

    def get_params(self, deep=True):
        return {}

    def fit_resample(self, X, y):
        return np.vstack([X, np.full((9, X.shape[1]), 99.0)]), np.append(y, np.ones(9, int))


def test_cells_of_unknown_parents_are_refused():
    table = base().assign(ward=np.array(["north", "south"])[side])
    with pytest.raises(InputError, match="oversampler: it does not tell which rows it used"):
        fitted(light(oversampler=Inventor()), table)
