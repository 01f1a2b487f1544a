"""einbench train in this process: what it prints, keeps, compares and refuses."""

import json
import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import einbench
from einbench import mnist
from einbench.cli import main
from einbench.network import data
from einbench.network.data import normalise, scale_of

QUICK = ["--samples", "500", "--epochs", "1", "--kernels", "matmul"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Nothing is written into the checkout."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


@pytest.fixture(scope="module", autouse=True)
def _read_once():
    """Unpacking the set and finding its scale takes longer than most of these trainings."""
    read, measured, shipped = mnist.load, data.scale_of, mnist.load()
    scale = scale_of(shipped.train.images)
    for split in shipped:
        split.images.flags.writeable = split.labels.flags.writeable = False

    def load(folder=None):
        return shipped if folder is None else read(folder)

    def of(images):
        return scale if images is shipped.train.images else measured(images)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mnist, "load", load)
        patch.setattr(data, "scale_of", of)
        yield


def train(*args):
    return CliRunner().invoke(main, ["train", *args])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """One training that several tests look at."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("COLUMNS", "100")
        args = ["--samples", "2000", "--epochs", "2", "--kernels", "matmul", "--batch", "50"]
        done = train(*args, "--save", "net.npz", "--json", "all.json", "--plot", "curves.svg")
    assert done.exit_code == 0, done.output
    return folder, done, json.loads((folder / "all.json").read_text("utf-8"))


def test_it_prints_epochs_and_where_the_time_went(trained):
    _, done, document = trained
    lines = done.stdout.splitlines()
    assert lines[0].startswith("784-128-128-10 on 2,000 images of MNIST, matmul, float32")
    assert re.search(r"^epoch +loss +train +test loss +test +time$", done.stdout, re.MULTILINE)
    assert re.search(r"^2 +\d\.\d{4} +\d\d\.\d\d %", done.stdout, re.MULTILINE)
    assert re.search(r"^all .* 100\.0 %$", done.stdout, re.MULTILINE)
    assert document["epochs"][-1]["validation_accuracy"] > 0.8
    assert done.stderr == "  0% choosing kernels, compiling\n"


def test_the_parts_add_up_to_the_wall_time(trained):
    _, _, document = trained
    parts = document["time"]
    assert math.isclose(sum(p["seconds_s"] for p in parts), document["wall_s"], rel_tol=1e-9)
    assert all(p["seconds_s"] >= 0 for p in parts)
    steps = next(p for p in parts if p["operation"] == "mlp_sgd_step")
    assert steps["calls"] == 80 == len(document["step_losses"])
    judged = {p["kernel"] for p in parts if p["operation"] == "mlp_intermediates"}
    assert judged == {"matmul"}


def test_with_momentum_the_update_has_a_line_of_its_own(tmp_path):
    path = tmp_path / "time.json"
    asked = ["--samples", "500", "--epochs", "1", "--kernels", "matmul", "--momentum", "0.5"]
    done = train(*asked, "--json", str(path))
    assert done.exit_code == 0, done.output
    parts = json.loads(path.read_text())["time"]
    update = next(p for p in parts if p["what"] == "update")
    gradients = next(p for p in parts if p["operation"] == "mlp_logits_gradients")
    assert update["calls"] == gradients["calls"] > 0


def test_the_document_says_what_was_trained_and_on_which_machine(trained):
    _, _, document = trained
    assert document["schema"] == "einbench.train/1"
    assert document["machine"]["fingerprint"]
    assert document["settings"]["samples"] == 2000
    assert document["network"]["shape"] == "784-128-128-10"
    assert document["stopped"] == ""
    assert document["saved"] == "net.npz"


def test_what_was_saved_is_the_network_that_was_judged(trained):
    folder, _, document = trained
    net = einbench.network.load(folder / "net.npz", kernels="matmul")
    train_set, test_set = mnist.load()
    scale = scale_of(train_set.images)
    x = normalise(test_set.images.reshape(-1, 784), scale=scale)
    accuracy = net.accuracy(x, test_set.labels)
    assert math.isclose(accuracy, document["epochs"][-1]["validation_accuracy"])
    assert document["data"]["mean"] == scale.mean


def test_a_training_goes_on_from_a_file(trained):
    folder, _, document = trained
    done = train(*QUICK, "--load", str(folder / "net.npz"), "--json", "b.json")
    assert done.exit_code == 0, done.output
    losses = json.loads(Path("b.json").read_text("utf-8"))["step_losses"]
    assert losses[0] < document["step_losses"][0] / 2


def test_the_picture_is_whole_and_refers_to_nothing_outside_it(trained):
    folder, done, _ = trained
    assert "curves: curves.svg" in done.stdout
    picture = (folder / "curves.svg").read_text("utf-8")
    assert picture.rstrip().endswith("</svg>")
    assert 'href="http' not in picture


def test_the_same_seed_trains_the_same(trained):
    losses = []
    for name in ("a.json", "b.json"):
        assert train(*QUICK, "--seed", "3", "--json", name).exit_code == 0
        losses.append(json.loads(Path(name).read_text("utf-8"))["step_losses"])
    assert losses[0] == losses[1]


@pytest.mark.parametrize("columns", ["40", "60", "100"])
def test_no_line_of_a_table_is_wider_than_the_terminal(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    done = train(*QUICK)
    assert max(map(len, done.stdout.splitlines()), default=0) <= int(columns)


@pytest.mark.parametrize(
    "more",
    [
        ["--loss", "negative-log-likelihood"],
        ["--loss", "mean_squared_error", "--rate", "0.01"],
        ["--loss", "softmax_mean_squared_error", "--initial", "xavier"],
        ["--hidden", "none", "--dtype", "float64"],
        ["--hidden", "20", "--momentum", "0.9", "--rate", "0.02", "--threads", "1"],
    ],
)
def test_other_networks_train_too(more):
    done = train(*QUICK, *more, "--json", "a.json")
    assert done.exit_code == 0, done.output
    losses = json.loads(Path("a.json").read_text("utf-8"))["step_losses"]
    assert losses[-1] < losses[0]


def test_each_operation_may_have_its_own_kernel():
    args = ["--samples", "300", "--epochs", "1", "--hidden", "none", "--batch", "300"]
    own = "linear=einsum,weight_gradient=matmul,bias_gradient=matmul,cross_entropy=indexed"
    done = train(*args, "--kernels", own + ",cross_entropy_gradient=indexed", "--json", "a.json")
    assert done.exit_code == 0, done.output
    spent = json.loads(Path("a.json").read_text("utf-8"))["time"]
    used = {p["operation"]: p["kernel"] for p in spent if p["operation"]}
    assert used["linear"] == "einsum"
    assert used["weight_gradient"] == "matmul"


def test_a_target_ends_the_training():
    done = train("--samples", "2000", "--kernels", "matmul", "--epochs", "9", "--target", "60%")
    assert done.exit_code == 0
    assert re.search(r"after [1-3] epochs?; the target is reached", done.stdout)


def test_json_on_stdout_leaves_the_tables_to_stderr():
    done = train(*QUICK, "--json", "-")
    assert json.loads(done.stdout)["schema"] == "einbench.train/1"
    assert "epoch" in done.stderr


def test_a_loss_that_is_no_number_is_one_line_and_the_last_good_parameters_are_kept():
    done = train(*QUICK, "--rate", "1e6", "--json", "a.json")
    assert done.exit_code == 2
    *_, line = done.stderr.splitlines()
    assert re.search(
        r"the loss became (nan|inf) at step \d+ .*they are in einbench-train\.npz", line
    )
    net = einbench.network.load("einbench-train.npz", kernels="matmul")
    assert all(np.isfinite(p).all() for p in net.parameters.values())
    assert json.loads(Path("a.json").read_text("utf-8"))["stopped"] == "diverged"


def test_a_training_that_fails_spares_the_file_that_was_there():
    assert train(*QUICK, "--save", "net.npz").exit_code == 0
    before = Path("net.npz").read_bytes()
    done = train(*QUICK, "--save", "net.npz", "--rate", "1e6")
    assert done.exit_code == 2
    assert Path("net.npz").read_bytes() == before
    assert "they are in einbench-train.npz" in done.stderr


def test_a_missing_library_of_charts_is_reported_before_anything_is_trained(monkeypatch):
    monkeypatch.setitem(sys.modules, "altair", None)
    done = train(*QUICK, "--plot", "a.svg")
    assert done.exit_code == 2
    assert done.stdout == ""
    assert "pip install 'einbench[report]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.long
@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--epochs", "0"], "'0' is no whole number from 1"),
        (["--batch", "many"], "'many' is no whole number from 1"),
        (["--batch", "600", *QUICK], "--batch 600 is larger than the data, 500 images"),
        (["--samples", "60_001"], "60,000 training images"),
        (["--rate", "nan"], "no number above 0"),
        (["--momentum", "1"], "no number from 0 to below 1"),
        (["--target", "98"], "write 0.975 or 97.5%"),
        (["--hidden", "128,,10"], "write 128,128 or none"),
        (["--loss", "cross"], "no loss 'cross'"),
        (["--initial", "hee"], "did you mean he"),
        (["--dtype", "float16"], "choose float32 or float64"),
        (["--kernels", "nunba"], "did you mean numba"),
        (["--kernels", "matmul,einsum"], "one training takes one family"),
        (["--kernels", "linear=foo"], "no kernel 'foo' of linear"),
        (["--kernels", "linear=loop,matmul"], "'matmul' among methods of single operations"),
        (["--kernels", "relu=loop,relu=ufunc"], "'relu' is given two methods"),
        (["--threads", "9999"], "expected 1 to"),
        (["--data", "absent"], "--data absent: no such folder"),
        (["--data", "."], "train-images"),
        (["--save", "net.txt"], "ends in .npz"),
        (["--save", "file/net.npz"], "cannot write file/net.npz"),
        (["--plot", "a.pdf"], "ends in .svg or .png"),
        (["--plot", "file/a.svg"], "--plot PATH"),
        (["--json", "."], "it is a folder"),
        (["--load", "absent.npz"], "absent.npz"),
        (["--load", "file"], "file"),
        (["--load", "net.npz", "--hidden", "3"], "leave --hidden out"),
        (["--steps", "3"], "--steps is for --compare"),
        (["--compare", "--epochs", "3"], "does nothing with --compare"),
        (["--compare", "--kernels", "matmul,nunba"], "did you mean numba"),
        (["--compare", "--budget", "0"], "no number above 0"),
    ],
)  # fmt: skip
def test_wrong_use_is_one_line_before_anything_is_trained(args, message, folder):
    Path("file").write_text("no folder and no network")
    done = train(*args)
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert message in line
    assert done.stdout == ""
    assert [path.name for path in folder.iterdir()] == ["file"]


def test_a_network_for_other_images_is_refused(folder):
    n = einbench.network
    n.Sequential([n.Linear(100, 10)], kernels="matmul").save("small.npz")
    n.Sequential([n.Linear(784, 3)], kernels="matmul").save("few.npz")
    assert "takes 100 pixels, these images have 784" in train("--load", "small.npz").stderr
    assert "has 3 classes, these labels have 10" in train("--load", "few.npz").stderr


# --- families, trained in turns ---------------------------------------------------------------

COMPARE = ["--compare", "--samples", "500", "--batch", "20", "--steps", "30", "--hidden", "16"]


def test_families_have_the_same_losses_and_times_of_their_own():
    args = ["--kernels", "einsum,matmul,numba", "--dtype", "float64", "--json", "a.json"]
    done = train(*COMPARE, *args, "--plot", "a.png")
    assert done.exit_code == 0, done.output
    assert "the loss curves are the same" in done.stdout
    document = json.loads(Path("a.json").read_text("utf-8"))
    first, *others = document["families"]
    assert document["limit"] == 1e-9
    assert first["difference"] is None
    assert [f["family"] for f in others] == ["matmul", "numba"]
    for family in others:
        assert family["steps"] == family["judged_steps"] == 30
        assert family["difference"] < 1e-12
        assert family["step_s"] > 0
        assert len(family["samples_s"]) == 25
    assert Path("a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.long
def test_a_family_that_is_too_slow_takes_fewer_steps_and_says_so():
    args = ["--kernels", "loop,matmul", "--budget", "3", "--threads", "1", "--hidden", "64"]
    done = train(*COMPARE, *args, "--json", "a.json")
    assert done.exit_code == 0, done.output
    loop, matmul = json.loads(Path("a.json").read_text("utf-8"))["families"]
    assert re.search(r"loop: (about|\d+ of 30 steps, for one takes about) \d", done.stdout)
    assert loop["steps"] < 30 == matmul["steps"]


@pytest.fixture
def wrong_kernel():
    """weight_gradient that forgets the last row of a batch."""
    op = einbench.operation("weight_gradient")

    @op.kernel("forgetful")
    def forgetful(inputs, dlogits):
        return dlogits[:-1].T @ inputs[:-1]

    yield "forgetful"
    op.remove("forgetful")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_family_that_trains_otherwise_fails(wrong_kernel, dtype):
    args = ["--kernels", f"matmul,{wrong_kernel}", "--dtype", dtype, "--json", "a.json"]
    done = train(*COMPARE, *args)
    assert done.exit_code == 1, done.output
    text = " ".join(done.stdout.split())
    assert "REJECTED forgetful: the loss of step 2 differs from matmul's by" in text
    assert "the loss curves are the same" not in text
    assert json.loads(Path("a.json").read_text("utf-8"))["families"][1]["status"] == "rejected"


def test_a_rate_that_is_too_high_for_all_is_wrong_use():
    done = train(*COMPARE, "--kernels", "matmul,einsum", "--rate", "1e9")
    assert done.exit_code == 2
    *_, line = done.stderr.splitlines()
    assert re.search(r"matmul: the loss of step \d+ is no finite number; try a smaller", line)
