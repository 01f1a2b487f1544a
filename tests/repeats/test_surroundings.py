"""The commands say the same whatever the language, the zone, the terminal and the folders."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: as a user may be called
UMLAUTS = "Jürgen Groß & Söhne"

#: what is set, None where it is not there
SURROUNDINGS: dict[str, Mapping[str, str | None]] = {
    "another hash seed, zone and folder, no terminal, and a locale without umlauts": {
        "PYTHONHASHSEED": "4242", "TZ": "Pacific/Kiritimati", "TERM": None, "COLUMNS": None,
        "LANG": None, "LC_ALL": "C", "PYTHONUTF8": None,
    },
    "no home": {
        "HOME": None, "USER": None, "LOGNAME": None, "XDG_CACHE_HOME": None, "TZ": "UTC-14:30",
    },
}  # fmt: skip


def run(folder: Path, changes: Mapping[str, str | None]) -> dict[str, Any]:
    """What the commands say there."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {
        "PYTHONPATH": str(ROOT), "EINBENCH_WISDOM": str(folder / "wisdom"), "PYTHONHASHSEED": "0",
    }  # fmt: skip
    for name, value in changes.items():
        environment.pop(name, None)
        if value is not None:
            environment[name] = value
    done = subprocess.run(
        [sys.executable, "-m", "tests.repeats.commands", str(folder / "results")],
        cwd=folder, env=environment, text=True, encoding="utf-8", capture_output=True,
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What they say here."""
    found = run(tmp_path_factory.mktemp("usual"), {})
    assert {name: each[0] for name, each in found.items()} == dict.fromkeys(found, 0)
    assert {*found} == {"check", "compare", "einsum", "fastest", "export"}
    assert len(found["check"][1]) >= 5
    assert len(found["compare"][1]) >= 5
    return found


@pytest.mark.long
@pytest.mark.parametrize("name", SURROUNDINGS)
def test_the_commands_say_the_same(name: str, usual: dict[str, Any], tmp_path: Path) -> None:
    """In a folder with spaces and umlauts."""
    assert run(tmp_path / UMLAUTS / "Zahlen für alle", SURROUNDINGS[name]) == usual


@pytest.mark.long
def test_a_home_with_spaces_and_umlauts_and_a_comma_as_decimal_point(
    usual: dict[str, Any], tmp_path: Path
) -> None:
    home = tmp_path / UMLAUTS
    home.mkdir()
    places = {"HOME": str(home), "TMPDIR": str(home), "USER": UMLAUTS, "LOGNAME": UMLAUTS}
    # what is compiled lies below the home, and would take a minute there
    places["XDG_CACHE_HOME"] = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    assert run(home, {**places, **german(tmp_path)}) == usual


def german(folder: Path) -> dict[str, str | None]:
    """Variables of a locale whose decimal point is a comma, for programs that ask for it."""
    names = {"LC_ALL": "de_DE.UTF-8", "LANG": "de_DE.UTF-8"}
    here: dict[str, str | None] = {**names, "LOCPATH": None}
    made: dict[str, str | None] = {**names, "LOCPATH": str(folder)}
    if comma(here):
        return here
    if shutil.which("localedef") is not None:
        subprocess.run(
            ["localedef", "-i", "de_DE", "-f", "UTF-8", str(folder / "de_DE.UTF-8")],  # noqa: S607
            check=False, capture_output=True,
        )  # fmt: skip
    if not comma(made):
        pytest.skip("no de_DE.UTF-8 here, nor its sources for localedef: apt-get install locales")
    return made


def comma(variables: Mapping[str, str | None]) -> bool:
    """Whether C libraries then write 0,5."""
    code = "import locale; locale.setlocale(locale.LC_ALL, ''); print(locale.str(0.5))"
    environment = os.environ | {name: value for name, value in variables.items() if value}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() == "0,5"
