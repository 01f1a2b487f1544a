"""einsum on dask arrays: the values and dtypes of NumPy's on the whole, however it is cut."""

from __future__ import annotations

import numpy as np
import pytest

import einbench

da = pytest.importorskip(
    "dask.array", reason="dask is not installed (pip install 'einbench[dask]')"
)
import dask  # noqa: E402

INTEGERS = ("bool", "int8", "uint8", "int16", "int32", "uint32", "int64", "uint64")
FLOATS = ("float16", "float32", "float64", "complex64", "complex128")


@pytest.fixture(autouse=True)
def unmeasured():
    with einbench.choosing("off"), dask.config.set(scheduler="synchronous"):
        yield


def drawn(rng, shape, dtype):
    kind = np.dtype(dtype).kind
    if kind == "b":
        return rng.random(shape) < 0.4
    if kind in "iu":
        info = np.iinfo(dtype)
        return rng.integers(info.min, info.max, shape, dtype, endpoint=True)
    numbers = rng.integers(-4, 5, shape)
    return (numbers + 1j * rng.integers(-4, 5, shape) if kind == "c" else numbers).astype(dtype)


def cut(rng, array):
    chunks = []
    for size in array.shape:
        parts = []
        while sum(parts) < size:
            parts.append(int(rng.integers(1, size - sum(parts) + 1)))
        chunks.append(tuple(parts) or (0,))
    return da.from_array(array, chunks=tuple(chunks))


def expression(rng):
    """Random letters: repeated in an operand, in one operand alone, with size 1, an ellipsis."""
    letters = "ijkl"[: int(rng.integers(1, 5))]
    sizes = {letter: int(rng.integers(0 if rng.random() < 0.03 else 1, 6)) for letter in letters}
    operands, shapes = [], []
    for _ in range(int(rng.integers(1, 4))):
        count = int(rng.integers(0, len(letters) + 1))
        chosen = [
            str(each) for each in rng.choice(list(letters), count, replace=rng.random() < 0.3)
        ]
        once = rng.random() < 0.1 and len(set(chosen)) == len(chosen)
        shape = [1 if once and rng.random() < 0.5 else sizes[each] for each in chosen]
        dots = rng.random() < 0.15
        operands.append(("..." if dots else "") + "".join(chosen))
        shapes.append(((2, 3)[int(rng.integers(0, 2)) :] if dots else ()) + tuple(shape))
    used = sorted({letter for each in operands for letter in each if letter != "."})
    output = [str(e) for e in rng.permutation(used)[: int(rng.integers(0, len(used) + 1))]]
    dots = "..." if any("..." in each for each in operands) else ""
    return ",".join(operands) + (
        "" if rng.random() < 0.2 and used else f"->{dots}{''.join(output)}"
    ), shapes


def ask(seed, dtypes):
    """One random case, against NumPy on the whole."""
    rng = np.random.default_rng(seed)
    text, shapes = expression(rng)
    arrays = [drawn(rng, shape, dtypes[int(rng.integers(len(dtypes)))]) for shape in shapes]
    # sums of float16 are rounded once, which NumPy does not do
    wide = [a.astype("f4") if a.dtype == np.float16 else a for a in arrays]
    try:
        expected = np.asarray(np.einsum(text, *wide, optimize=False))
    except ValueError:
        with pytest.raises(ValueError, match="einsum"):
            einbench.einsum(text, *(cut(rng, array) for array in arrays))
        return
    dtype = np.result_type(*arrays)
    lazy = einbench.einsum(text, *(cut(rng, a) if rng.random() < 0.8 or not n else a
                                   for n, a in enumerate(arrays)))  # fmt: skip
    found = lazy.compute()
    said = f"{text} {[(a.shape, str(a.dtype)) for a in arrays]} seed {seed}"
    assert lazy.dtype == found.dtype == dtype, said
    assert lazy.shape == found.shape == expected.shape, said
    if dtype.kind in "biu":
        assert np.array_equal(found, expected), said
    else:
        np.testing.assert_allclose(
            found, expected.astype(dtype), rtol=1e-3, atol=1e-3, err_msg=said
        )


@pytest.mark.parametrize("seed", range(60))
def test_whole_numbers_and_bool_are_numpys_on_the_whole(seed):
    ask(seed, INTEGERS)


@pytest.mark.parametrize("seed", range(1000, 1030))
def test_floats_are_numpys_on_the_whole(seed):
    ask(seed, FLOATS)


@pytest.mark.parametrize("seed", range(2000, 2015))
def test_mixed_dtypes_are_numpys_on_the_whole(seed):
    ask(seed, (*INTEGERS[:4], *FLOATS[1:3]))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10_000, 10_600))
def test_whole_numbers_over_many_seeds(seed):
    ask(seed, INTEGERS)


@pytest.mark.parametrize("chunks", [1, 3, 100, 400])
def test_values_and_dtypes_do_not_depend_on_chunks(chunks):
    # dask's own einsum gives other dtypes, counts chunks of bool, and wraps within a chunk alone
    ones = np.ones(400, "i1")
    lazy = einbench.einsum("i,i->", *(da.from_array(ones, chunks=chunks),) * 2)
    assert lazy.dtype == np.int8
    assert lazy.compute() == np.einsum("i,i->", ones, ones) == -112
    true = da.from_array(ones.astype(bool), chunks=chunks)
    assert einbench.einsum("i->", true).dtype == bool
    assert einbench.einsum("i->", true).compute() == np.True_
    small = da.from_array(np.ones(5000, "f2"), chunks=50 * chunks)
    assert einbench.einsum("i->", small).dtype == np.float16
    assert einbench.einsum("i->", small).compute() == 5000  # np.einsum on the whole may give 2048


def test_the_interleaved_form_dtype_and_casting():
    rng = np.random.default_rng(0)
    a, b = drawn(rng, (5, 6), "int8"), drawn(rng, (6, 4), "int8")
    x, y = cut(rng, a), cut(rng, b)
    lazy = einbench.einsum(x, [0, 1], y, [1, 2], [2, 0])
    assert np.array_equal(lazy.compute(), np.einsum(a, [0, 1], b, [1, 2], [2, 0]))
    wide = einbench.einsum("ij,jk", x, y, dtype="int64")
    assert wide.dtype == np.int64
    assert np.array_equal(wide.compute(), np.einsum("ij,jk", a, b, dtype="int64"))
    narrow = einbench.einsum(
        "ij,jk", x, y, dtype="bool", casting="unsafe", optimize=True, order="F"
    )
    assert np.array_equal(
        narrow.compute(), np.einsum("ij,jk", a, b, dtype="bool", casting="unsafe")
    )
    with pytest.raises(TypeError, match="cannot be cast to float16, by casting='no'"):
        einbench.einsum("ij,jk", x, y, dtype="float16", casting="no")


def test_results_that_would_be_too_large_a_block_are_cut_further():
    x = da.ones(100_000, chunks=-1)
    lazy = einbench.einsum("i,j->ij", x, x)
    assert max(a * b for a in lazy.chunks[0] for b in lazy.chunks[1]) * 8 <= 128 * 2**20
    assert lazy[17:19, -3:].compute().tolist() == [[1.0] * 3] * 2


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda x: einbench.einsum("ij->i", x, out=np.empty(6)), TypeError,
         '^einsum "ij->i": out= is not taken with dask arrays'),
        (lambda x: einbench.einsum("ij->i", x[x[:, 0] >= 0]), ValueError,
         "operand 0 has chunks of unknown size; call .*compute_chunk_sizes"),
        (lambda x: einbench.einsum("ij->i", da.ma.masked_array(x, x > 0)), TypeError,
         "operand 0 has masked blocks"),
        (lambda x: einbench.einsum("ij,jk", x, x), ValueError, "expected equal sizes, or 1"),
        (lambda x: einbench.einsum("ij,jk->", x), ValueError, "1 operand"),
        (lambda x: einbench.einsum("ij->q", x), ValueError, "output index 'q' is in no operand"),
        (lambda x: einbench.einsum("ij,ij->", x, np.ma.masked_array(np.ones((6, 4)), True)),
         TypeError, "operand 1 is masked"),
    ],
)  # fmt: skip
def test_wrong_use_is_refused_in_one_line(call, error, said):
    with pytest.raises(error, match=said) as raised:
        call(da.zeros((6, 4), chunks=(2, 3)))
    assert "\n" not in str(raised.value)
