"""Commits of a real git repository."""

from __future__ import annotations

import pytest

from einbench.gate.revision import Repository


@pytest.fixture
def repository(project):
    return Repository(project.top)


def test_a_revision_is_a_commit_with_its_subject(repository):
    first = repository.revision("main^")
    assert first.subject == "first of two"
    assert len(first.commit) == 40
    assert first.short == f"main^ ({first.commit[:7]})"
    assert repository.revision(first.commit).short == first.commit[:7]


def test_a_tree_is_written_out_as_it_was(repository, tmp_path):
    repository.export(repository.revision("main^"), tmp_path / "tree")
    assert (tmp_path / "tree" / "file.txt").read_text() == "one"


def test_a_file_is_read_from_its_commit(repository):
    assert repository.read(repository.revision("main^"), "file.txt") == "one"
    assert repository.read(repository.revision("main"), "file.txt") == "two"
    assert repository.read(repository.revision("main"), "no.txt") is None


@pytest.mark.parametrize("name", ["nowhere", "", "--help", "main:file.txt", "main..main^"])
def test_what_is_no_commit_is_refused_with_advice(repository, name):
    with pytest.raises(ValueError, match="is no commit of project; write a branch"):
        repository.revision(name)


def test_a_shallow_clone_says_how_to_get_the_rest(repository, project, tmp_path):
    shallow = tmp_path / "shallow"
    project("clone", "--quiet", "--depth=1", f"file://{repository.top}", str(shallow))
    with pytest.raises(ValueError, match="git fetch --unshallow"):
        Repository(shallow).revision(repository.revision("main^").commit)


def test_a_folder_without_a_repository_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no git repository here.*git says: fatal"):
        Repository(tmp_path)


def test_changes_that_no_commit_holds_are_noticed(repository):
    assert not repository.changed
    (repository.top / "file.txt").write_text("three")
    assert repository.changed


def test_a_new_kernel_that_is_not_added_is_a_change_and_a_new_result_is_none(repository):
    (repository.top / "results").mkdir()
    (repository.top / "results" / "x.json").write_text("{}")
    assert not repository.changed
    (repository.top / "kernels").mkdir()
    (repository.top / "kernels" / "new.py").write_text("")
    assert repository.changed
