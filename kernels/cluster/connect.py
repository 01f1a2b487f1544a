"""A cluster whose workers can run what is sent to them, or one line that says why it cannot."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pydoc
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from einbench.cluster.worker import in_worker
from einbench.names import shortened

if TYPE_CHECKING:
    from distributed import Client

#: seconds within which a scheduler answers, and a first worker joins
TIMEOUT_S = 10.0
_EVERY_S = 0.1
#: workers whose einbench is this one
_FITTING: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()


def connected(address_or_client: str | Client, timeout_s: float = TIMEOUT_S) -> Client:
    """A client of this cluster, every worker of which has this einbench.

    Args:
        address_or_client: of a scheduler, as ``tcp://10.0.0.1:8786``; or a client, which is
            returned as it is. One that is made here is the caller's to close.
        timeout_s: for an answer, and for a first worker.

    Raises:
        ImportError: dask is not installed.
        OSError: the scheduler does not answer.
        ValueError: the address is none, there is no worker, or one is without this einbench.
    """
    _refuse_without_dask()
    from distributed import Client

    if isinstance(address_or_client, Client):
        _refuse_unusable(address_or_client)
        refuse_unfit(address_or_client, timeout_s)
        return address_or_client
    if not isinstance(address_or_client, str):
        raise TypeError(
            f"expected a scheduler's address or a distributed.Client, not "
            f"{type(address_or_client).__name__}"
        )
    client = _client(address_or_client, timeout_s)
    try:
        refuse_unfit(client, timeout_s)
    except BaseException:
        client.close()
        raise
    return client


def current_client() -> Client | None:
    """The client that computes dask arrays now; None in a task, and where threads compute them."""
    from dask.base import get_scheduler

    found = getattr(get_scheduler(), "__self__", None)
    usable = getattr(found, "status", "") == "running" and not getattr(found, "asynchronous", True)
    return found if usable and not in_worker() else None


@contextlib.contextmanager
def connection(address_or_client: str | Client) -> Iterator[Client]:
    """A client of this cluster for a block; one that was given stays open after it.

    Raises:
        As `connected`.
    """
    client = connected(address_or_client)
    try:
        yield client
    finally:
        if client is not address_or_client:
            client.close()


def refuse_unfit(client: Client, timeout_s: float = TIMEOUT_S) -> None:
    """Raise where there is no worker, or one that is without this einbench; each is asked once.

    Raises:
        ValueError: as said.
    """
    workers = _workers(client, timeout_s)
    fitting = _FITTING.setdefault(client, set())
    new = [address for address in workers if address not in fitting]
    if not new:
        return
    import einbench

    # a function of Python's own: one of this package's would have to be there already
    answers = client.run(pydoc.locate, "einbench.__version__", workers=new, on_error="return")
    # one that died meanwhile is none of those that are there
    found = {a: version for a, version in answers.items() if not isinstance(version, OSError)}
    others = {a: version for a, version in found.items() if version != einbench.__version__}
    if others:
        address, version = next(iter(others.items()))
        wanted = f"expected einbench {einbench.__version__}, as here"
        count = f"{len(others)} of {len(workers)} workers" if len(workers) > 1 else "the worker"
        raise ValueError(
            f"{count} cannot be used: {address} has {_version_text(version)}, {wanted}; install "
            "that in the environment of the workers and start them again"
        )
    fitting.update(found)


def _version_text(found: object) -> str:
    if found is None:
        return "no einbench"
    if isinstance(found, BaseException):
        return f"an einbench that fails ({shortened(' '.join(str(found).split()), 100)})"
    return f"einbench {found}"


def _refuse_without_dask() -> None:
    try:
        import distributed  # noqa: F401 - asked for
    except ImportError as problem:
        raise ImportError(
            f"dask is not installed here ({problem}): pip install 'einbench[dask]'"
        ) from None


def _refuse_unusable(client: Client) -> None:
    if client.asynchronous:
        raise ValueError(
            "an asynchronous client cannot be used here: make one with Client(address)"
        )
    if client.status != "running":
        raise ValueError(f"this client is {client.status}: make another with Client(address)")


def _client(address: str, timeout_s: float) -> Client:
    from distributed import Client

    example = "expected an address as tcp://127.0.0.1:8786, which `dask scheduler` prints"
    if not address.strip():
        raise ValueError(f"no address of a scheduler; {example}")
    try:
        with _quiet():
            kind = _kind_at(address.strip(), timeout_s)
            if kind == "Scheduler":
                return Client(address.strip(), timeout=timeout_s, set_as_default=False)
    except (OSError, TimeoutError) as problem:
        raise OSError(
            f"no scheduler answers at {address} within {timeout_s:g} s; {example}"
        ) from problem
    except (ValueError, ImportError, TypeError) as problem:
        why = shortened(" ".join(str(problem).split()), 120)
        raise ValueError(f"{address} cannot be connected to ({why}); {example}") from problem
    raise ValueError(f"{address} is the address of a {kind.lower()}, not of a scheduler; {example}")


def _kind_at(address: str, timeout_s: float) -> str:
    """``Scheduler``, ``Worker`` or ``Nanny``, as what answers there says.

    distributed's own client (2026.8.0) waits for ever for what accepts a connection and then says
    nothing, whatever its timeout.
    """
    from distributed.core import rpc
    from distributed.security import Security

    async def ask() -> str:
        arguments = Security().get_connection_args("client")
        async with rpc(address, timeout=timeout_s, connection_args=arguments) as other:
            return str((await other.identity())["type"])

    async def ask_in_time() -> str:
        return await asyncio.wait_for(ask(), timeout_s)

    # in a thread: a notebook's own has a running loop
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, ask_in_time()).result()


def _workers(client: Client, timeout_s: float) -> list[str]:
    """Addresses; a scheduler that was started just now gets its first worker soon."""
    end_s = time.monotonic() + timeout_s
    while True:
        if found := sorted(client.nthreads()):
            return found
        if time.monotonic() >= end_s:
            where = client.scheduler.address if client.scheduler else "the scheduler"
            raise ValueError(f"{where} has no workers; start one: dask worker {where}")
        time.sleep(_EVERY_S)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What the attempts say on stderr is said by one error."""
    logger = logging.getLogger("distributed")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
