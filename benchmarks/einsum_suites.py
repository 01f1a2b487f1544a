"""NumPy's, opt_einsum's and cotengra's own tests, with `einbench.einsum` in the place of theirs.

    python benchmarks/einsum_suites.py [numpy] [opt_einsum] [cotengra] [--compiled]

The packages are installed in a temporary folder, from PyPI; NumPy's tests come with the NumPy that
runs. Each suite runs twice: once as it is, where every call of its einsum with distinct expression
and operands is repeated by `einbench.einsum` and by each kernel, and once with `einbench.einsum`
called in place. Printed is how many calls are accepted and agree, how many both refuse, and how
many differ. Choosing is off. With ``--compiled`` loops are compiled as well.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

PINNED = {"opt_einsum": "opt_einsum==3.4.0", "cotengra": "cotengra==0.8.3"}
#: what cotengra imports, and what its tests do
BESIDE = {"opt_einsum": [], "cotengra": ["autoray==0.11.0"]}
SUITES = ("numpy", "opt_einsum", "cotengra")
#: products that NumPy's loops compute at most; beyond, the library itself stands for them
MOST = 200_000
#: products that every kernel computes at most
MOST_FORCED = 20_000
#: keywords of opt_einsum and cotengra that say how, and not what
HOW = frozenset(
    {"optimize", "memory_limit", "use_blas", "backend", "strip_exponent", "implementation",
     "cache_expression", "prefer_einsum", "shapes", "autojit", "via", "sort_contraction_indices"}
)  # fmt: skip


def main(words: list[str]) -> int:
    """Run what was asked for; 1 where something differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=", ".join(SUITES))
    parser.add_argument("--compiled", action="store_true", help="loops too")
    asked = parser.parse_args(words)
    names = asked.suites or list(SUITES)
    if strange := [name for name in names if name not in SUITES]:
        parser.error(f"no suite {strange[0]!r}; expected some of: {', '.join(SUITES)}")
    differ = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            differ += _suite(name, Path(folder), compiled=asked.compiled)
    return 1 if differ else 0


def _suite(name: str, folder: Path, *, compiled: bool) -> int:
    where = _fetched(name, folder)
    told = folder / f"{name}.json"
    recorded = _run(name, folder, where, told, "compiled" if compiled else "recorded")
    found = json.loads(told.read_text())
    replaced = _run(name, folder, where, told, "replaced")
    print(f"{found['version']}: {recorded}; with einbench.einsum in place {replaced}")
    print("  calls  " + ", ".join(f"{n:,} {what}" for what, n in found["calls"].items() if n))
    for kernel, counts in found["kernels"].items():
        print(f"  {kernel:<18}" + ", ".join(f"{n:,} {what}" for what, n in counts.items()))
    for line in found["said"]:
        print(f"  {line}")
    _say_failures("as it is fails", found["failed"])
    _say_failures("in place fails", json.loads(told.read_text())["failed"])
    return len(found["said"])


def _say_failures(how: str, failed: list[list[str]]) -> None:
    """Tests by name, with what the first of each name said."""
    first = dict(reversed(failed))
    for test, count in Counter(test for test, _ in failed).items():
        print(f"  {how} {count} x {test}: {first[test]}")


def _fetched(name: str, folder: Path) -> list[str]:
    """Arguments of pytest that name the tests, installed now."""
    if name == "numpy":
        return ["--pyargs", "numpy._core.tests.test_einsum"]
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run(  # noqa: S603 - pip, of pinned packages
        [*pip, "install", "--no-deps", "--target", str(folder / name), PINNED[name],
         *BESIDE[name]], check=True, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    if name == "opt_einsum":
        return ["--pyargs", "opt_einsum.tests"]
    subprocess.run(  # noqa: S603 - pip, of pinned packages
        [*pip, "download", "--no-deps", "--no-binary", ":all:", "--dest",
         str(folder), PINNED[name]], check=True, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    (source,) = folder.glob("cotengra-*.tar.gz")
    with tarfile.open(source) as archive:
        archive.extractall(folder, filter="data")
    tests = folder / source.name.removesuffix(".tar.gz") / "tests"
    # random equations stand there six times: of each, one seed and one order of indices
    few = ["-k", "not (rand_equation and (666 or root or flops))"]
    return [*few, *(str(tests / f"test_{each}.py") for each in ("compute", "interface"))]


def _run(name: str, folder: Path, where: list[str], told: Path, how: str) -> str:
    """The closing line of the tests."""
    paths = [str(Path(__file__).parent), str(folder / name), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(  # noqa: S603 - pytest
        [sys.executable, "-m", "pytest", "-q", "-p", Path(__file__).stem, "-p",
         "no:cacheprovider", "-p", "no:benchmark", "--tb=no", "-m", "not slow", *where],
        cwd=folder, check=False, capture_output=True, text=True,
        env={
            **os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "EINBENCH_WISDOM": "off",
            "EINSUM_SUITE": name, "EINSUM_SUITE_HOW": how, "EINSUM_SUITE_TOLD": str(told),
        },
    )  # fmt: skip
    lines = done.stdout.strip().splitlines()
    if done.returncode not in (0, 1) or not told.exists():
        print(done.stdout[-2000:], done.stderr[-2000:], file=sys.stderr)
        raise SystemExit(f"the tests of {name} did not run: pytest ended with {done.returncode}")
    return lines[-1].strip("= ").split(" in ")[0]


class Watch:
    """Stands in the place of a library's einsum while its tests run."""

    #: whether any of them is at work: what is called then is no call of a test
    inside = False

    def __init__(self, original: Any, how: str) -> None:
        self._original = original
        self._how = how
        self._seen: set[Any] = set()
        self.calls: Counter[str] = Counter()
        self.kernels: dict[str, Counter[str]] = {}
        self.said: list[str] = []

    def __call__(self, *given: Any, **more: Any) -> Any:
        """As the library is called; calls that it makes of itself are its own."""
        if Watch.inside:
            return self._original(*given, **more)
        Watch.inside = True
        try:
            if self._how == "replaced":
                return self._replaced(given, more)
            self._note(given, more)
            return self._original(*given, **more)
        finally:
            Watch.inside = False

    def _replaced(self, given: tuple[Any, ...], more: dict[str, Any]) -> Any:
        import einbench

        if more.get("strip_exponent"):
            return self._original(*given, **more)
        return einbench.einsum(*given, **{n: v for n, v in more.items() if n not in HOW})

    def _note(self, given: tuple[Any, ...], more: dict[str, Any]) -> None:
        """Compare such a call, unless there was one."""
        import numpy as np
        from einsum_draws import Case, reads_beyond
        from einsum_random import check, every_kernel, forced

        import einbench
        from einbench.einsum.interleaved import as_expression

        keywords = {n: v for n, v in more.items() if n not in HOW}
        try:
            first = given[0] if given else ""
            text, operands = (first, given[1:]) if isinstance(first, str) else as_expression(given)
            arrays = [np.asarray(each) for each in operands]
        except (TypeError, ValueError) as problem:
            self.calls["not read as a call"] += 1
            self.said += self._unread(given, keywords, problem)
            return
        out = keywords.get("out")
        key = (
            text, isinstance(first, str), repr({n: v for n, v in keywords.items() if n != "out"}),
            *((a.shape, a.strides, a.dtype) for a in arrays),
            getattr(out, "strides", None), getattr(out, "dtype", None),
        )  # fmt: skip
        if key in self._seen:
            return
        self._seen.add(key)
        case: Any = Given(text, arrays, {n: v for n, v in keywords.items() if n != "out"})
        case.given, case.result = given, out
        if reads_beyond(case):
            return
        products = _iterations(text, arrays)
        large = products > MOST
        accepted, what = self._large(case) if large else check(case, einbench.einsum)
        self.calls["accepted" if accepted else "refused by both"] += not what or accepted
        self.calls["agree"] += accepted and not what
        if what:
            self.calls["differ"] += 1
            self.said.append(f"{case}: {what}")
        if not accepted or out is not None or products > MOST_FORCED:
            self.calls["too large to force kernels"] += products > MOST_FORCED
            return
        for name, kernel in every_kernel(compiled=self._how == "compiled").items():
            said = forced(Case(text, arrays, case.keywords), kernel)
            counts = self.kernels.setdefault(name, Counter(agree=0))
            counts["computes nothing" if said is None else "differ" if said else "agree"] += 1
            self.said += [f"{name} {case}: {said}"] if said else []

    def _large(self, case: Any) -> tuple[bool, str]:
        """The library itself in place of NumPy's loops, by the path that it finds."""
        import numpy as np

        import einbench

        right = np.asarray(self._original(case.text, *case.operands, optimize="greedy"))
        scale = self._original(case.text, *map(np.abs, case.operands), optimize="greedy")
        found = einbench.einsum(case.text, *case.operands)
        if found.shape != right.shape or found.dtype != right.dtype:
            return True, f"{found.dtype} {found.shape}, expected {right.dtype} {right.shape}"
        if right.dtype.kind not in "fc":
            return True, "" if np.array_equal(found, right) else "values differ"
        within = np.abs(found - right) <= 64 * np.finfo(right.dtype).eps * np.asarray(scale)
        return True, "" if np.all(within) else "values differ"

    def _unread(self, given: Any, keywords: dict[str, Any], problem: Exception) -> list[str]:
        """Where NumPy accepts it all the same."""
        import numpy as np

        try:
            np.einsum(*given, **keywords)
        except (TypeError, ValueError):
            return []
        return [f"einsum{given!r:.80}: NumPy accepts; einbench: {problem}"]


class Given:
    """A call of a test, with what `check` asks of a case."""

    numbered = False
    out = None

    def __init__(self, text: str, operands: list[Any], keywords: dict[str, Any]) -> None:
        self.text, self.operands, self.keywords = text, operands, keywords
        self.given: tuple[Any, ...] = ()
        self.result: Any = None

    def __str__(self) -> str:
        kinds = ", ".join(f"{a.dtype.str}{a.shape}" for a in self.operands)
        return f"{self.text!r} {kinds} {self.keywords}{' out=' * (self.result is not None)}"

    def arguments(self) -> tuple[list[Any], dict[str, Any]]:
        """As the test gave them, with other memory for the result."""
        more = dict(self.keywords)
        if self.result is not None:
            more["out"] = self.result.copy() if hasattr(self.result, "copy") else self.result
        return list(self.given), more


def _iterations(text: str, arrays: list[Any]) -> int:
    """Products that nested loops compute; 0 where the expression is none."""
    from einbench.einsum.language import parse
    from einbench.einsum.shapes import bind

    try:
        return bind(parse(text), [a.shape for a in arrays]).iterations
    except ValueError:
        return 0


def pytest_configure(config: Any) -> None:
    """Put a watch in the place of the suite's einsum, before its tests are imported."""
    import numpy as np

    import einbench  # noqa: F401 - with NumPy's own

    name, how = os.environ["EINSUM_SUITE"], os.environ["EINSUM_SUITE_HOW"]
    config.watches = [np_watch] if (np_watch := _in_place(np, "einsum", how, name)) else []
    if name == "opt_einsum":
        import opt_einsum

        config.watches.append(_in_place(opt_einsum, "contract", how, name))
    if name == "cotengra":
        import cotengra

        config.watches.append(_in_place(cotengra, "einsum", how, name))
    config.pluginmanager.register(Report(config))


def _in_place(module: Any, attribute: str, how: str, name: str) -> Watch | None:
    if how == "replaced" and module.__name__ != name:
        return None  # what they compare with stays NumPy's
    watch = Watch(getattr(module, attribute), how)
    setattr(module, attribute, watch)
    return watch


class Report:
    """Writes down what was seen, and which tests fail."""

    def __init__(self, config: Any) -> None:
        self._config = config
        self._failed: list[tuple[str, str]] = []

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Note a test that fails."""
        if report.failed:
            said = str(report.longrepr.reprcrash.message) if report.longrepr else ""
            test = report.nodeid.rpartition("::")[2].partition("[")[0]
            self._failed.append((test, (said.splitlines() or [""])[0][:160]))

    def pytest_sessionfinish(self) -> None:
        """One file of all."""
        import importlib

        suite = os.environ["EINSUM_SUITE"]
        calls: Counter[str] = Counter(accepted=0, agree=0)
        kernels: dict[str, Counter[str]] = {}
        said: list[str] = []
        for watch in self._config.watches:
            calls += watch.calls
            said += watch.said
            for name, counts in watch.kernels.items():
                kernels[name] = kernels.get(name, Counter()) + counts
        version = f"{suite} {importlib.import_module(suite).__version__}"
        found = {
            "version": version, "calls": calls, "kernels": kernels, "said": said,
            "failed": self._failed,
        }  # fmt: skip
        Path(os.environ["EINSUM_SUITE_TOLD"]).write_text(json.dumps(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
