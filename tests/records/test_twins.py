"""One kernel and cell twice in a file: told apart by what differs, or refused by name."""

import pytest

from einbench.records import choice
from einbench.records.read import read


def pytest_benchmark(samples, *benchmarks):
    """Of softmax[loop] and [matmul] at batch 128: (kernel, median_s, what differs)."""
    document = samples.pytest_benchmark(*((kernel, time) for kernel, time, _ in benchmarks))
    for entry, (*_, more) in zip(document["benchmarks"], benchmarks, strict=True):
        entry["name"] = "test"
        entry.update(more)
    return document


def asv(samples, times):
    """Times of softmax by module; [loop, matmul] at batch 128."""
    document = samples.asv(["loop", "matmul"], [1.0, 2.0])
    entry = document["results"].pop("softmax.time_kernel")
    for module, listed in times.items():
        document["results"][f"{module}softmax.time_kernel"] = [listed, *entry[1:]]
    return document


@pytest.fixture
def winners(samples, tmp_path):
    """Options and winner of every cell in a document, and the warnings."""

    def of(document):
        reading = read([samples.write(tmp_path / "m" / "a.json", document)])
        found = choice.cells(reading.rows)
        return {
            str(cell.facts["options"]): cell.winner and (cell.winner["kernel"], len(cell.rows))
            for cell in found
        }, [warning.partition(": ")[2] for warning in reading.warnings]

    return of


@pytest.mark.parametrize(
    ("differs", "option"),
    [
        (lambda size: {"params": {"data": size, "seed": 0}}, "data"),
        (lambda size: {"params": {"rows": {"small": 1, "large": 2}[size]}}, "rows"),
        (lambda size: {"fullname": f"bench/test_a.py::Test{size}::test[loop]"}, "class"),
        (lambda size: {"fullname": f"bench/test_{size}.py::test[loop]"}, "module"),
        (lambda size: {"name": f"test_{size}[loop]"}, "test"),
        (lambda size: {"group": size}, "group"),
    ],
)
def test_only_like_is_compared_with_like(samples, winners, differs, option):
    small, large = differs("small"), differs("large")
    document = pytest_benchmark(
        samples, ("loop", 0.001, small), ("loop", 0.5, large), ("matmul", 0.1, large)
    )
    found, warnings = winners(document)
    assert not warnings
    assert [won for _, won in found.items()] == [("loop", 1), ("matmul", 2)]
    assert all(option in options for options in found)


def test_what_does_not_differ_is_no_option(samples, winners):
    document = pytest_benchmark(
        samples, ("loop", 0.5, {"params": {"data": "a"}}), ("matmul", 0.1, {"params": {"x": "b"}})
    )
    assert winners(document) == ({"None": ("matmul", 2)}, [])


def test_nothing_that_differs_is_refused_by_name_and_the_rest_is_read(samples, winners):
    document = pytest_benchmark(
        samples, ("loop", 0.001, {}), ("loop", 0.5, {}), ("matmul", 0.1, {})
    )
    assert winners(document) == (
        {"None": ("matmul", 1)},
        ["left out, as one kernel and cell with two times: softmax[loop] at batch 128 in test"],
    )


def test_the_same_record_twice_is_one(samples, winners):
    document = pytest_benchmark(samples, ("loop", 0.5, {}), ("loop", 0.5, {}))
    assert winners(document) == ({"None": ("loop", 1)}, [])


def test_asvs_modules_are_told_apart(samples, winners):
    document = asv(samples, {"small_data.": [0.001, 0.002], "large_data.": [0.5, 0.1]})
    assert winners(document) == (
        {"{'module': 'small_data'}": ("loop", 2), "{'module': 'large_data'}": ("matmul", 2)}, []
    )  # fmt: skip


def test_times_in_one_module_and_errors_in_another_are_one_row(samples, winners, tmp_path):
    document = samples.asv(["loop", "matmul"], [1.0, 2.0], errors=[0.5, 0.6])
    document["results"] = {f"{n}.{k}": v for n, (k, v) in enumerate(document["results"].items())}
    assert winners(document) == ({"None": ("loop", 2)}, [])
    assert {row["error"] for row in read([tmp_path]).rows} == {0.5, 0.6}


def test_a_comparison_with_a_kernel_twice_is_refused_by_name(samples, winners):
    rows = [samples.record("loop", 1.0), samples.record("loop", 2.0), samples.record("matmul", 3.0)]
    found, (warning,) = winners(samples.comparison(*rows).document())
    assert found == {"None": ("matmul", 1)}
    assert "softmax[loop] at batch 128" in warning


def test_one_value_of_a_parameter_twice_is_no_benchmark_that_can_be_read(samples, winners):
    document = samples.asv(["loop", "matmul"], [1.0, 2.0])
    twice = samples.asv(["loop", "loop"], [1.0, 2.0])["results"]["softmax.time_kernel"]
    document["results"]["relu.time_kernel"] = twice
    found, (warning,) = winners(document)
    assert found == {"None": ("loop", 2)}
    assert "relu.time_kernel" in warning
