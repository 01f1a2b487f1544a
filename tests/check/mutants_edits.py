"""Small changes of a kernel's text: each replaces one node of its syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from mutants_calls import Proposal, calls

_COMPARED: dict[type[ast.cmpop], tuple[str, ...]] = {
    ast.Lt: ("<=", ">"), ast.LtE: ("<", ">="), ast.Gt: (">=", "<"), ast.GtE: (">", "<="),
    ast.Eq: ("!=",), ast.NotEq: ("==",),
}  # fmt: skip


def edits(tree: ast.FunctionDef) -> Iterator[tuple[str, str]]:
    """Every change that is known: its kind, and the whole text of the function after it."""
    before = ast.unparse(tree)
    for parent in list(ast.walk(tree)):
        for field, value in ast.iter_fields(parent):
            places = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
            for place, node in places:
                if not isinstance(node, ast.expr | ast.stmt) or node is tree:
                    continue
                for kind, text in _proposals(node, parent, field):
                    after = _with(tree, parent, field, place, node, text)
                    if after and after != before:
                        yield kind, after


def _with(tree: ast.AST, parent: ast.AST, field: str, place: Any, node: ast.AST, text: str) -> str:
    """The text of the tree where this node is replaced."""
    try:
        new: Any = ast.parse(text).body
    except SyntaxError:
        return ""
    if isinstance(node, ast.expr):
        new = new[0].value
        if isinstance(getattr(node, "ctx", None), ast.Store):
            if not hasattr(new, "ctx"):
                return ""
            new.ctx = ast.Store()
    if place is None:
        setattr(parent, field, new)
        text = ast.unparse(tree)
        setattr(parent, field, node)
        return text
    nodes = getattr(parent, field)
    kept = list(nodes)
    nodes[place : place + 1] = new if isinstance(new, list) else [new]
    text = ast.unparse(tree)
    nodes[:] = kept
    return text


def _proposals(node: ast.AST, parent: ast.AST, field: str) -> Iterator[Proposal]:
    if field in ("args", "defaults") and isinstance(parent, ast.arguments):
        return
    for known, propose in (
        (ast.Subscript, _of_subscript), (ast.Call, _of_call), (ast.BinOp, _of_sum),
        (ast.UnaryOp, _of_negative), (ast.Compare, _of_comparison), (ast.Constant, _of_constant),
        (ast.Attribute, _of_attribute), (ast.IfExp, _of_choice), (ast.If, _of_branch),
        (ast.AugAssign, _of_addition), (ast.Expr, _of_call_alone), (ast.For, _of_loop),
        (ast.Return, _of_return), (ast.Assign, _of_assignment),
    ):  # fmt: skip
        if isinstance(node, known):
            yield from propose(node, parent)


def _is_shape(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in ("shape", "strides")


def _of_subscript(node: ast.Subscript, parent: ast.AST) -> Iterator[Proposal]:
    value = ast.unparse(node.value)
    inner = node.slice
    parts = [ast.unparse(e) for e in (inner.elts if isinstance(inner, ast.Tuple) else [inner])]
    elements = inner.elts if isinstance(inner, ast.Tuple) else [inner]

    def having(*texts: str) -> str:
        return f"{value}[{', '.join(texts)}]"

    if _is_shape(node.value):
        if parts[0] in "01":
            yield "axis", having("10"[int(parts[0])])
        return
    if isinstance(inner, ast.Tuple) and not inner.elts:
        return
    for number, element in enumerate(elements):

        def put(text: str, number: int = number) -> str:
            return having(*parts[:number], text, *parts[number + 1 :])

        if isinstance(element, ast.Slice):
            low = ast.unparse(element.lower) if element.lower else "0"
            high = ast.unparse(element.upper) if element.upper else ""
            yield "slice", put(f"{low} + 1:{high}")
            yield "slice", put(f"{low}:{high or '0'} - 1")
        elif isinstance(element, ast.Constant) and element.value is None:
            if len(parts) > 1:
                rest = [*parts[:number], *parts[number + 1 :]]
                yield "keepdims", having(*rest)
                yield "keepdims", having(*(["None", *rest] if number else [*rest, "None"]))
        elif isinstance(element, ast.Constant | ast.Name | ast.BinOp):
            yield "index", put(f"({parts[number]}) - 1")
            yield "index", put(f"max(({parts[number]}) - 1, 0)")
    if len(parts) > 1:
        yield "index", having(*reversed(parts))


def _of_call(node: ast.Call, parent: ast.AST) -> Iterator[Proposal]:
    return calls(node)


def _of_sum(node: ast.BinOp, parent: ast.AST) -> Iterator[Proposal]:
    left, right = f"({ast.unparse(node.left)})", f"({ast.unparse(node.right)})"
    whole = f"({ast.unparse(node)})"
    yield "term", left
    yield "term", right
    yield "constant", f"{whole} * (1 + 1e-3)"
    yield "constant", f"{whole} * (1 + 1e-5)"
    yield "constant", f"{whole} + 1e-6"
    yield "narrow", f"np.float32({whole})"
    yield "narrow", f"np.float16({whole})"
    if isinstance(node.op, ast.Add):
        yield "sign", f"{left} - {right}"
    elif isinstance(node.op, ast.Sub):
        yield "sign", f"{left} + {right}"
        yield "sign", f"{right} - {left}"
        if "max" in right or "largest" in right:
            yield "stabiliser", left
            yield "stabiliser", f"np.minimum({left}, 80)"
    elif isinstance(node.op, ast.Mult):
        yield "sign", f"-{whole}"
        yield "term", f"{left} + {right}"
    elif isinstance(node.op, ast.Div):
        yield "term", f"{left} * {right}"
        yield "constant", f"{left} / ({right} + 1e-7)"
        yield "reduction", f"{left} / ({right} - 1)"


def _of_negative(node: ast.UnaryOp, parent: ast.AST) -> Iterator[Proposal]:
    if isinstance(node.op, ast.USub):
        yield "sign", f"({ast.unparse(node.operand)})"


def _of_comparison(node: ast.Compare, parent: ast.AST) -> Iterator[Proposal]:
    if len(node.ops) != 1:
        return
    left, right = ast.unparse(node.left), ast.unparse(node.comparators[0])
    kind = "option" if "reduction" in left else "compare"
    for operator in _COMPARED.get(type(node.ops[0]), ()):
        yield kind, f"{left} {operator} {right}"
    yield kind, "False"
    if kind == "option":
        yield kind, "True"


def _of_constant(node: ast.Constant, parent: ast.AST) -> Iterator[Proposal]:
    value = node.value
    if value in ("mean", "sum"):
        yield "option", repr("mean" if value == "sum" else "sum")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    if isinstance(parent, ast.Subscript) and _is_shape(parent.value):
        return
    yield "constant", repr(value + 1)
    if value:
        yield "constant", "0"
    else:
        yield "constant", "1e-6"


def _of_attribute(node: ast.Attribute, parent: ast.AST) -> Iterator[Proposal]:
    if node.attr == "T":
        yield "axis", ast.unparse(node.value)
    if node.attr == "dtype" and not isinstance(parent, ast.Attribute):
        yield "narrow", "np.float32"
        yield "narrow", "np.float16"
    if node.attr == "smallest_subnormal":
        yield "constant", f"{ast.unparse(node.value)}.tiny"


def _of_choice(node: ast.IfExp, parent: ast.AST) -> Iterator[Proposal]:
    yield "branch", f"({ast.unparse(node.body)})"
    yield "branch", f"({ast.unparse(node.orelse)})"


def _of_branch(node: ast.If, parent: ast.AST) -> Iterator[Proposal]:
    raises = any(isinstance(s, ast.Raise) for s in node.body)
    yield ("labels" if raises else "branch"), "\n".join(map(ast.unparse, node.orelse)) or "pass"
    if not raises:
        yield "branch", "\n".join(map(ast.unparse, node.body))


def _of_addition(node: ast.AugAssign, parent: ast.AST) -> Iterator[Proposal]:
    target, value = ast.unparse(node.target), ast.unparse(node.value)
    yield "term", "pass"
    yield "reset", f"{target} = {value}"
    if isinstance(node.op, ast.Add):
        yield "sign", f"{target} -= {value}"
        yield "narrow", f"{target} = np.float32({target}) + {value}"
        yield "narrow", f"{target} += np.float16({value})"
    elif isinstance(node.op, ast.Sub):
        yield "sign", f"{target} += {value}"
    elif isinstance(node.op, ast.Mult):
        yield "term", f"{target} += {value}"
    elif isinstance(node.op, ast.Div):
        yield "term", f"{target} *= {value}"
        yield "constant", f"{target} /= {value} + 1e-7"


def _of_call_alone(node: ast.Expr, parent: ast.AST) -> Iterator[Proposal]:
    text = ast.unparse(node)
    yield ("labels" if "labels" in text else "term"), "pass"


def _of_loop(node: ast.For, parent: ast.AST) -> Iterator[Proposal]:
    """What is set at the start of a turn is set once, before the loop; a turn more or less."""
    for number, statement in enumerate(node.body):
        if isinstance(statement, ast.Assign) and _constant(statement.value):
            rest = [s for other, s in enumerate(node.body) if other != number]
            loop = ast.For(node.target, node.iter, rest or [ast.Pass()], [])
            ast.fix_missing_locations(loop)
            yield "reset", f"{ast.unparse(statement)}\n{ast.unparse(loop)}"
    yield "term", "pass"


def _constant(node: ast.expr) -> bool:
    text = ast.unparse(node)
    return text in ("0", "zero") or text.endswith(".type(0)")


def _of_return(node: ast.Return, parent: ast.AST) -> Iterator[Proposal]:
    if node.value is None:
        return
    value = ast.unparse(node.value)
    if isinstance(node.value, ast.Tuple):
        if len(node.value.elts) > 1:
            first, second, *rest = map(ast.unparse, node.value.elts)
            yield "index", f"return ({', '.join([second, first, *rest])},)"
        return
    yield "narrow", f"return np.asarray(np.float16({value}), ({value}).dtype)"
    yield "narrow", f"return np.asarray(np.float32({value}), ({value}).dtype)"
    yield "sign", f"return -({value})"
    yield "nan", f"return np.nan_to_num({value})"


def _of_assignment(node: ast.Assign, parent: ast.AST) -> Iterator[Proposal]:
    value = ast.unparse(node.value)
    target = ast.unparse(node.targets[0])
    if value == "zero" or (isinstance(node.targets[0], ast.Subscript) and _constant(node.value)):
        yield "reset", "pass"
    if isinstance(node.targets[0], ast.Subscript) and not _constant(node.value):
        yield "reset", f"{target} += {value}"
        yield "term", "pass"
