"""What is missing on a machine is named with its package, and a Patroni that lost posts is refused with the reason."""

from pathlib import Path

import pytest

from linnet.cluster import programs
from linnet.domain.errors import Unavailable


def install(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return folder


def test_what_is_there_is_found(tmp_path: Path) -> None:
    path = install(tmp_path / "bin", "etcd", "haproxy")
    for version in ("9.6", "13", "15", "17"):
        install(tmp_path / "debian" / version / "bin", "initdb", "postgres")
    install(tmp_path / "debian" / "18" / "bin", "psql")
    data = tmp_path / "data"
    found = programs.find(data, path=str(path), debian=tmp_path / "debian")
    assert (found.etcd, found.haproxy) == (str(path / "etcd"), str(path / "haproxy"))
    assert found.postgres == str(tmp_path / "debian/17/bin"), "the newest that can make a database"
    data.mkdir()
    (data / "PG_VERSION").write_text("15\n")
    assert programs.find(data, path=str(path), debian=tmp_path / "debian").postgres == str(tmp_path / "debian/15/bin")


def test_postgresql_may_stand_on_the_path(tmp_path: Path) -> None:
    path = install(tmp_path / "bin", "etcd", "haproxy", "initdb", "postgres")
    assert programs.find(tmp_path, path=str(path), debian=tmp_path / "none").postgres == str(path)


@pytest.mark.parametrize(
    ("there", "named"),
    [
        (("haproxy", "initdb", "postgres"), ["etcd-server"]),
        (("etcd", "initdb", "postgres"), ["package haproxy"]),
        (("etcd", "haproxy"), ["package postgresql)"]),
        ((), ["etcd-server", "package haproxy", "package postgresql)"]),
    ],
)
def test_what_is_missing_is_named_with_its_package(there: tuple[str, ...], named: list[str], tmp_path: Path) -> None:
    path = install(tmp_path / "bin", *there)
    with pytest.raises(Unavailable) as refused:
        programs.find(tmp_path, path=str(path), debian=tmp_path / "none")
    assert all(words in str(refused.value) for words in named)


def test_the_version_that_made_the_data_is_asked_for(tmp_path: Path) -> None:
    path = install(tmp_path / "bin", "etcd", "haproxy")
    install(tmp_path / "debian/17/bin", "initdb", "postgres")
    (tmp_path / "PG_VERSION").write_text("15\n")
    with pytest.raises(Unavailable, match="postgresql-15"):
        programs.find(tmp_path, path=str(path), debian=tmp_path / "debian")


def test_an_old_patroni_is_refused_with_the_reason() -> None:
    programs.check_patroni("4.1.5")
    programs.check_patroni("5.0")
    for version in ("3.0.2", "4.0.0", "4.1.4"):
        with pytest.raises(Unavailable, match="lost acknowledged posts"):
            programs.check_patroni(version)
    with pytest.raises(Unavailable, match="deploy/install --cluster"):
        programs.check_patroni("")


def test_the_machine_is_measured() -> None:
    machine = programs.machine()
    assert machine.memory_bytes > 64 << 20
    assert machine.processors >= 1


def test_whether_files_may_be_run_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert programs.runs_files(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert not programs.runs_files(tmp_path / "not there")

    def not_executable(path: Path, data: bytes, mode: int) -> None:
        path.write_bytes(data)

    monkeypatch.setattr(programs, "write", not_executable)
    assert not programs.runs_files(tmp_path)
    assert list(tmp_path.iterdir()) == []
