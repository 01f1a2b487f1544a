"""Files that are nearly right end in a result or in one documented error, within their limits."""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from einbench.mnist import idx

from .guard import SPARE_BYTES, in_memory, in_time, peak_bytes, watched
from .mutations import mutated
from .targets import CORPUS, SEPARATOR, TARGETS, Target, allowed_size, corpus

#: nothing takes a second on a quiet machine
SECONDS = 60.0
QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[*HealthCheck], derandomize=False
)


def run(target: Target, content: bytes) -> None:
    """Read once, within time and memory, below a new folder."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        with watched(folder), in_time(SECONDS):
            in_memory(lambda: target(content, folder), allowed_size(content))


@pytest.fixture(scope="module", autouse=True)
def _warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What is imported and opened once in a process is no reader's doing."""
    for name, target in TARGETS.items():
        for content in corpus(name):
            target(content, tmp_path_factory.mktemp("warm"))


def test_the_corpus_is_small() -> None:
    sizes = [path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()]
    assert sum(sizes) < 100_000
    assert {path.name for path in CORPUS.iterdir()} == {*TARGETS}


@pytest.mark.parametrize("name", TARGETS)
def test_every_file_of_the_corpus_is_read(name: str) -> None:
    for content in corpus(name):
        run(TARGETS[name], content)


@pytest.mark.parametrize("name", TARGETS)
@QUICK
@given(random=st.integers(0, 2**64 - 1), which=st.integers(0, 99))
def test_what_is_nearly_right_gives_a_result_or_one_error(
    name: str, random: int, which: int
) -> None:
    valid = corpus(name)
    run(TARGETS[name], mutated(valid[which % len(valid)], Random(random)))  # noqa: S311


@pytest.mark.parametrize("name", TARGETS)
@QUICK
@given(content=st.binary(max_size=200))
def test_any_bytes_give_a_result_or_one_error(name: str, content: bytes) -> None:
    run(TARGETS[name], content)


def records(count: int, schema: str) -> bytes:
    rows = ",".join(f'{{"operation":"a{n}","kernel":"b"}}' for n in range(count))
    return f'{{"schema":"{schema}","records":[{rows}]}}'.encode()


def benchmarks(count: int) -> bytes:
    rows = ",".join(f'{{"extra_info":{{"operation":"a{n}","kernel":"b"}}}}' for n in range(count))
    return f'{{"machine_info":{{}},"benchmarks":[{rows}]}}'.encode()


def cells(names: int) -> bytes:
    """Of asv: a few words stand for the third power of so many cells, without results."""
    words = [f"'{n}'" for n in range(names)]
    results = {f"softmax{n}.time_kernel": [None, [words] * 3] for n in range(20)}
    return json.dumps({
        "commit_hash": "a", "version": 2, "result_columns": ["result", "params"],
        "results": results,
    }).encode()  # fmt: skip


def book(choices: int) -> bytes:
    """An export of wisdom, with the same choice so many times."""
    found = json.loads((CORPUS / "wisdom" / "export.json").read_bytes())
    for each in found["operations"].values():
        each["choices"] *= choices
    return json.dumps(found).encode()


#: format, name, content: what would take far more memory than it is large
LARGE = {
    "records of a comparison": ("comparison", lambda: records(20_000, "einbench.comparison/1")),
    "records of an export": ("comparison", lambda: records(20_000, "einbench.export/1")),
    "benchmarks": ("pytest_benchmark", lambda: benchmarks(20_000)),
    "parameters": ("asv", lambda: cells(40)),
    "a companion": ("asv", lambda: corpus("asv")[0] + SEPARATOR + b"[" + b"[]," * 2**21 + b"0]"),
    "choices": ("wisdom", lambda: book(2_000)),
    "empty lists": ("wisdom", lambda: b"[" + b"[]," * 2**22 + b"0]"),
    "deep lists": ("comparison", lambda: b"[" + (b"[" * 400 + b"]" * 400 + b",") * 2**12 + b"0]"),
    "wide letters": ("comparison", lambda: b'["' + b"x" * 2**25 + "\U0001f600".encode() + b'"]'),
    "surrogates": ("comparison", lambda: b'["' + b"x" * 2**25 + rb"\ud83d\ude00" + b'"]'),
    "keys": ("comparison", lambda: b"{%s}" % b",".join(b'"%x":1' % n for n in range(2**19))),
    "dotted keys": ("thresholds", lambda: b"a." * 2**13 + b"b = 1\n"),
    "toml": ("thresholds", lambda: b"".join(b"a%d.b.c = {d = 1}\n" % n for n in range(2**15))),
    "2^40 images": ("idx", lambda: images(2**31, 2**9, 1)),
    "2^40 images, packed": ("idx", lambda: gzip.compress(images(2**31, 2**9, 1) + b"\0" * 2**20)),
    "2^96 bytes": ("idx", lambda: images(2**32 - 1, 2**32 - 1, 2**32 - 1)),
}  # fmt: skip


def images(*sizes: int) -> bytes:
    return struct.pack(f">4B{len(sizes)}I", 0, 0, 8, len(sizes), *sizes)


@pytest.mark.long
@pytest.mark.parametrize("what", LARGE)
def test_no_file_takes_far_more_memory_than_its_size(what: str) -> None:
    name, made = LARGE[what]
    run(TARGETS[name], made())


def test_a_packed_file_is_refused_beyond_the_cap_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(images(2**20, 16, 1) + b"\0" * 2**24))
    assert idx.read_idx(path).nbytes == 2**24
    monkeypatch.setattr(idx, "MOST_UNPACKED_BYTES", 2**24 - 1)

    def refused() -> None:
        with pytest.raises(ValueError, match=r"announces 16777216 bytes of data; .*gunzip"):
            idx.read_idx(path)

    assert peak_bytes(refused) < 2**20


@pytest.mark.long
def test_a_real_comparison_of_many_cells_is_read() -> None:
    """Limits are for what no harness writes: five thousand kernels are read."""
    found = json.loads((CORPUS / "comparison" / "comparison.json").read_bytes())
    found["records"] = [found["records"][0] | {"kernel": f"k{n}"} for n in range(5000)]
    with TemporaryDirectory() as name:
        path = Path(name, "compare.json")
        path.write_text(json.dumps(found), encoding="utf-8")
        from einbench.records.read import read

        assert len(read([path]).rows) == 5000
        assert peak_bytes(lambda: read([path])) < 4 * path.stat().st_size + SPARE_BYTES
