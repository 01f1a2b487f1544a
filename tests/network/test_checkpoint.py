"""A training that goes on from its checkpoint is the training that was not interrupted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from einbench.network import SGD, Linear, ReLU, Sequential
from einbench.network.together import train_together

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(50, 6)).astype(np.float32), RNG.integers(0, 3, 50)


def made() -> Sequential:
    return Sequential([Linear(6, 5), ReLU(), Linear(5, 3)], kernels="matmul")


def trained(net: Sequential, path: Path | None = None, resume: bool = False, **more):
    wanted = {"epochs": 4, "batch": 8, "seed": 1, "optimizer": SGD(0.1, 0.5), "validation": (X, Y)}
    return net.fit(X, Y, checkpoint=path, resume=resume, **{**wanted, **more})


def bits(net: Sequential) -> list[bytes]:
    return [each.tobytes() for each in net.parameters.values()]


class Killed(BaseException):
    """Whatever is done about exceptions is not done about this one."""


@pytest.mark.parametrize("momentum", [0.0, 0.5])
@pytest.mark.parametrize(
    "how",
    [{}, {"order": "given"}, {"order": "given", "batch": 50},
     {"order": "random", "epochs": None, "steps": 20, "every": 5}],
)  # fmt: skip
@pytest.mark.parametrize("at", [1, 2, 3])
def test_the_steps_are_the_same_bits(how, at, momentum, tmp_path):
    path, whole, killed, again = tmp_path / "a.npz", made(), made(), made()
    how = {**how, "optimizer": SGD(0.1, momentum)}
    expected = trained(whole, **how)

    def kill(history):
        if history.epochs == at:
            raise Killed

    with pytest.raises(Killed):
        trained(killed, path, on_epoch=kill, **how)
    asked = []
    found = trained(again, path, resume=True, on_epoch=lambda h: asked.append(h.epochs), **how)
    assert asked == list(range(at + 1, 5))
    assert bits(again) == bits(whole)
    assert found.step_losses == expected.step_losses
    assert found.loss == expected.loss
    assert found.validation_loss == expected.validation_loss


def test_a_training_that_is_over_takes_no_step_and_more_epochs_may_follow(tmp_path):
    path, net = tmp_path / "a.npz", made()
    expected = trained(net, path)
    asked = []
    again = made()
    found = trained(again, path, resume=True, on_step=lambda *step: asked.append(step))
    assert not asked
    assert (found.step_losses, bits(again)) == (expected.step_losses, bits(net))
    assert trained(made(), path, resume=True, epochs=6).epochs == 6


def test_a_target_that_was_reached_stays_reached(tmp_path):
    path = tmp_path / "a.npz"
    assert trained(made(), path, target=0.01).epochs == 1
    found = trained(made(), path, resume=True, target=0.01)
    assert (found.epochs, found.stopped) == (1, "target")


def test_without_a_file_it_begins(tmp_path):
    assert trained(made(), tmp_path / "a.npz", resume=True).epochs == 4


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"seed": 2}, "with seed 1, and this is 2"),
        ({"batch": 9}, "with batch 8, and this is 9"),
        ({"optimizer": SGD(0.1, 0.4)}, "with momentum 0.5, and this is 0.4"),
    ],
)
def test_another_training_is_refused_in_a_line(other, said, tmp_path):
    path, net = tmp_path / "a.npz", made()
    trained(net, path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=said):
        trained(made(), path, resume=True, **other)
    assert path.read_bytes() == before


def test_other_data_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    trained(made(), path)
    with pytest.raises(ValueError, match="is of a training with data "):
        made().fit(
            X + 1, Y, epochs=4, batch=8, seed=1, optimizer=SGD(0.1, 0.5), checkpoint=path,
            resume=True,
        )  # fmt: skip


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    trained(made(), path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"a\.npz: damaged or cut off"):
        trained(made(), path, resume=True)


def test_it_needs_a_seed_and_a_file(tmp_path):
    with pytest.raises(ValueError, match="give a seed"):
        trained(made(), tmp_path / "a.npz", seed=None)
    with pytest.raises(ValueError, match="give checkpoint= too"):
        trained(made(), resume=True)


def test_a_full_disk_ends_no_training(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device", "a.npz")

    monkeypatch.setattr("einbench.network.storage.write_whole", full)
    with pytest.warns(RuntimeWarning, match=r"a\.npz: No space left on device; training goes on"):
        assert trained(made(), tmp_path / "a.npz").epochs == 4


@pytest.mark.parametrize("momentum", [0.0, 0.5])
@pytest.mark.parametrize("at", [1, 2])
def test_families_in_turns_go_on_with_the_same_losses(at, momentum, tmp_path):
    names, path = ["matmul", "einsum"], tmp_path / "a.npz"

    def together(**more):
        def make(name):
            return Sequential([Linear(6, 5), ReLU(), Linear(5, 3)], kernels=name)

        return train_together(
            make, names, X, Y, steps=15, batch=8, optimizer=SGD(0.1, momentum), seed=1, **more
        )

    def kill(number):
        if number == at:
            raise Killed

    whole = together()
    with pytest.raises(Killed):
        together(checkpoint=path, on_round=kill)
    asked = []
    found = together(checkpoint=path, resume=True, on_round=asked.append)
    assert asked == list(range(at + 1, 4))
    assert [family.losses for family in found] == [family.losses for family in whole]
    assert [len(f.samples_s) for f in found] == [len(f.samples_s) for f in whole]
    assert {family.status for family in found} == {"ok"}
    names.reverse()
    with pytest.raises(ValueError, match="of a training with families"):
        together(checkpoint=path, resume=True)
