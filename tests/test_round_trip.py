"""Whatever a table holds, its own rows come out as they went in, and whatever a file holds, a run ends in one line.

The learning is replaced by labels that cost nothing. `make fuzz CASES=10000 SEED=1` looks at more cases."""

import contextlib
import csv
import io
import os
import re
from dataclasses import dataclass, field
from datetime import date
from decimal import Context, Decimal

import dask
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from dask import delayed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

import impaug.balance
from impaug.cli import main
from impaug.data import InputError
from impaug.partitions import balance_dask, read_part, write_parts
from impaug.tables import read_table

n, tests = 24, 8
cases = os.environ.get("CASES")
profile = dict(deadline=None, database=None, suppress_health_check=list(HealthCheck))
settings.register_profile("short", max_examples=12, derandomize=True, **profile)
settings.register_profile("long", max_examples=max(int(cases or 0) // tests, 1), print_blob=True, **profile)
settings.load_profile("long" if cases else "short")


@dataclass
class Marked:
    "As much of what is learned as a table needs: every fourth row is of the minority."

    pseudo_labels: np.ndarray
    importance: np.ndarray
    n_groups: int = 2
    no_second_group: bool = False
    doubts: list = field(default_factory=list)

    def labelled(self, rows):
        labels = (np.arange(len(rows)) % 4 == 0).astype(np.int64)
        return labels.astype(np.float64), labels


def mark(rows, *args, **options):
    importance, labels = Marked(None, None).labelled(rows)
    return Marked(labels, importance)


@pytest.fixture(scope="module", autouse=True)
def no_learning():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(impaug.balance, "learn_groups", mark)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tables")


def balanced(source, out, *options):
    "Exit code of the command, after making sure that it says what it must in single lines."
    said = io.StringIO()
    with contextlib.redirect_stderr(said), pytest.raises(SystemExit) as end:
        main(["balance", str(source), "-o", str(out), "--quiet", *options])
    lines = said.getvalue().splitlines()
    last = [line for line in lines if not line.startswith("warning: ")]
    assert end.value.code in (0, 2), lines
    assert len(last) == (end.value.code == 2) and all(line.startswith("impaug: ") for line in last), lines
    return end.value.code


# Tables ---------------------------------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
odd_texts = st.text('\r\n",;\t |x1.-é\0', max_size=4)
wholes = st.integers(-(2**70), 2**70).map(str)
numerals = st.one_of(wholes, st.floats(-1e100, 1e100).map(str))  # whose squares are finite
days = st.dates(date(1900, 1, 1), date(2100, 1, 1)).map(str)
cells = st.one_of(texts, odd_texts, numerals, days, st.sampled_from(["", "NA", "007", " 1 ", "True", "1e5", "+1"]))
names = st.one_of(texts, odd_texts, st.sampled_from(["id", "pseudo label", "synthetic ", "1"]))


def column_of(values):
    "A few cells, as so many rows hold them."
    return st.lists(values, min_size=1, max_size=8).map(lambda some: [some[row % len(some)] for row in range(n)])


text_columns = st.one_of(*[column_of(kind) for kind in (cells, texts, odd_texts, numerals, wholes, days)])
growing = [f"{row}.5" for row in range(n)]  # a column to learn from


@st.composite
def text_tables(draw):
    "A list of lines, each a list of cells, the first of names."
    called = draw(st.lists(names, min_size=1, max_size=4, unique=True).filter(lambda some: "grows" not in some))
    columns = [draw(text_columns) for _ in called]
    return [["grows", *called], *map(list, zip(growing, *columns))]


def spread(low, high):
    return st.one_of(st.integers(low, high), st.integers(max(low, -9), min(high, 9)), st.sampled_from([low, high]))


whole = {f"{sign}int{bits}": (bits, sign) for bits in (8, 16, 32, 64) for sign in ("", "u")}
moments = st.integers(-(2**52), 2**52)  # Parquet has no seconds, and thousands of more would not fit
units, zones = st.sampled_from(["s", "ms", "us", "ns"]), st.sampled_from([None, "UTC", "Europe/Berlin", "+05:30"])
floats = {16: st.floats(-60_000, 60_000, width=16).map(np.float16), 32: st.floats(-(2.0**99), 2.0**99, width=32)}
floats |= {64: st.floats(-1e100, 1e100)}


@st.composite
def flat_columns(draw):
    "An Arrow type, and what its cells are made from: a type that casts to it, and a strategy."
    kind = draw(st.sampled_from([*whole, "float", "decimal", "time", "duration", "timestamp", "date", "text", "other"]))
    if kind in whole:
        bits, sign = whole[kind]
        low, high = (0, 2**bits - 1) if sign else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        made = getattr(pa, kind)()
        return made, made, spread(low, high)
    if kind == "float":
        width = draw(st.sampled_from([16, 32, 64]))
        made = {16: pa.float16(), 32: pa.float32(), 64: pa.float64()}[width]
        return made, made, st.one_of(floats[width], st.just({16: np.float16}.get(width, float)("nan")))
    if kind == "decimal":
        digits = draw(st.integers(1, 38))
        scale = draw(st.integers(0, digits))
        made = pa.decimal128(digits, scale)
        return made, made, spread(-(10**digits) + 1, 10**digits - 1).map(lambda count: scaled(count, scale))
    if kind == "time":
        unit = draw(units)
        made = pa.time32(unit) if unit in ("s", "ms") else pa.time64(unit)
        of_day = 86_400 * dict(s=1, ms=10**3, us=10**6, ns=10**9)[unit]
        return made, pa.int32() if unit in ("s", "ms") else pa.int64(), st.integers(0, of_day - 1)
    if kind in ("duration", "timestamp"):
        unit = draw(units)
        made = pa.duration(unit) if kind == "duration" else pa.timestamp(unit, draw(zones))
        return made, pa.int64(), st.one_of(moments, st.integers(0, 2**31))
    if kind == "date":
        made = draw(st.sampled_from([pa.date32(), pa.date64()]))
        near = st.integers(0, 30_000)
        if pa.types.is_date64(made):
            return made, pa.int64(), near.map(lambda day: day * 86_400_000)
        return made, pa.int32(), st.one_of(near, st.integers(-(2**31), 2**31 - 1))
    if kind == "text":
        made = draw(st.sampled_from([pa.string(), pa.large_string()]))
        return made, made, cells
    other = {pa.bool_(): st.booleans(), pa.binary(): st.binary(max_size=3), pa.null(): st.none()}
    other |= {pa.binary(2): st.binary(min_size=2, max_size=2), pa.large_binary(): st.binary(max_size=3)}
    made = draw(st.sampled_from(list(other)))
    return made, made, other[made]


def scaled(count, scale):
    return Decimal(count).scaleb(-scale, Context(prec=50))


nested = {
    pa.list_(pa.int64()): st.lists(st.one_of(st.none(), spread(-(2**63), 2**63 - 1)), max_size=3),
    pa.list_(pa.string()): st.lists(texts, max_size=3),
    pa.map_(pa.string(), pa.int8()): st.dictionaries(texts, spread(-128, 127), max_size=2).map(
        lambda d: list(d.items())
    ),
    pa.struct([("a", pa.int8()), ("b", pa.string())]): st.fixed_dictionaries(dict(a=spread(-128, 127), b=texts)),
    pa.struct([pa.field("a", pa.int8(), nullable=False)]): st.fixed_dictionaries(dict(a=spread(-128, 127))),
}


@st.composite
def arrow_columns(draw):
    "A column of any type, with or without gaps: an Arrow array of `n` cells."
    if draw(st.integers(0, 4)) == 0:
        kind = draw(st.sampled_from(list(nested)))
        values = draw(column_of(draw(gaps(nested[kind]))))
        return pa.array(values, kind)
    kind, raw, values = draw(flat_columns())
    column = pa.array(draw(column_of(draw(gaps(values)))), raw).cast(kind)
    if draw(st.integers(0, 3)) == 0 and not pa.types.is_null(kind) and not pa.types.is_float16(kind):
        return column.dictionary_encode()
    return column


def gaps(values):
    "Cells without, and with missing ones."
    return st.sampled_from([values, st.one_of(st.none(), values)])


@st.composite
def arrow_tables(draw):
    called = draw(st.lists(names, min_size=1, max_size=4, unique=True).filter(lambda some: "grows" not in some))
    columns = [pa.array(map(float, growing)), *[draw(arrow_columns()) for _ in called]]
    required = draw(st.booleans())
    fields = [
        pa.field(name, column.type, nullable=not required or column.null_count > 0 or pa.types.is_null(column.type))
        for name, column in zip(["grows", *called], columns)
    ]
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


pandas_types = st.sampled_from(
    ["int64", "Int64", "UInt64", "boolean", "bool", "Float64", "float32", "string", "category"]
)


@st.composite
def frames(draw):
    "A table of pandas with an index of any kind."
    table = pd.DataFrame(dict(grows=list(map(float, growing))))
    for place in range(draw(st.integers(1, 3))):
        kind = draw(pandas_types)
        values = dict(boolean=st.booleans(), bool=st.booleans(), string=cells, category=texts).get(
            kind, st.integers(0, 99)
        )
        values = st.integers(2**60, 2**60 + 9) if kind == "Int64" else values
        values = gaps(values) if kind[0].isupper() or kind in ("boolean", "string", "category") else st.just(values)
        table[f"c{place}"] = pd.Series(draw(column_of(draw(values)))).astype("object").astype(kind)
    index = draw(st.sampled_from(["none", "words", "named", "two"]))
    if index == "two":
        return table.set_index(pd.MultiIndex.from_product([[1, 2], list("abcdefghijkl")], names=[None, "second"]))
    words = [f"row {row}" for row in range(n)]
    return table if index == "none" else table.set_axis(pd.Index(words, name="key" if index == "named" else None))


# Claims ---------------------------------------------------------------------------------------------------------------


def lines_of(data):
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


def write_text(table, path):
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(table)


def same_cells(one, other):
    "Whether Arrow columns hold the same cells, bit by bit."
    one, other = one.combine_chunks(), other.combine_chunks()
    one, other = (looked_up(column) for column in (one, other))
    return one.equals(other) or (pa.types.is_floating(one.type) and pickled(one) == pickled(other))


def looked_up(column):
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def pickled(column):
    "The cells of floats, of which one that is not a number equals itself."
    gone, values = column.is_null().to_pylist(), column.to_numpy(zero_copy_only=False)
    return gone, np.where(gone, 0, values).tobytes()


def assert_grown(before, after, but=()):
    "The first rows of the second table are those of the first, in the same types."
    assert after.column_names[: before.num_columns] == before.column_names and after.num_rows > n
    for name in before.column_names:
        one, other = before.column(name), after.column(name).slice(0, n)
        if pa.types.is_struct(one.type):  # where a row is missing, so are its parts
            assert one.to_pylist() == other.to_pylist(), name
        else:
            assert one.type == other.type and same_cells(one, other), name


@given(text_tables())
def test_text_comes_out_as_it_went_in(folder, table):
    write_text(table, folder / "in.csv")
    assert balanced(folder / "in.csv", folder / "out.csv") == 0
    out = lines_of((folder / "out.csv").read_bytes())
    assert [line[:-3] for line in out[: n + 1]] == table
    again = read_table(folder / "out.csv")
    assert again.iloc[:n, :-3].values.tolist() == table[1:] and [*again.columns[:-3]] == table[0]


@given(text_tables(), st.sampled_from([";", "\t", "|", "é"]))
def test_text_comes_out_as_it_went_in_with_any_separator(folder, table, sep):
    with open(folder / "in.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=sep, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows(table)
    assert balanced(folder / "in.csv", folder / "out.csv", "--sep", sep) == 0
    out = csv.reader(io.StringIO((folder / "out.csv").read_bytes().decode(), newline=""), delimiter=sep)
    assert [line[:-3] for line in out][: n + 1] == table


@given(arrow_tables())
def test_parquet_comes_out_as_it_went_in(folder, table):
    parquet.write_table(table, folder / "in.parquet")
    assert balanced(folder / "in.parquet", folder / "out.parquet") == 0
    assert_grown(*(parquet.ParquetFile(folder / name).read() for name in ("in.parquet", "out.parquet")))


@given(arrow_tables())
def test_parquet_becomes_text_that_says_the_same(folder, table):
    parquet.write_table(table, folder / "in.parquet")
    assert balanced(folder / "in.parquet", folder / "out.csv") == 0
    out = lines_of((folder / "out.csv").read_bytes())
    assert out[0][:-3] == table.column_names
    for place, column in enumerate(map(looked_up, [column.combine_chunks() for column in table.columns])):
        written = [line[place] for line in out[1 : n + 1]]
        if pa.types.is_integer(column.type) or pa.types.is_string(column.type):
            assert written == ["" if cell is None else str(cell) for cell in column.to_pylist()]
        if pa.types.is_float64(column.type):
            values = [float(cell or "nan") for cell in written]
            np.testing.assert_array_equal(values, column.to_numpy(zero_copy_only=False))


@given(text_tables())
def test_text_becomes_parquet_that_says_the_same(folder, table):
    write_text(table, folder / "in.csv")
    assert balanced(folder / "in.csv", folder / "out.parquet") == 0
    out = parquet.ParquetFile(folder / "out.parquet").read()
    for place, name in enumerate(table[0]):
        own, given_ = out.column(name).slice(0, n).to_pylist(), [line[place] for line in table[1:]]
        number = int if all(re.fullmatch("[+-]?[0-9]+", text) for text in given_) else float
        if pa.types.is_floating(out.column(name).type):
            assert [cell is None or cell == number(text) for cell, text in zip(own, given_)] == [True] * n
        elif pa.types.is_integer(out.column(name).type):
            assert [cell is None or cell == int(text) for cell, text in zip(own, given_)] == [True] * n
        else:
            assert [cell or "" for cell in own] == given_


@given(frames())
def test_a_frame_comes_out_as_it_went_in(folder, table):
    table.to_parquet(folder / "in.parquet")
    assert balanced(folder / "in.parquet", folder / "out.parquet") == 0
    before, after = (pd.read_parquet(folder / name) for name in ("in.parquet", "out.parquet"))
    before = before if isinstance(before.index, pd.RangeIndex) else before.reset_index()
    for name, column in before.items():
        own = after[name][:n]
        assert own.dtype == column.dtype or str(own.dtype).lower().startswith(str(column.dtype)), name
        gone = column.isna()
        assert own.isna().equals(gone) and own[~gone].tolist() == column[~gone].tolist(), name


@given(arrow_tables(), text_tables())
def test_parts_come_out_as_they_went_in(folder, typed, text):
    parts = [folder / "a.parquet", folder / "b.parquet"]
    for path in parts:
        parquet.write_table(typed, path)
    grown(parts, folder / "grown")
    for path in parts:
        assert_grown(*(parquet.ParquetFile(one).read() for one in (path, folder / "grown" / path.name)))
    write_text(text, folder / "c.csv")
    grown([folder / "c.csv"], folder / "grown")
    assert [line[:-3] for line in lines_of((folder / "grown" / "c.csv").read_bytes())[: n + 1]] == text


def grown(parts, out):
    with dask.config.set(scheduler="synchronous"):
        write_parts(balance_dask([delayed(read_part)(path) for path in parts]), [out / path.name for path in parts])


tables = io.BytesIO()
parquet.write_table(pa.table({"a": list(range(n)), "b": [f"{row % 5}" for row in range(n)], "c": [[1.5]] * n}), tables)


@st.composite
def damaged(draw):
    "A Parquet file in which some bytes are others, or the end is missing."
    data = bytearray(tables.getvalue())
    for _ in range(draw(st.integers(1, 4))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.one_of(st.just(len(data)), st.integers(0, len(data))))])


lines = st.lists(
    st.sampled_from([b"a,b", b"1,2", b'"x', b'"', b"\n", b"\r", b"\0", b"\xff", b"\xef\xbb\xbf", b",", b"1"])
)
pages = st.tuples(st.just(b"a,b\n"), st.lists(st.sampled_from([b"1,2\n", b"3,x\n", b"4,\n"]), min_size=20, max_size=30))
contents = st.one_of(st.binary(), lines.map(b"".join), pages.map(lambda page: page[0] + b"".join(page[1])), damaged())


@given(contents, st.sampled_from(["in.csv", "in.tsv", "in.parquet"]))
def test_any_bytes_end_in_one_line(folder, data, name):
    (folder / name).write_bytes(data)
    (folder / "never.csv").unlink(missing_ok=True)
    code = balanced(folder / name, folder / "never.csv")
    assert (folder / "never.csv").exists() == (code == 0)


def test_names_that_repeat_in_parquet_are_told(folder):
    table = pa.Table.from_arrays([pa.array(range(n))] * 3, names=["a", "b", "a"])
    parquet.write_table(table, folder / "in.parquet")
    with pytest.raises(InputError, match=r"in.parquet repeats column names \('a'\); rename all but one"):
        read_table(folder / "in.parquet")
