"""Bytes scaled a tile at a time: each number as NumPy divides it, and rows wherever they lie."""

from __future__ import annotations

import numpy as np
import pytest

from einbench.cluster import tiles
from einbench.cluster.tiles import Result, scale, tiled

F4 = np.dtype("f4")


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_every_byte_becomes_what_numpy_divides_it_to(dtype):
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for given in (pixels, pixels.T, pixels[::-2, 1::3]):
        out = np.empty(given.shape, dtype)
        assert np.array_equal(scale(given, out), np.divide(given, np.dtype(dtype).type(255)))


@pytest.mark.parametrize("rows", [0, 1, 5, 6, 17])
def test_rows_stand_side_by_side_and_sums_are_added_tile_after_tile(rows, monkeypatch):
    monkeypatch.setattr(tiles, "ROWS", 5)
    rng = np.random.default_rng(rows)
    pixels, weights = rng.integers(0, 256, (rows, 3), dtype=np.uint8), rng.random((3, 4), F4)
    turned = rng.random((2, rows), F4)
    seen = []

    def call(tile, outs):
        x, w, t = tile
        assert w is weights
        assert all(out.flags.c_contiguous for out in outs)
        seen.append(len(x))
        outs[0][...] = x @ w
        outs[1][...] = x.sum(axis=0)
        outs[2][...] = 2 * t

    whole, total, doubled = tiled(
        call, [pixels, weights, turned], F4, [0], [0, None, 1],
        [Result((rows, 4), F4, 0), Result((3,), F4, None), Result((2, rows), F4, 1)],
    )  # fmt: skip
    x = pixels / np.float32(255)
    assert seen == [min(5, rows - n) for n in range(0, max(rows, 1), 5)]
    np.testing.assert_allclose(whole, x @ weights, rtol=1e-6)
    parts = [x[n : n + 5].sum(axis=0) for n in range(0, max(rows, 1), 5)]
    expected = parts[0].copy()
    for part in parts[1:]:
        expected += part
    assert np.array_equal(total, expected)
    assert np.array_equal(doubled, 2 * turned)


def test_rows_that_cannot_be_parted_are_one_tile(monkeypatch):
    monkeypatch.setattr(tiles, "ROWS", 5)
    seen = []

    def call(tile, outs):
        seen.append(tile[0].shape)
        outs[0][...] = tile[0].max(axis=0)

    pixels = np.arange(24, dtype=np.uint8).reshape(12, 2)
    (most,) = tiled(call, [pixels], F4, [0], [0], [Result((2,), F4, None)], whole=True)
    assert seen == [(12, 2)]
    assert np.array_equal(most, np.array([22, 23], F4) / np.float32(255))
