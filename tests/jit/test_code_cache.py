"""Compiled code on disk: whatever happens to it, kernels are right and nothing is lost."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import einbench
from einbench.host import documents, warned
from einbench.jit import code_cache
from einbench.jit.bodies import jit_of
from einbench.jit.compiled import Compiled

pytest.importorskip("numba", reason="numba is not installed (pip install numba)")

#: compiles kernels in one dtype, says what came from disk and whether it is right
COMPILING = """
import sys
import numpy as np
import einbench

dtype, names = sys.argv[1], sys.argv[2].split(",")
print("ready", flush=True)
sys.stdin.readline()
for name in names:
    op = einbench.operation(name)
    arrays = op.draw(3, dtype, **dict.fromkeys(op.sizes, 5))
    np.testing.assert_allclose(op["numba"](**arrays), op["loop"](**arrays), rtol=1e-4)
    (form,) = op["numba"].function._forms.values()
    print(name, "numba", sum(form.stats.cache_hits.values()), flush=True)
"""
NAMES = "relu,tanh_vjp"
#: of a form that was compiled, and of one that came from disk
COMPILED, LOADED = "0", "1"


def start(folder: Path, dtype: str = "float32", names: str = NAMES, **more: Any) -> Any:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder)}
    return subprocess.Popen(
        [sys.executable, "-c", COMPILING, dtype, names], env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more,
    )  # fmt: skip


def together(*processes: Any) -> list[tuple[set[str], str]]:
    """What all forms were, and what was said on stderr, of processes that begin at once."""
    for process in processes:
        assert process.stdout.readline() == "ready\n", process.stderr.read()
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    ended = [process.communicate(timeout=240) for process in processes]
    for process, (_, errors) in zip(processes, ended, strict=True):
        assert process.returncode == 0, errors
    return [({line.split()[2] for line in said.splitlines()}, errors) for said, errors in ended]


def files(folder: Path) -> list[Path]:
    found = [path for path in folder.rglob("*") if path.is_file()]
    assert all(path.suffix == ".code" for path in found)
    return found


@pytest.mark.long
def test_processes_that_compile_at_once_leave_what_all_later_ones_load(tmp_path: Path) -> None:
    for number in range(3):  # each from an empty folder
        folder = tmp_path / str(number)
        began = together(*(start(folder, dtype) for dtype in ("float32", "float64", "float32")))
        assert [errors for _, errors in began] == ["", "", ""]
        again = together(start(folder), start(folder, "float64"))
        assert again == [({LOADED}, "")] * 2


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def garble(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.long
@pytest.mark.parametrize("damage", [cut, empty, garble])
def test_damaged_files_are_reported_in_one_line_compiled_anew_and_healed(
    damage: Any, tmp_path: Path
) -> None:
    assert together(start(tmp_path))[0][0] == {COMPILED}
    for path in files(tmp_path):
        damage(path)
    ((forms, errors),) = together(start(tmp_path))
    assert forms == {COMPILED}
    assert errors.count("RuntimeWarning") == 1
    assert f"einbench's compiler cache: {tmp_path}" in errors
    assert "damaged; it is compiled anew" in errors
    assert together(start(tmp_path)) == [({LOADED}, "")]


@pytest.mark.long
def test_code_of_another_form_under_a_forms_name_is_not_believed(tmp_path: Path) -> None:
    together(start(tmp_path), start(tmp_path, "float64"))
    first, *others = files(tmp_path)
    for path in others:
        path.write_bytes(first.read_bytes())
    for dtype in ("float32", "float64"):
        ((forms, errors),) = together(start(tmp_path, dtype))
        assert COMPILED in forms
        assert "damaged" in errors
    assert together(start(tmp_path), start(tmp_path, "float64")) == [({LOADED}, "")] * 2


def test_a_file_where_the_folder_should_be_costs_the_cache_and_no_more(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file")
    ((forms, errors),) = together(start(taken))
    assert forms == {COMPILED}
    assert f"einbench's compiler cache: {taken}" in errors
    assert "NUMBA_CACHE_DIR names another folder" in errors
    assert taken.read_text() == "a file"


SMALL = "mount -t tmpfs -o size=64k none {0}"
READ_ONLY = "mount --bind {0} {0} && mount -o remount,ro,bind {0}"


def on_a_disk(mount: str, folder: Path, dtype: str) -> tuple[set[str], str]:
    """As `together`, of one process that sees another disk in place of the folder."""
    command = f'{mount.format(folder)} && exec "$0" -c "$1" "$2" "$3"'
    whole = ["unshare", "-m", "sh", "-c", command, sys.executable, COMPILING, dtype, NAMES]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder)}
    done = subprocess.run(
        whole, check=False, env=environment, input="\n", capture_output=True, text=True
    )
    if "unshare:" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no disk of its own here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return {line.split()[2] for line in done.stdout.splitlines()[1:]}, done.stderr


needs_mount = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root can make a disk"
)


@pytest.mark.long
@needs_mount
def test_a_full_disk_costs_the_cache_and_no_more(tmp_path: Path) -> None:
    forms, errors = on_a_disk(SMALL, tmp_path, "float32")
    assert forms == {COMPILED}
    assert errors.count("RuntimeWarning") == 1
    assert "No space left on device; compiled code is not kept" in errors


@pytest.mark.long
@needs_mount
def test_a_folder_that_can_only_be_read_is_read(tmp_path: Path) -> None:
    together(start(tmp_path))
    assert on_a_disk(READ_ONLY, tmp_path, "float32") == ({LOADED}, "")
    forms, errors = on_a_disk(READ_ONLY, tmp_path, "float64")
    assert forms == {COMPILED}
    assert errors.count("RuntimeWarning") == 1
    assert "Read-only file system; compiled code is not kept" in errors


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An operation's kernel whose code is not compiled yet, its cache in a folder of its own."""
    monkeypatch.setattr(code_cache, "folder", lambda: str(tmp_path))
    monkeypatch.setattr(warned, "_SAID", set())
    body: Any = einbench.operation("relu")["numba"].body
    return Compiled(body.source, method="numba", results=body._results)


def test_a_full_disk_while_a_kernel_is_judged_is_not_the_kernels_fault(
    own: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(documents, "write_whole", full)
    values = np.array([[-1.0, 2.0]], np.float32)
    with pytest.warns(RuntimeWarning, match="No space left on device; compiled code is not kept"):
        assert own(values).tolist() == [[0.0, 2.0]]
    assert files(tmp_path) == []


def test_a_warning_of_the_cache_is_never_raised_out_of_a_kernel(
    own: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_cache, "folder", lambda: os.devnull)
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("error", RuntimeWarning)
        assert own(np.zeros((0, 3), np.float32)).shape == (0, 3)
    assert len(shown) == 1


def test_code_that_no_program_used_for_long_is_removed(own: Any, tmp_path: Path) -> None:
    old, used = tmp_path / "a.code", tmp_path / "b.code"
    old.touch()
    used.touch()
    os.utime(old, (0, 0))
    own(np.zeros((1, 3), np.float32))
    assert not old.exists()
    assert used.exists()


def test_a_function_whose_file_has_changed_since_it_was_imported_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_cache, "folder", lambda: str(tmp_path / "kept"))
    file = tmp_path / "module.py"
    file.write_text("def double(x):\n    return 2 * x\n")
    scope: dict[str, Any] = {}
    exec(compile(file.read_text(), str(file), "exec"), scope)
    assert jit_of(scope["double"])(3.0) == 6.0
    assert not (tmp_path / "kept").exists()
    os.utime(file, (0, 0))
    assert jit_of(scope["double"])(3.0) == 6.0
    assert len(files(tmp_path / "kept")) == 1


def test_settings_that_change_the_code_change_its_name(
    own: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numba

    form = np.zeros((1, 3), np.float32)
    own(form)
    before = set(files(tmp_path))
    monkeypatch.setattr(numba.config, "SLP_VECTORIZE", 1 - int(numba.config.SLP_VECTORIZE))
    own._forms.clear()
    own(form)
    assert len(files(tmp_path)) == 2 * len(before)


@pytest.mark.long
def test_nothing_is_written_beside_the_source(tmp_path: Path) -> None:
    """pip does not know it there, and leaves a folder behind that takes the package's place."""
    code = textwrap.dedent("""
        from pathlib import Path
        import einbench
        home = Path(einbench.__file__).parent
        before = set(home.rglob("*.nb[ic]"))  # of earlier versions, which wrote there
        relu = einbench.operation("relu")
        relu["simd"](**relu.draw(3, "float64", features=7))
        print([p.name for p in set(home.rglob("*.nb[ic]")) - before])
    """)
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    environment.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, env=environment, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
    assert files(tmp_path / "einbench" / "compiled")


#: says whether a kernel came from disk, and whether SciPy was imported with it
LOADING = """
import sys
import numpy as np
import einbench
from einbench.jit import code_cache

if sys.argv[1:]:
    code_cache._are_there = lambda names: False
op = einbench.operation("relu")
arrays = op.draw(3, "float32", features=5)
np.testing.assert_array_equal(op["numba"](**arrays), op["loop"](**arrays))
(form,) = op["numba"].function._forms.values()
print(sum(form.stats.cache_hits.values()), "numba.np.linalg" in sys.modules)
"""


@pytest.mark.long
def test_code_is_loaded_without_what_it_does_not_call(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    for arguments, said in (((), "0 True"), ((), "1 False"), (("other",), "1 True")):
        done = subprocess.run(
            [sys.executable, "-c", LOADING, *arguments], env=environment, text=True,
            capture_output=True, check=True, timeout=240,
        )  # fmt: skip
        assert done.stdout.split("\n")[0] == said
        assert done.stderr == ""


#: says which functions of the pool were not made ready to be compiled
STARTING = """
import pickle
import sys
from pathlib import Path
from llvmlite.binding import parse_bitcode
from numba.core.compiler import CompileResult
from einbench.jit import code_cache, pool

pool.start()
print(sorted(each.__name__ for each in code_cache.before))
for file in Path(sys.argv[1]).rglob("*.code"):
    _, parts = pickle.loads(code_cache._read(str(file)))
    module = parse_bitcode(parts[0][2][1])
    lengths = [len(list(b.instructions)) for f in module.functions for b in f.blocks]
    print(parts[1].unique_name.split(".")[0], max(lengths) == 1)
"""


def test_nothing_is_prepared_or_parsed_that_loading_does_not_need(tmp_path: Path) -> None:
    """Callees are replaced before compiling; what is called by address has no code to link."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    for first in (True, False):
        done = subprocess.run(
            [sys.executable, "-c", STARTING, str(tmp_path)], env=environment, text=True,
            capture_output=True, check=True, timeout=240,
        )  # fmt: skip
        waiting, *kept = done.stdout.splitlines()
        assert (waiting == "[]") is first
        assert first or ("'_run'" in waiting and "'_serve'" in waiting)
        assert {"_claim_pieces False", "_run True", "_serve False"} <= set(kept)


def test_what_is_to_be_done_before_compiling_is_tried_again_where_it_raised() -> None:
    tried: list[int] = []

    def prepare() -> None:
        tried.append(len(tried))
        if len(tried) == 1:
            raise MemoryError

    def function() -> None: ...

    code_cache.before[function] = prepare
    with pytest.raises(MemoryError):
        code_cache._before_compiling(function)
    for _ in range(2):
        code_cache._before_compiling(function)
    assert tried == [0, 1]
