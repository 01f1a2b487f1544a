from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from einbench import mnist, network
from einbench.network.data import Scale, batches, normalise, one_hot, scale_of, split


class TestNormalise:
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_the_training_set_has_mean_0_and_deviation_1(self, dtype: str) -> None:
        pixels = np.random.default_rng(0).integers(0, 256, (3000, 784)).astype(np.uint8)
        x = normalise(pixels, dtype=dtype)
        assert x.dtype == dtype
        assert x.shape == pixels.shape
        assert abs(x.mean(dtype=np.float64)) < 1e-6
        assert abs(x.std(dtype=np.float64) - 1) < 1e-6

    def test_the_test_set_is_put_on_the_scale_of_the_training_set(self) -> None:
        x, other = normalise(np.array([[0.0, 2.0]]), np.array([[4.0], [1.0]]), dtype="float64")
        assert x.tolist() == [[-1, 1]]
        assert other.tolist() == [[3], [0]]

    def test_a_scale_that_was_kept_is_applied_instead(self) -> None:
        scale = scale_of([0.0, 2.0])
        assert scale == Scale(1.0, 1.0)
        assert normalise([10.0], scale=Scale(4, 2)).tolist() == [3]

    def test_mnist_has_the_figures_everybody_knows(self) -> None:
        scale = scale_of(mnist.load().train.images)
        assert round(scale.mean / 255, 4) == 0.1307
        assert round(scale.deviation / 255, 4) == 0.3081

    @pytest.mark.parametrize("value", [0, 7, 0.1, -1e30])
    def test_equal_numbers_become_zeros(self, value: float) -> None:
        x, other = normalise(np.full((5, 3), value), np.full((2, 3), value), dtype="float64")
        assert not x.any()
        assert not other.any()

    def test_digits_around_a_large_mean_are_kept(self) -> None:
        noise = np.random.default_rng(1).normal(size=1000)
        expected = (noise - noise.mean()) / noise.std()
        assert np.allclose(normalise(noise + 1e8), expected, atol=1e-6)

    def test_what_was_given_is_left_alone(self) -> None:
        pixels = np.arange(6, dtype=np.uint8).reshape(2, 3)
        before = pixels.copy()
        normalise(pixels)
        assert (pixels == before).all()

    def test_samples_in_columns_and_several_blocks_give_the_same(self) -> None:
        x = np.random.default_rng(2).normal(3, 5, (1500, 1000))
        assert np.array_equal(normalise(np.asfortranarray(x)), normalise(x))
        assert np.allclose(normalise(x, dtype="float64"), (x - x.mean()) / x.std())

    def test_a_test_set_may_be_empty_and_a_training_set_may_not(self) -> None:
        _, none = normalise([[1.0, 2.0]], np.empty((0, 2)))
        assert none.shape == (0, 2)
        with pytest.raises(ValueError, match=r"shape \(0, 2\), no numbers"):
            normalise(np.empty((0, 2)))

    def test_nan_and_infinity_are_reported_with_their_position(self) -> None:
        x = np.zeros((3000, 1000))
        x[2500, 7] = np.nan
        with pytest.raises(ValueError, match=r"training set holds nan at \(2500, 7\)"):
            normalise(x)
        with pytest.raises(ValueError, match=r"set 2 holds inf at \(1,\)"):
            normalise([1.0, 2.0], [0, np.inf])

    def test_what_is_no_number_is_refused(self) -> None:
        with pytest.raises(TypeError, match="real numbers"):
            normalise(["a"])
        with pytest.raises(ValueError, match="float16"):
            normalise([1.0], dtype="float16")


class TestOneHot:
    def test_a_class_that_does_not_occur_has_its_column(self) -> None:
        rows = one_hot(np.array([0, 3], np.uint8), 5)
        assert rows.dtype == np.float32
        assert rows.tolist() == [[1, 0, 0, 0, 0], [0, 0, 0, 1, 0]]

    def test_no_labels_give_no_rows(self) -> None:
        assert one_hot([], 3, "float64").shape == (0, 3)

    @pytest.mark.parametrize(("label", "position"), [(-1, 2), (10, 2)])
    def test_a_bad_label_is_refused_with_its_position(self, label: int, position: int) -> None:
        with pytest.raises(ValueError, match=f"label {label} at position {position}"):
            one_hot([1, 2, label], 10)

    def test_what_are_no_integers_are_refused(self) -> None:
        with pytest.raises(TypeError, match="must be integers, got float64"):
            one_hot([1.0, 2.0], 10)
        with pytest.raises(ValueError, match=r"shape \(1, 2\)"):
            one_hot([[1, 2]], 10)
        with pytest.raises(ValueError, match="classes=0"):
            one_hot([], 0)


class TestSplit:
    def test_every_sample_is_in_one_part_with_its_target(self) -> None:
        x = np.arange(100.0)[:, None]
        (a, u), (b, v) = split(x, np.arange(100), 0.25, seed=3)
        assert len(a) == 75
        assert len(b) == 25
        assert sorted([*u, *v]) == list(range(100))
        assert (a[:, 0] == u).all()
        assert (b[:, 0] == v).all()

    def test_a_count_a_seed_and_the_order_are_kept(self) -> None:
        x, y = np.arange(10), np.arange(10)
        (first, _), (held, _) = split(x, y, 3, seed=1)
        assert len(held) == 3
        assert (np.diff(first) > 0).all()
        assert (np.diff(held) > 0).all()
        assert (split(x, y, 3, seed=1)[1][0] == held).all()
        assert any((split(x, y, 3, seed=s)[1][0] != held).any() for s in range(2, 6))

    @pytest.mark.parametrize("part", [0, 10, -1, 0.0, 1.0, 1e-9])
    def test_an_empty_part_is_refused(self, part: Any) -> None:
        with pytest.raises(ValueError, match="validation="):
            split(np.arange(10), np.arange(10), part)

    def test_lengths_that_differ_and_words_are_refused(self) -> None:
        with pytest.raises(ValueError, match="3 inputs and 2 targets"):
            split(np.arange(3), np.arange(2))
        with pytest.raises(TypeError, match="validation='half'"):
            split(np.arange(3), np.arange(3), "half")  # type: ignore[arg-type]


class TestBatches:
    x = np.arange(10.0)[:, None] * [1, 2]
    y = np.arange(10)

    def test_shuffled_gives_every_row_once_and_a_short_last_batch(self) -> None:
        parts = list(batches(self.x, self.y, 4, seed=0))
        assert [len(t) for _, t in parts] == [4, 4, 2]
        assert sorted(np.concatenate([t for _, t in parts])) == list(range(10))
        assert all((a[:, 0] == t).all() for a, t in parts)

    def test_epochs_follow_each_other_each_in_an_order_of_its_own(self) -> None:
        order = np.concatenate([t for _, t in batches(self.x, self.y, 5, seed=0, steps=4)])
        assert sorted(order[:10]) == sorted(order[10:]) == list(range(10))
        assert (order[:10] != order[10:]).any()

    def test_given_gives_slices_without_a_copy(self) -> None:
        parts = list(batches(self.x, self.y, 4, "given", steps=4))
        assert [t.tolist() for _, t in parts] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9], [0, 1, 2, 3]]
        assert all(np.shares_memory(a, self.x) for a, _ in parts)

    def test_random_draws_each_row_from_all_of_them(self) -> None:
        parts = list(batches(self.x, self.y, 1, "random", seed=0, steps=50))
        drawn = [int(t[0]) for _, t in parts]
        assert all(len(t) == 1 for _, t in parts)
        assert set(drawn) == set(range(10))
        assert len(set(drawn[:10])) < 10

    def test_the_same_seed_gives_the_same_batches(self) -> None:
        for order in ("shuffled", "random"):
            one, two = (list(batches(self.x, self.y, 3, order, seed=5)) for _ in range(2))
            assert all((a == b).all() for (a, _), (b, _) in zip(one, two, strict=True))

    @pytest.mark.parametrize("order", ["shuffled", "given", "random"])
    def test_they_are_the_batches_that_fit_takes(self, order: str) -> None:
        n = network
        one, other = (n.Sequential([n.Linear(2, 10)], kernels="matmul") for _ in range(2))
        history = one.fit(self.x, self.y, steps=7, batch=4, order=order, seed=9)
        losses = [
            other.fit(x, y, batch=None, order="given").step_losses[0]
            for x, y in batches(self.x.astype("f4"), self.y, 4, order, seed=9, steps=7)
        ]
        assert losses == history.step_losses

    def test_no_batch_is_the_full_batch(self) -> None:
        ((a, _),) = batches(self.x, self.y, None, "given")
        assert (a == self.x).all()

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"batch": 11}, "batch 11 is larger than the data, 10 samples"),
            ({"batch": 0}, "batch=0"),
            ({"batch": 2.0}, "batch=2.0"),
            ({"steps": 0}, "steps=0"),
            ({"order": "shufled"}, "did you mean shuffled"),
        ],
    )
    def test_wrong_use_is_reported_before_the_first_batch(
        self, arguments: dict[str, Any], message: str
    ) -> None:
        with pytest.raises((ValueError, TypeError), match=message):
            batches(self.x, self.y, **{"batch": 5} | arguments)

    def test_no_samples_and_missing_targets_are_refused(self) -> None:
        with pytest.raises(ValueError, match="no samples"):
            batches(self.x[:0], self.y[:0], None)
        with pytest.raises(ValueError, match="10 inputs and 9 targets"):
            batches(self.x, self.y[1:])
