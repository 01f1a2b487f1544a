"""Python source of nested loops, made of generated names only: run as it is, or compiled.

Sums are kept in local variables where the innermost index is summed, and in the row of the result
where it is not. Loops are shared out between threads by the outermost free index; a result without
one is summed in pieces, as many whatever the number of threads, so that the same inputs give the
same bits.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence

from einbench.einsum.nest import Laid, Nest

#: pieces that sums without a free index are split into
_PIECES = 64
#: elements that a piece of a row has at least
_LEAST = 256
#: a first loop of fewer rounds is joined with the second for threads to share
_FEW_ROUNDS = 16


class Writer:
    """Writes the loops of one nest."""

    def __init__(self, nest: Nest, kind: str, *, parallel: bool) -> None:
        self._nest = nest
        self._kind = kind
        self._parallel = parallel
        self._lines: list[str] = []
        self._depth = 1
        #: the line of the loop that threads share, its variable and how many rounds it has
        self._shared: tuple[int, str, str] | None = None
        #: operands without axes, which numba does not share between threads as arrays
        self._scalars = {f"t{n}" for n, laid in enumerate(nest.operands) if not laid.indices}
        inside = set(nest.out.indices)
        self._kept = [i for i in nest.unrolled if i in inside]
        self._added = [i for i in nest.unrolled if i not in inside]

    def text(self) -> str:
        """The function ``loops(a0, ..., out)``."""
        nest = self._nest
        names = [f"a{n}" for n in range(len(nest.operands))]
        self._lines = [f"def loops({', '.join([*names, 'out'])}):"]
        looped = [*nest.free, *nest.summed, *([] if nest.innermost is None else [nest.innermost])]
        for index in looped:
            self._say(f"n{index} = {self._length(index)}")
        for name in sorted(self._scalars):
            self._say(f"{name} = {name.replace('t', 'a')}[()]")
        inner_free = nest.innermost in nest.out.indices
        if nest.adds_rows:
            self._rows()
        elif nest.free or inner_free:
            free = (*nest.free, nest.innermost) if inner_free else nest.free
            assert None not in free  # noqa: S101 - the innermost is in the result
            self._sums([i for i in free if i is not None])
        else:
            self._pieces()
        return "\n".join(self._lines) + "\n"

    def in_pieces(self) -> str:
        """As `text`, the loop that threads share given to ``share_out``; empty without one.

        It is a function of its own, ``piece(first, count, a0, ..., out)``, of some rounds.
        """
        lines = self.text().splitlines()
        if self._shared is None:
            return ""
        begin, name, count = self._shared
        after = range(begin + 1, len(lines))
        end = next((n for n in after if not lines[n].startswith(" " * 8)), len(lines))
        # what all pieces write to is made once
        made = [line for line in lines[1:begin] if line.startswith("    parts = ")]
        names = [f"a{n}" for n in range(len(self._nest.operands))]
        given = ", ".join([*names, "out", *(["parts"] if made else [])])
        unsigned = "np.uint64(first), np.uint64(first + count)"
        piece = [
            f"def piece(first, count, {given}):",
            *(line for line in lines[1:begin] if line not in made),
            # unsigned where it is an index: see `_piece`
            f"    for {name} in range({'first, first + count' if name == 'p' else unsigned}):",
            *lines[begin + 1 : end],
        ]
        whole = [*lines[:begin], f"    share_out({count}, 0, {given})"]
        return "\n".join([*piece, *whole, *lines[end:]]) + "\n"

    def _say(self, line: str) -> None:
        self._lines.append("    " * self._depth + line)

    def _length(self, index: int) -> str:
        for n, laid in enumerate(self._nest.operands):
            if index in laid.indices:
                return f"a{n}.shape[{laid.indices.index(index)}]"
        return f"out.shape[{self._nest.out.indices.index(index)}]"

    def _open(self, indices: Sequence[int], *, shared: bool = False) -> None:
        """Loops over these indices; the first of them, or two, shared out between threads."""
        rest = list(indices)
        if shared and self._parallel and rest:
            first = rest.pop(0)
            if rest and self._nest.sizes[first] < _FEW_ROUNDS:
                second = rest.pop(0)
                self._for("p", f"n{first} * n{second}", "prange")
                self._say(f"i{first} = p // n{second}")
                self._say(f"i{second} = p % n{second}")
            else:
                self._for(f"i{first}", f"n{first}", "prange")
        for index in rest:
            self._for(f"i{index}", f"n{index}")

    def _for(self, name: str, count: str, over: str = "range") -> None:
        if over == "prange":
            self._shared = len(self._lines), name, count
        self._say(f"for {name} in {over}({count}):")
        self._depth += 1

    def _sums(self, free: list[int]) -> None:
        """Every sum in a local variable, written to the result at its end."""
        nest = self._nest
        innermost = nest.innermost
        summed = [*nest.summed]
        hoisted: set[str] = set()
        if innermost is not None and innermost not in nest.out.indices:
            summed.append(innermost)
            self._open(free, shared=True)
            self._zeros()
            depth = self._depth
            self._open(summed[:-1])
            hoisted = self._hoist(innermost)
            self._open(summed[-1:])
            self._add(hoisted, first=False)
            self._depth = depth
        else:
            outer, last = free[:-1], free[-1]
            self._open(outer, shared=True)
            if outer or not self._parallel:
                hoisted = self._hoist(last)
            self._open([last], shared=not outer)
            if nest.steps:
                self._factors(hoisted)
            else:
                self._add(hoisted, first=True)
        for combination in self._combinations(self._kept):
            self._say(f"{self._at('out', nest.out, combination)} = {_sum(combination)}")

    def _rows(self) -> None:
        """The innermost index is free: rows of the result are zeroed and added up in memory."""
        nest = self._nest
        innermost = nest.innermost
        assert innermost is not None  # noqa: S101 - or nothing would be added in rows
        bounds = f"n{innermost}"
        if nest.free:
            self._open(nest.free, shared=True)
        elif self._parallel:
            self._say(f"pieces = max(1, min({_PIECES}, n{innermost} // {_LEAST}))")
            self._for("p", "pieces", "prange")
            bounds = self._piece(innermost, "pieces")
        depth = self._depth
        self._for(f"i{innermost}", bounds)
        for combination in self._combinations(self._kept):
            self._say(f"{self._at('out', nest.out, combination)} = zero")
        self._depth = depth
        self._open(nest.summed)
        hoisted = self._hoist(innermost)
        self._for(f"i{innermost}", bounds)
        for kept in self._combinations(self._kept):
            target = self._at("out", nest.out, kept)
            for added in self._combinations(self._added):
                self._say(f"{target} = {self._plus(target, self._product(kept | added, hoisted))}")

    def _piece(self, index: int, pieces: str = str(_PIECES)) -> str:
        # unsigned: an index that could be negative is checked for it, and keeps loops from vectors
        return ", ".join(f"np.uint64(n{index} * {q} // {pieces})" for q in ("p", "(p + 1)"))

    def _pieces(self) -> None:
        """No free index has a loop: partial sums, in a fixed number of pieces."""
        nest = self._nest
        summed = [*nest.summed, *([] if nest.innermost is None else [nest.innermost])]
        combinations = list(self._combinations(self._kept))
        pieces = self._parallel and bool(summed)
        if pieces:
            self._say(f"parts = np.zeros(({_PIECES}, {len(combinations)}), out.dtype)")
            self._for("p", str(_PIECES), "prange")
        self._zeros()
        depth = self._depth
        for number, index in enumerate(summed):
            hoisted = self._hoist(index) if number == len(summed) - 1 else set()
            self._for(f"i{index}", self._piece(index) if pieces and not number else f"n{index}")
        self._add(hoisted if summed else set(), first=False)
        self._depth = depth
        if pieces:
            for column, combination in enumerate(combinations):
                self._say(f"parts[p, {column}] = {_sum(combination)}")
            self._depth = 1
            self._zeros()
            self._for("p", str(_PIECES))
            for column, combination in enumerate(combinations):
                total = self._plus(_sum(combination), f"parts[p, {column}]")
                self._say(f"{_sum(combination)} = {total}")
            self._depth = 1
        for combination in combinations:
            self._say(f"{self._at('out', nest.out, combination)} = {_sum(combination)}")

    def _zeros(self) -> None:
        for combination in self._combinations(self._kept):
            self._say(f"{_sum(combination)} = zero")

    def _add(self, hoisted: set[str], *, first: bool) -> None:
        """One round of every sum; the first assigns, where no loop adds further ones."""
        for kept in self._combinations(self._kept):
            name, fresh = _sum(kept), first
            for added in self._combinations(self._added):
                product = self._product(kept | added, hoisted)
                self._say(f"{name} = {product if fresh else self._plus(name, product)}")
                fresh = False

    def _factors(self, hoisted: set[str]) -> None:
        """Every sum, operands taken two at a time; what is in between has names of its own."""
        nest = self._nest
        for n, laid in enumerate(nest.operands):
            if laid.indices and not any(name.split("_")[0] == f"t{n}" for name in hoisted):
                self._load(n, laid)
        names: list[Callable[[dict[int, int]], str]]
        names = [functools.partial(_local, n, laid) for n, laid in enumerate(nest.operands)]
        for number, step in enumerate(nest.steps):
            last = number == len(nest.steps) - 1
            kept = self._kept if last else step.indices
            name = _sum if last else functools.partial(_between, number, kept)
            for combination in self._combinations(kept):
                total = ""
                for added in self._combinations(step.summed):
                    every = combination | added
                    product = self._times([names[n](every) for n in (step.first, step.second)])
                    total = self._plus(total, product) if total else product
                self._say(f"{name(combination)} = {total}")
            names.append(name)

    def _hoist(self, innermost: int) -> set[str]:
        """Elements that the innermost loop does not change, in local variables before it."""
        names: set[str] = set()
        for n, laid in enumerate(self._nest.operands):
            if innermost not in laid.indices and laid.indices:
                names |= self._load(n, laid)
        return names

    def _load(self, n: int, laid: Laid) -> set[str]:
        """Every element of an operand in the present round, in a local variable."""
        names = set()
        for combination in self._combinations(
            [i for i in laid.indices if i in self._nest.unrolled]
        ):
            name = _local(n, laid, combination)
            self._say(f"{name} = {self._at(f'a{n}', laid, combination)}")
            names.add(name)
        return names

    def _combinations(self, indices: Sequence[int]) -> Iterator[dict[int, int]]:
        ranges = (range(self._nest.sizes[i]) for i in indices)
        for values in itertools.product(*ranges):
            yield dict(zip(indices, values, strict=True))

    def _at(self, name: str, laid: Laid, combination: dict[int, int]) -> str:
        where = [str(combination[i]) if i in combination else f"i{i}" for i in laid.indices]
        return f"{name}[{', '.join(where)}]" if where else f"{name}[()]"

    def _product(self, combination: dict[int, int], hoisted: set[str]) -> str:
        factors = []
        for n, laid in enumerate(self._nest.operands):
            name = _local(n, laid, combination)
            factors.append(
                name if name in hoisted | self._scalars else self._at(f"a{n}", laid, combination)
            )
        return self._times(factors)

    def _times(self, factors: Sequence[str]) -> str:
        if self._kind == "b":
            return " & ".join(factors)
        text = factors[0]
        for factor in factors[1:]:
            text = f"{text} * {factor}"
            if self._kind in "iu":  # the widest integer would be slower, and unsigned ones floats
                text = f"T({text})"
        return text

    def _plus(self, total: str, term: str) -> str:
        if self._kind == "b":
            return f"{total} | {term}"
        return f"T({total} + {term})" if self._kind in "iu" else f"{total} + {term}"


def _sum(combination: dict[int, int]) -> str:
    return "_".join(["s", *map(str, combination.values())])


def _between(number: int, indices: Sequence[int], combination: dict[int, int]) -> str:
    return "_".join([f"u{number}", *(str(combination[i]) for i in indices)])


def _local(n: int, laid: Laid, combination: dict[int, int]) -> str:
    return "_".join([f"t{n}", *(str(combination[i]) for i in laid.indices if i in combination)])
