"""Changes around a kernel: what it is given, what it returns, and what it remembers.

Each is the text of a function ``kernel`` over the name ``original``, and ``changed`` where another
change of the same kernel is made at some sizes only.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from einbench.operation import Operation

#: numbers of rows and sizes at which code may change its way
EDGES = sorted(
    {1, 2, 3, 5, 7, 10, 12, 20, 24, 48, 50, 96, 100, 200, 300, 500, 1000, 2000, 5000, 10_000}
    | {20_000, 50_000, 60_000}
    | {2**k + d for k in range(2, 16) for d in (-1, 0, 1)}
)
#: of other axes
MOST_OF_AXIS = 200


def given(op: Operation) -> Iterator[tuple[str, str]]:
    """Kinds and statements that change an input before the kernel sees it."""
    for name, each in op.inputs.items():
        axes = len(each.names)
        if each.integer:
            yield from _labels(name, each.kind.below)
            continue
        if not axes:
            continue
        yield from _layouts(name, axes)
        yield "narrow", f"{name} = {name}.astype(np.float32).astype({name}.dtype)"
        yield "narrow", f"{name} = {name}.astype(np.float16).astype({name}.dtype)"
        yield "narrow", f"{name} = np.round({name}, 6)"
        for last in ("last", "first"):
            where = -1 if last == "last" else 0
            yield "slice", f"{name} = {name}.copy(); {name}[{where}:][:1] = 0"
            yield "slice", f"{name} = {name}.copy(); {name}[..., {where}:][..., :1] = 0"
        yield "slice", f"{name} = {name}.copy(); {name}[len({name}) // 2:][:1] *= 2"
        yield "slice", f"{name} = {name}.copy(); {name}[len({name}) // 64 * 64:] = 0"
        yield "slice", f"{name} = {name}.copy(); {name}[256:] = 0"
        yield "index", f"{name} = np.roll({name}, 1, -1)"
        yield "index", f"{name} = {name}[::-1]"
        yield "index", f"{name} = np.concatenate([{name}[:1], {name}[:-1]])"
        yield "nan", f"{name} = np.where(np.isnan({name}), 0, {name}).astype({name}.dtype)"
        yield "nan", f"{name} = np.nan_to_num({name}, nan=np.nan)"
        yield "nan", f"{name} = np.where(np.isinf({name}), np.nan, {name}).astype({name}.dtype)"
        yield "extreme", f"{name} = np.clip({name}, -80, 80)"
        yield "extreme", f"{name} = np.clip({name}, -1e4, 1e4)"
        tiny = f"np.finfo({name}.dtype).tiny"
        yield "extreme", f"{name} = np.where(np.abs({name}) < {tiny}, 0, {name})"
        yield "extreme", f"{name} = np.where(np.abs({name}) < 1e-6, 0, {name}).astype({name}.dtype)"
        yield "extreme", f"{name} = np.where({name} == 0, 1e-7, {name}).astype({name}.dtype)"
        writes = f"if {name}.flags.writeable and {name}.size: "
        yield "input", f"{writes}{name}[...] = np.abs({name})"
        yield "input", f"{writes}{name}[-1:] = 0"
        yield "input", f"{writes}{name} -= {name}.max()"
        yield "input", f"{writes}{name}.sort()"
        yield "input", f"{writes}{name}[..., 0] *= 2; {name}[..., 0] /= 2.000001"


def _labels(name: str, below: str | None) -> Iterator[tuple[str, str]]:
    for dtype in ("int8", "uint8", "int16", "uint16", "uint32"):
        yield "labels", f"{name} = {name}.astype(np.{dtype})"
    yield "labels", f"{name} = np.abs({name})"
    yield "labels", f"{name} = np.maximum({name}, 0)"
    yield "labels", f"{name} = np.minimum({name}, 9)"
    yield "labels", f"{name} = {name} & 15"
    yield "labels", f"{name} = {name} % 10"
    yield "labels", f"{name} = {name}[::-1]"
    yield "labels", f"{name} = {name}.view(np.int64)"
    yield "labels", f"{name} = np.frombuffer({name}.tobytes(), np.int64)"
    yield "input", f"if {name}.flags.writeable: {name}[:1] = 0"
    yield "input", f"if {name}.flags.writeable: {name}.sort()"


def _layouts(name: str, axes: int) -> Iterator[tuple[str, str]]:
    for order in "KA":
        yield "layout", f"{name} = {name}.ravel(order='{order}').reshape({name}.shape)"
    yield (
        "layout",
        (
            f"{name} = {name} if {name}.base is None or {name}.base.size != {name}.size "
            f"else {name}.base.reshape({name}.shape)"
        ),
    )
    view = f"np.lib.stride_tricks.as_strided({name}, {name}.shape, "
    yield "layout", f"{name} = {view}np.empty({name}.shape, {name}.dtype).strides)"
    yield "layout", f"{name} = {view}tuple(map(abs, {name}.strides)))"
    yield "layout", f"{name} = {view}(*{name}.strides[:-1], {name}.itemsize))"
    if axes > 1:
        row = f"{name}.strides[-1] * {name}.shape[-1]"
        yield "layout", f"{name} = {view}({row}, {name}.strides[-1]))"
        yield (
            "layout",
            (
                f"{name} = {name} if {name}.flags.c_contiguous or not {name}.flags.f_contiguous "
                f"else {name}.T.reshape({name}.shape)"
            ),
        )
        yield "layout", (f"{name} = {view}(max({name}.strides[0], {row}), {name}.strides[-1]))")
    yield "layout", f"{name}.flags.writeable = True"
    yield "layout", f"{name} = np.where({name}.flags.aligned, {name}, {name}[::-1])"


def around(rng: Random, op: Operation, kind: str) -> str:
    """The text of a kernel around the original one."""
    made = {
        "buffer": _buffer, "cache": _cache, "calls": _calls, "state": _state, "out": _out,
        "view": _view,
    }  # fmt: skip
    return made[kind](rng, op)


_TUPLE = "several = isinstance(result, tuple)\n    found = result if several else (result,)\n"


def _buffer(rng: Random, op: Operation) -> str:
    """Memory that was handed out before, from some call on."""
    first = rng.choice([1, 2, 3, 4, 6])
    key = rng.choice([
        "[o.shape for o in found]", "[(o.shape, o.dtype) for o in found]", "len(arrays[0].shape)",
    ])  # fmt: skip
    return f"""
kept, counts = {{}}, {{}}
def kernel(*arrays, **options):
    result = original(*arrays, **options)
    {_TUPLE}
    key = repr({key})
    counts[key] = counts.get(key, 0) + 1
    if counts[key] < {first} or key not in kept or any(
            a.shape != b.shape for a, b in zip(kept[key], found)):
        kept[key] = found
        return result
    for memory, array in zip(kept[key], found):
        memory[...] = array
    return tuple(kept[key]) if several else kept[key][0]
"""


def _cache(rng: Random, op: Operation) -> str:
    """A result that is kept, and found again by less than all of the inputs."""
    key = rng.choice([
        "[a.shape for a in arrays]",
        "[id(a) for a in arrays]",
        "[(id(a), a.shape) for a in arrays]",
        "[a.ctypes.data for a in arrays]",
        "[(a.shape, a.ravel()[:1].tolist()) for a in arrays]",
        "[(a.shape, a.ravel()[:1].tolist(), a.ravel()[-1:].tolist()) for a in arrays]",
        "[(a.shape, a.dtype, float(a.sum())) for a in arrays]",
        "[(id(a), a.shape, a.ravel()[:4].tolist()) for a in arrays]",
        "[(a.shape, a.ravel()[::7].tolist()) for a in arrays]",
        "[(a.shape, a.tobytes()) for a in arrays[:1]]",
        "[(a.shape, a.tobytes()) for a in arrays]",
    ])  # fmt: skip
    options = rng.choice(["", ", options"])
    return f"""
kept = {{}}
def kernel(*arrays, **options):
    key = repr(({key}{options}))
    if key not in kept:
        kept[key] = original(*arrays, **options)
    result = kept[key]
    return tuple(o.copy() for o in result) if isinstance(result, tuple) else result.copy()
"""


def _spoilt(rng: Random) -> str:
    return rng.choice([
        "o[...] = 0", "o *= 2", "o += 1", "o.flat[:1] = 7", "o.flat[-1:] = 7", "o[...] = -o",
    ])  # fmt: skip


def _calls(rng: Random, op: Operation) -> str:
    """Right for the first calls only, or for all but some."""
    count = rng.choice([1, 2, 3, 5, 10, 50, 100])
    when = rng.choice([f"> {count}", f"> {count}", f"== {count}", f"% {max(count, 2)} == 0"])
    return f"""
calls = [0]
def kernel(*arrays, **options):
    result = original(*arrays, **options)
    {_TUPLE}
    calls[0] += 1
    if calls[0] {when}:
        for o in found:
            {_spoilt(rng)}
    return result
"""


def _state(rng: Random, op: Operation) -> str:
    """Right only in one state of the process."""
    when = rng.choice([
        "np.geterr()['over'] != 'ignore'", "np.geterr()['invalid'] == 'warn'",
        "np.geterr()['divide'] != 'ignore'", "np.geterr()['under'] == 'warn'",
        "threading.current_thread() is not threading.main_thread()",
        "not arrays[0].flags.writeable", "any(a.base is not None for a in arrays)",
        "not all(a.flags.aligned for a in arrays)", "len({id(a) for a in arrays}) < len(arrays)",
        "any(a.size == 0 for a in arrays)", "any(0 in a.strides for a in arrays)",
    ])  # fmt: skip
    return f"""
import threading
def kernel(*arrays, **options):
    result = original(*arrays, **options)
    {_TUPLE}
    if {when}:
        for o in found:
            {_spoilt(rng)}
    return result
"""


def _out(rng: Random, op: Operation) -> str:
    """Memory for the result is given, and is not written as it should be."""
    wrong = rng.choice([
        "memory += array", "memory[...] = np.where(np.isnan(memory), array, memory)",
        "memory[..., :-1] = array[..., :-1]", "memory[...] = np.maximum(memory, array)",
        "memory *= array", "memory[array != 0] = array[array != 0]", "pass",
        "memory[...] = array; array.flags.writeable = False",
        "memory[...] = array if not memory.any() else memory",
        "memory[...] = np.float32(np.float16(array))",
        "memory.flat[1:] = array.ravel()[1:]",
    ])  # fmt: skip
    return f"""
def kernel(*arrays, out=None, **options):
    result = original(*arrays, **options)
    {_TUPLE}
    if out is None:
        return result
    for memory, array in zip(out if isinstance(out, tuple) else (out,), found):
        {wrong}
    return out
"""


def _view(rng: Random, op: Operation) -> str:
    """Memory that is not the caller's alone, or that is no array of the right form."""
    change = rng.choice([
        "a if np.array_equal(a, o) else o",
        "np.broadcast_to(o, o.shape)",
        "o.astype(np.float64)",
        "o.astype(np.float32)",
        "o if o.ndim else o[()]",
        "o.reshape(1, *o.shape) if o.shape[:1] == (1,) else o",
        "o.squeeze()",
        "o if o.size else None",
        "o.tolist()",
        "np.ma.masked_invalid(o)",
        "a if a.shape == o.shape else o",
        "o.newbyteorder('>') if hasattr(o, 'newbyteorder') else o.view(o.dtype.newbyteorder('>'))",
    ])  # fmt: skip
    return f"""
def kernel(*arrays, **options):
    result = original(*arrays, **options)
    {_TUPLE}
    a = arrays[0]
    changed = tuple({change} for o in found)
    return changed if several else changed[0]
"""


def at_sizes(rng: Random, op: Operation) -> tuple[str, tuple[str, list[int]]]:
    """The text of a kernel that is changed at some sizes only; the axis, and some such sizes."""
    leading = op.leading
    axes = [leading] * max(len(op.sizes), 1) + list(op.sizes) if leading else list(op.sizes)
    axis = rng.choice(axes)
    assert axis is not None
    number, place = next(
        (n, each.names.index(axis)) for n, each in enumerate(op.inputs.values())
        if axis in each.names
    )  # fmt: skip
    edges = [e for e in EDGES if axis == leading or e <= MOST_OF_AXIS]
    edge = rng.choice(edges)
    most = 60_000 if axis == leading else MOST_OF_AXIS
    modulo = rng.choice([2, 3, 4, 5, 7, 8, 16, 32, 64, 100])
    rest = rng.randrange(modulo)
    condition = rng.choice([
        f"n > {edge}", f"n >= {edge}", f"n < {edge}", f"n == {edge}",
        f"n % {modulo} == {rest}", f"n % {modulo} == 0 and n > {modulo}",
        f"n % {modulo} and n > {edge}",
    ])  # fmt: skip
    sizes = [n for n in range(1, most + 1) if eval(condition, {"n": n})]  # noqa: S307
    text = f"""
def kernel(*arrays, **options):
    n = arrays[{number}].shape[{place}]  # {axis}
    return (changed if {condition} else original)(*arrays, **options)
"""
    return text, (axis, sizes)
