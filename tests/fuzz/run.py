"""Coverage-guided fuzzing, by atheris, from the committed corpus: `make fuzz SECONDS=600`.

    python -m tests.fuzz.run --seconds 600            every format, one after the other
    python -m tests.fuzz.run --seconds 60 idx asv     these

What was found lies below `.fuzz/FORMAT/`: the input of a finding as `crash-...` or `timeout-...`,
and what atheris said in `log`. The status is 1 where anything was.
"""

from __future__ import annotations

import argparse
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / ".fuzz"
#: one input; a hundred times what the slowest takes on a quiet machine
TIMEOUT_S = 60
MOST_BYTES = 2**16
#: what reads the files: atheris sees which branches of these an input takes
_INSTRUMENTED = [
    "einbench.choose.book_on_disk", "einbench.choose.exchange", "einbench.einsum.language",
    "einbench.einsum.named", "einbench.einsum.expression", "einbench.gate.settings",
    "einbench.host.documents", "einbench.mnist", "einbench.network.npz", "einbench.network.storage",
    "einbench.network.loading", "einbench.network.layers", "einbench.record", "einbench.records",
    "gzip", "tomllib", "zipfile",
]  # fmt: skip


def main() -> int:
    """Fuzz each format in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("formats", nargs="*", metavar="FORMAT")
    parser.add_argument("--seconds", type=int, default=600, help="of each format")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        return _fuzz(given.child, given.seconds)
    known = sorted(path.name for path in (Path(__file__).parent / "corpus").iterdir())
    if unknown := set(given.formats) - {*known}:
        parser.error(f"no format {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    return max([_run(name, given.seconds) for name in given.formats or known])


def _run(name: str, seconds: int) -> int:
    """One format; prints a line."""
    work = WORK / name
    work.mkdir(parents=True, exist_ok=True)
    log = work / "log"
    with log.open("w") as said:
        command = [sys.executable, "-m", "tests.fuzz.run", "--child", name]
        ended = subprocess.run(
            [*command, "--seconds", str(seconds)], cwd=ROOT, stdout=said, stderr=said, check=False
        )
    text = log.read_text(errors="replace")
    count = re.findall(r"stat::number_of_executed_units:\s+(\d+)|^#(\d+)", text, re.M)
    executions = int("".join(count[-1])) if count else 0
    status = 1 if ended.returncode else 0
    fate = f"a finding, see {log.relative_to(ROOT)}" if status else "nothing found"
    print(f"{name:17} {executions:>12,} executions in {seconds} s: {fate}", flush=True)
    return status


def _fuzz(name: str, seconds: int) -> int:
    """In the child: atheris, which never returns."""
    import atheris

    with atheris.instrument_imports(include=_INSTRUMENTED):
        from tests.fuzz.targets import TARGETS, allowed_size, corpus
    from tests.fuzz.guard import in_memory, watched
    from tests.fuzz.mutations import mutated

    target = TARGETS[name]
    # in memory where there is such a folder: it is made and removed for each input
    memory = Path("/dev/shm")  # noqa: S108 - only a new folder in it is used
    within = memory if memory.is_dir() else None
    base = Path(tempfile.mkdtemp(prefix="einbench-fuzz-", dir=within))

    def below(content: bytes, guard: Callable[[Callable[[], None], Path], None]) -> None:
        folder = base / "folder"
        folder.mkdir()
        try:
            guard(lambda: target(content, folder), folder)
        finally:
            shutil.rmtree(folder)

    def guarded(read: Callable[[], None], folder: Path) -> None:
        with watched(folder):
            read()

    def once(content: bytes) -> None:
        before = _most_resident_bytes()
        below(content, guarded)
        # tracing makes everything slow: only what took new memory is read again with it
        if _most_resident_bytes() > before + 2**22:
            below(content, lambda read, folder: in_memory(read, allowed_size(content)))

    def mutate(content: bytes, most: int, seed: int) -> bytes:
        random = Random(seed)  # noqa: S311 - that is what it is for
        if random.random() < 0.5:
            return bytes(atheris.Mutate(content, most))
        return mutated(content, random, most)

    valid = corpus(name)
    # what is imported and opened once in a process is no reader's doing
    for content in valid:
        below(content, lambda read, folder: read())
    grown = WORK / name / "corpus"
    grown.mkdir(parents=True, exist_ok=True)
    committed = Path(__file__).parent / "corpus" / name
    atheris.Setup(
        [
            sys.argv[0], f"-max_total_time={seconds}", f"-timeout={TIMEOUT_S}",
            f"-max_len={MOST_BYTES}", "-rss_limit_mb=4096", "-print_final_stats=1",
            f"-artifact_prefix={WORK / name}/", str(grown), str(committed),
        ],
        once, custom_mutator=mutate,
    )  # fmt: skip
    atheris.Fuzz()
    return 0


def _most_resident_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    sys.exit(main())
