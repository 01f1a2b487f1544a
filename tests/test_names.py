"""Names: ordinary ones have one form, and of an einsum expression every letter counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import einbench
from einbench.choose.wisdom import Wisdom
from einbench.cli import main
from einbench.names import normalise
from einbench.operation import Operation

Array = np.ndarray[Any, Any]


def product(expression: str, **changes: Any) -> Operation:
    """A product of two matrices under the name of its expression."""
    facts: dict[str, Any] = {
        "formula": "C[a, c] = sum_b A[a, b] B[b, c]",
        "inputs": {"x": "rows inner", "y": "inner columns"},
        "outputs": {"z": "rows columns"},
        "leading": "rows",
        "sizes": {"inner": 5, "columns": 3},
        "terms": lambda s: s["inner"],
        "reference": lambda x, y: x @ y,
        "scale": lambda z, x, y: np.abs(x) @ np.abs(y),
        "flops": lambda s: 2 * s["rows"] * s["inner"] * s["columns"],
    }
    op = Operation(name=expression, **{**facts, **changes})

    @op.kernel("einsum")
    def einsum(x: Array, y: Array) -> Array:
        return np.einsum("ab,bc->ac", x, y)

    return op


@pytest.fixture
def expression(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Operation]:
    monkeypatch.setenv("EINBENCH_WISDOM", str(tmp_path))
    op = einbench.register(product("ab, bc -> ac"))
    yield op
    einbench.forget(op)


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("Softmax-VJP", "softmax_vjp"), (" SOFTMAX VJP ", "softmax_vjp"),
        ("ab,bc->ac", "ab,bc->ac"), ("ab, bc -> ac", "ab,bc->ac"), ("aB,Bc->ac", "aB,Bc->ac"),
        ("ii->", "ii->"), ("ab,bc", "ab,bc"), ("...a,a->...", "...a,a->..."),
    ],
)  # fmt: skip
def test_an_expression_keeps_its_letters_and_other_names_have_one_form(
    name: str, form: str
) -> None:
    assert normalise(name) == form
    assert normalise(form) == form


def test_expressions_that_differ_in_case_are_two_operations(expression: Operation) -> None:
    other = einbench.register(product("aB,Bc->ac"))
    try:
        assert einbench.operation("ab,bc->ac") is expression
        assert einbench.operation("aB, Bc->ac") is other
    finally:
        einbench.forget(other)


def test_files_of_names_differ_also_where_case_does_not_count(tmp_path: Path) -> None:
    memory = Wisdom(str(tmp_path))
    names = ["ab,bc->ac", "aB,Bc->ac", "Ab,bc->Ac", "softmax_vjp", "ab"]
    files = [Path(memory.path(name)).name for name in names]
    assert len({file.lower() for file in files}) == len(names)
    assert all(character not in '<>:"/\\|?*,' for file in files for character in file)
    assert files[-2:] == ["softmax_vjp.json", "ab.json"]
    for file in files:
        (tmp_path / file).write_text("{}", encoding="utf-8")
    assert memory.operations() == sorted(names)


def test_what_is_chosen_for_an_expression_is_called_and_remembered(expression: Operation) -> None:
    arrays = expression.draw(rows=4)
    found = getattr(einbench.auto, "ab,bc->ac")(**arrays)
    np.testing.assert_allclose(found, arrays["x"] @ arrays["y"], rtol=1e-5)
    assert einbench.fastest("ab,bc->ac", **arrays).origin == "remembered"
    shown = CliRunner().invoke(main, ["wisdom", "show", "ab,bc->ac"])
    assert shown.exit_code == 0, shown.output
    assert "batch 4: einsum" in shown.output.replace("\u00a0", " ")


def test_several_results_of_an_expression_have_a_type_that_python_can_spell() -> None:
    op = product(
        "ab,bc->ac",
        outputs={"z": "rows columns", "sums": "rows"},
        reference=lambda x, y: (x @ y, (x @ y).sum(axis=1)),
    )
    op.kernel("both")(lambda x, y: (x @ y, (x @ y).sum(axis=1)))
    result = op["both"](**op.draw(rows=4))
    assert result._fields == ("z", "sums")
    assert type(result).__name__.isidentifier()


@pytest.mark.long
def test_the_command_line_takes_an_expression_beside_other_names(
    expression: Operation, tmp_path: Path
) -> None:
    out = tmp_path / "out.json"
    asked = ["--operation", "ab,bc->ac", "--operation", "relu,tanh", "--batch", "2"]
    done = CliRunner().invoke(main, ["compare", *asked, "--budget", "0.1", "--json", str(out)])
    assert done.exit_code == 0, done.output
    assert '"ab,bc->ac"' in out.read_text(encoding="utf-8")
    for name in ("relu", "tanh", "ab,bc->ac"):
        assert name in done.output


def test_an_expression_that_is_none_is_answered_whole() -> None:
    done = CliRunner().invoke(main, ["compare", "--operation", "ab,bc->ad"])
    assert done.exit_code == 2
    assert 'einsum "ab,bc->ad", position 8: output index' in done.output
