"""Whether an error is one that the operation allows, where a file has the error but no limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from einbench.records.columns import count, number, text


def beyond(facts: Mapping[str, Any]) -> str:
    """The reason to reject, empty where there is none or nothing is known of the operation.

    The limit is the operation's own at its usual sizes, the wider of the two it may have.
    """
    from einbench.registry import operations

    op = operations.get(str(text(facts.get("operation"))))
    units = number(facts.get("error"))
    if op is None or units is None:
        return ""
    known = {axis: n for axis, n in (facts.get("sizes") or {}).items() if n}
    sizes = {**op.sizes, **known}
    if op.leading is not None:
        sizes[op.leading] = count(facts.get("batch")) or 1
    terms = max(float(op.terms(sizes)), 1.0)
    limit = max(op.limit(terms), op.tied_limit(terms))
    return f"its error is beyond {limit:.3g}, the operation's limit" if units > limit else ""
