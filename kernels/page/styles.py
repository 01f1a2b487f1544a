"""One colour, dash and shape for each kernel, on every chart of a page the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from einbench.report.vega import looks

_GREY = "#8A8A8A"


class Styles:
    """Of kernels by name: those that most operations have first, then others as they came."""

    def __init__(self, kernels: Iterable[str]) -> None:
        from einbench.registry import operations

        asked = list(dict.fromkeys(kernels))
        common = Counter(kernel.method for op in operations.values() for kernel in op)
        known = [name for name, _ in common.most_common()]
        # the same on every page, whatever else is on it
        order = [*known, *(name for name in asked if name not in common)]
        self._places = {name: number for number, name in enumerate(order) if name in asked}
        self.kernels = list(self._places)

    def lists(self, among: Iterable[str] | None = None) -> dict[str, list[Any]]:
        """What goes into charts, each as long as ``kernels``; of some of them, where given."""
        there = set(self.kernels if among is None else among)
        chosen = [name for name in self.kernels if name in there]
        each = [looks(self._places[name]) for name in chosen]
        return {
            "kernels": chosen,
            "colours": [colour for colour, _, _ in each],
            "dashes": [list(dashes) for _, dashes, _ in each],
            "shapes": [shape for _, _, shape in each],
        }

    def colour(self, kernel: str) -> str:
        """Of a kernel; grey for one that is not there."""
        return looks(self._places[kernel])[0] if kernel in self._places else _GREY


def ink(colour: str) -> str:
    """Black or white, whichever has more contrast on it (WCAG's relative luminance)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#000000" if (light + 0.05) ** 2 > 0.05 * 1.05 else "#ffffff"
