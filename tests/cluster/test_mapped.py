"""Memory maps in graphs: file, offset and shape, opened where a block is computed."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest

import einbench
from einbench.cluster.mapped import Mapped, as_mapped
from einbench.host import warned

da = pytest.importorskip(
    "dask.array", reason="dask is not installed (pip install 'einbench[dask]')"
)
import dask  # noqa: E402

WHOLE = np.arange(60_000, dtype=np.int32).reshape(200, 300)


@pytest.fixture(autouse=True)
def unmeasured():
    with einbench.choosing("off"), dask.config.set(scheduler="synchronous"):
        yield


@pytest.fixture
def path(tmp_path):
    np.save(tmp_path / "numbers.npy", WHOLE)
    return tmp_path / "numbers.npy"


VIEWS = [
    np.s_[:], np.s_[10:20], np.s_[::3, ::-2], np.s_[::-1, 7], np.s_[5, 5], np.s_[3:3],
    np.s_[..., None, 2:9],
]  # fmt: skip


@pytest.mark.parametrize("view", VIEWS, ids=str)
@pytest.mark.parametrize("turned", [False, True])
def test_a_view_of_a_map_is_found_again_in_the_file(path, view, turned):
    opened = np.load(path, mmap_mode="r")[view]
    opened = np.asarray(opened.T if turned else opened)
    made = as_mapped(opened) if opened.ndim else opened
    if not opened.ndim:
        return
    if not opened.size:
        made = made if isinstance(made, Mapped) else np.asarray(made)
        assert np.asarray(made).shape == opened.shape
        return
    assert isinstance(made, Mapped)
    again = pickle.loads(pickle.dumps(made))  # noqa: S301 - its own
    assert len(pickle.dumps(made)) < 1000
    expected = WHOLE[view].T if turned else WHOLE[view]
    assert np.array_equal(np.asarray(again), expected)
    assert again.shape == expected.shape
    assert np.array_equal(again[1:3], expected[1:3])
    assert not again.opened().flags.writeable


def test_other_views_of_the_bytes_and_fortran_order(path, tmp_path):
    as_bytes = np.load(path, mmap_mode="r").view(np.uint8)[:, 1::4]
    assert np.array_equal(as_mapped(as_bytes)[:], WHOLE.view(np.uint8)[:, 1::4])
    np.save(tmp_path / "turned.npy", np.asfortranarray(WHOLE))
    turned = as_mapped(np.load(tmp_path / "turned.npy", mmap_mode="r"))
    assert turned.strides == np.asfortranarray(WHOLE).strides
    assert np.array_equal(turned[4:6], WHOLE[4:6])


def test_what_is_no_map_of_a_file_is_refused_or_left(path):
    with pytest.raises(TypeError, match="ndarray lies in no memory map of a file"):
        einbench.mapped(WHOLE)
    with pytest.raises(TypeError, match="list lies in no"):
        einbench.mapped([1])
    changed = np.load(path, mmap_mode="c")
    changed[0, 0] = 7  # in memory alone
    assert as_mapped(changed) is changed


def test_a_graph_holds_no_bytes_of_the_file(path):
    opened = np.load(path, mmap_mode="r")
    lazy = da.from_array(einbench.mapped(opened), chunks=(50, -1))
    total = einbench.einsum("ij->j", lazy, dtype="int64")
    assert len(pickle.dumps(dict(total.dask))) < 20_000 < opened.nbytes
    assert np.array_equal(total.compute(), WHOLE.sum(axis=0))
    # given as it is beside a dask array it goes in the same way
    beside = einbench.einsum("ij,ij->", lazy, opened, dtype="int64")
    assert len(pickle.dumps(dict(beside.dask))) < 20_000
    assert beside.compute() == (WHOLE.astype("i8") ** 2).sum()


def test_a_file_that_is_gone_or_cut_off_is_named(path):
    made = einbench.mapped(np.load(path, mmap_mode="r"))
    lazy = einbench.einsum("ij->", da.from_array(made, chunks=(50, -1)), dtype="int64")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"numbers\.npy: the file has 1 kB, .*was it written anew"):
        lazy.compute()
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"numbers\.npy: this process cannot open the file"):
        lazy.compute()


def test_a_file_that_changed_has_another_name_in_a_graph(path):
    first = da.from_array(einbench.mapped(np.load(path, mmap_mode="r")), chunks=50).name
    assert da.from_array(einbench.mapped(np.load(path, mmap_mode="r")), chunks=50).name == first
    np.save(path, WHOLE[:100])
    assert da.from_array(einbench.mapped(np.load(path, mmap_mode="r")), chunks=50).name != first


def test_a_map_that_dask_read_into_memory_is_said(path):
    lazy = da.from_array(np.load(path, mmap_mode="r"), chunks=(50, -1))
    warned._SAID.clear()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        einbench.einsum("ij->", lazy)
    assert any("read a memory map of 240 kB into memory" in str(each.message) for each in said)
