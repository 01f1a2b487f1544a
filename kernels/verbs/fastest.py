"""fastest(): the fastest checked kernel for the caller's own arrays, as something to call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from einbench.arguments import check_out
from einbench.choose import environment, policy
from einbench.choose.book import RIGORS
from einbench.choose.deciding import decide
from einbench.choose.decision import Decision
from einbench.choose.serving import serve
from einbench.chunked import any_chunked, cluster, refuse_out
from einbench.contexts import check_context
from einbench.kernel import Kernel
from einbench.lookup import Dispatch, key_into, key_of, look_up
from einbench.names import unknown
from einbench.numeric import check_budget
from einbench.operation import Operation
from einbench.record import Record
from einbench.registry import operation

if TYPE_CHECKING:
    from einbench.choose.telling import Progress


@dataclass(frozen=True)
class Choice:
    """The fastest kernel that passed the check; call it, or print it to see why."""

    kernel: Kernel
    #: the evidence for the choice: memory, a measurement or an estimate
    decision: Decision

    def __call__(self, *arrays: Any, **named: Any) -> Any:
        """Call the chosen kernel; shapes and dtypes are checked as for any kernel.

        That is done once for arrays of a kind: the next call with such arrays is a look-up, as it
        is of `einbench.auto`.
        """
        try:
            return self._look_up(*arrays, **named)
        except TypeError as problem:
            trace = problem.__traceback__
            if trace is None or trace.tb_next is not None:
                raise
        # Python refused the arguments before anything was run: the kernel says what is wrong
        return self.kernel(*arrays, **named)

    @cached_property
    def _look_up(self) -> Callable[..., Any]:
        dispatch = Dispatch()
        return look_up(
            self.kernel.operation, dispatch, partial(_check_and_call, self.decision, dispatch),
            partial(_check_and_write, self.decision, dispatch),
        )  # fmt: skip

    @property
    def origin(self) -> str:
        """``measured``, ``remembered``, ``interpolated``, ``estimated`` or ``default``."""
        return self.decision.origin

    @cached_property
    def records(self) -> list[Record]:
        """A record for every kernel of the operation, the ones left out with their reason."""
        from einbench.choose.evidence import records

        return records(self.decision)

    def __getstate__(self) -> dict[str, Any]:
        """Kernel and evidence: what calls looked up is looked up anew."""
        return {"kernel": self.kernel, "decision": self.decision}

    def __repr__(self) -> str:
        """In a line; `print` has the candidates, and a notebook shows them."""
        return f"<Choice {self.decision!r}; print it for the candidates>"

    def plot(self) -> Any:
        """Times of the candidates as bars: Altair's chart, which a notebook shows.

        Raises:
            ValueError: no candidate has a time, measured or predicted.
            ImportError: Altair or vl-convert is not installed; the message says how to get it.
        """
        from einbench.page.plots import as_chart, choice_spec
        from einbench.report.choice import explained_choice

        title = explained_choice(self.decision, self.records).verdict
        return as_chart(choice_spec(self.records, title))

    def _repr_html_(self) -> str:
        from einbench.report.notebook import choice_html

        return choice_html(self.decision, self.records)

    def __str__(self) -> str:
        from einbench.report.choice import explain_choice

        return explain_choice(self.decision, self.records)


def _check_and_call(
    decision: Decision, dispatch: Dispatch, arrays: tuple[Any, ...], options: Mapping[str, Any]
) -> Any:
    """A call with arrays of a new kind, or with something else than NumPy arrays."""
    kernel = decision.kernel
    if not kernel.available:
        return kernel(*arrays, **options)
    op = kernel.operation
    if any_chunked(arrays):
        return cluster("calls").call(op, arrays, options, kernel)
    bound = op.bind(*arrays, **options)
    key = key_of(op, bound.arrays, bound.options)
    first: list[Any] = []

    def begin(kernel: Kernel) -> Callable[..., Any]:
        call = kernel.entry(bound.arrays, bound.options)
        first[:] = [call(*bound.arrays)]
        return call

    call = dispatch.find(key, bound.arrays[0].shape, lambda: serve(decision, begin)[1])
    return op.named(first[0] if first else call(*bound.arrays))


def _check_and_write(
    decision: Decision, dispatch: Dispatch, arrays: tuple[Any, ...], options: Mapping[str, Any],
    out: Any,
) -> Any:  # fmt: skip
    """A call with memory of a new kind for its result, or with memory that is refused."""
    if not decision.kernel.available:
        return decision.kernel(*arrays, **options, out=out)
    op = decision.kernel.operation
    if any_chunked((*arrays, out)):
        refuse_out(op.name)
    bound = op.bind(*arrays, **options)
    memory = check_out(op, bound, out)

    def begin(kernel: Kernel) -> Callable[..., Any]:
        call = kernel.entry(bound.arrays, bound.options, memory)
        call(*bound.arrays, memory)
        return call

    key = key_into(op, bound.arrays, bound.options, out)
    if key[0] in dispatch.decided:
        dispatch.decided[key[0]](*bound.arrays, memory)
    else:
        dispatch.find(*key, lambda: serve(decision, begin)[1])
    return op.named(out) if isinstance(memory, tuple) else out


def fastest(
    op_or_name: Operation | str,
    *inputs: Any,
    rigor: str = "measure",
    threads: int | None = None,
    budget_s: float | None = None,
    again: bool = False,
    context: str | None = None,
    choice: str | None = None,
    progress: Progress | None = None,
    **named: Any,
) -> Choice:
    """argmin over kernels that passed the check of what calls take, on these very inputs.

    That is the geometric mean of three medians: of calls alone, after a matrix product of NumPy's
    that takes about as long, and after 2 ms of sleep; or one of them, as ``context`` says.

    Timed is what the choice calls with such arrays once it has looked at them, as `einbench.auto`
    does; `einbench.compare` times what a kernel's users call, which takes some microseconds more.

    Within 2 % it is a tie, and the simplest wins. What was measured is remembered on disk, and
    serves equal signatures, and sizes between remembered ones whose winners agree.

    Args:
        op_or_name: an operation or its name.
        inputs: its arrays by position; by name and with options in ``named``. Of dask arrays the
            choice is made for one block, drawn at random, on one thread.
        rigor: ``estimate`` times nothing and guesses from what is remembered; ``measure``
            times kernels for 0.3 s or three calls of the winner, whichever is longer, compilation
            and checking apart; ``patient`` for 5 s or a hundred. A remembered choice serves
            requests of its own rigor and lower ones.
        threads: of BLAS and numba while timing, and part of the key; None leaves both as they
            are, which is what calls made after this will find.
        budget_s: seconds of timing in place of what rigor says.
        again: measure whatever is remembered.
        context: ``program``, the mean of all three, or ``alone``, ``after_blas``, ``after_pause``;
            part of the key. None takes what `einbench.choosing` says, by default ``program``.
        choice: ``on``; ``frozen`` answers from memory alone; ``off`` takes a default kernel
            (`einbench.choose.default`), as ``frozen`` does for what is not remembered. Both time
            and write nothing. None takes what `einbench.choosing` or ``EINBENCH_CHOICE`` says.
        progress: called while kernels are checked and timed, with the part done, between 0 and 1,
            and what is being done.
        named: arrays by name, and options of the operation.

    Raises:
        TypeError: an argument is missing, unknown or of a wrong dtype.
        ValueError: shapes do not fit, something unknown is requested, or no kernel is left.
    """
    if rigor not in RIGORS:
        raise ValueError(unknown("rigor", rigor, RIGORS))
    budget_s = None if budget_s is None else check_budget(budget_s)
    if context is not None:
        check_context(context)
    if choice is not None:
        policy.check_choice(choice)
    op = operation(op_or_name)
    if any_chunked((*inputs, *named.values())):
        # tasks have one thread each
        bound, threads = cluster("calls").block_of(op, inputs, named), threads or 1
    else:
        bound = op.bind(*inputs, **named)
    with environment.limited(threads):
        now = environment.threads()
        decision = decide(
            op, bound, now, rigor, budget_s=budget_s, again=again, context=context,
            choice=choice, progress=progress,
        )  # fmt: skip
    return Choice(decision.kernel, decision)
