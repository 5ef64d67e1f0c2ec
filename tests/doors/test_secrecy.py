"""Passwords as hashes and the vault's key: slow to guess, sealed by purpose, and lasting."""

import asyncio
import base64
import multiprocessing
import stat
import threading
from pathlib import Path

import pytest

from linnet.secrecy import ArgonPasswords, FileVault, open_vault
from linnet.system import SystemChance
from tests.support.waiting import until

CHANCE = SystemChance()


@pytest.fixture
def vault() -> FileVault:
    return FileVault(bytes(range(32)), CHANCE)


async def test_hashes_are_argon2id_with_the_advised_parameters() -> None:
    passwords = ArgonPasswords()
    hashed = await passwords.hash("correct horse")
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await passwords.hash("correct horse") != hashed
    assert await passwords.verify(hashed, "correct horse")
    assert not await passwords.verify(hashed, "correct horsf")
    assert not passwords.outdated(hashed)
    assert passwords.outdated("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$3u7rv3n2qQ0")
    assert passwords.outdated("no hash")
    passwords.close()


async def test_what_is_no_hash_lets_nobody_in() -> None:
    passwords = ArgonPasswords(8, 1)
    for stored in (None, "", "no hash", "$argon2id$broken"):
        assert not await passwords.verify(stored, "nobody's password")
    assert not await passwords.verify(await passwords.hash("x" * 300), "x" * 300)
    passwords.close()


async def test_the_loop_goes_on_and_two_are_hashed_at_once_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = ArgonPasswords(8, 1)
    running, most, lock, finish = 0, 0, threading.Lock(), threading.Event()
    real = passwords._hash

    def held(password: str) -> str:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        assert finish.wait(30)
        with lock:
            running -= 1
        return real(password)

    monkeypatch.setattr(passwords, "_hash", held)
    hashes = asyncio.gather(*(passwords.hash("p") for _ in range(8)))
    # The loop turns while both threads are busy; a third that there is would have begun with them.
    await until(lambda: running >= 2)
    finish.set()
    assert len(set(await hashes)) == 8
    assert most == 2
    passwords.close()


def test_what_is_sealed_opens_for_its_purpose_only(vault: FileVault) -> None:
    sealed = vault.encrypt("secret ü", "totp of 1")
    assert "secret" not in sealed
    assert vault.encrypt("secret ü", "totp of 1") != sealed
    assert vault.decrypt(sealed, "totp of 1") == "secret ü"
    raw = bytearray(base64.urlsafe_b64decode(sealed))
    raw[-1] ^= 1
    for wrong, purpose in (
        (sealed, "totp of 2"), (base64.urlsafe_b64encode(raw).decode(), "totp of 1"), ("", "totp of 1"),
        ("short", "totp of 1"), ("é", "totp of 1"),
    ):  # fmt: skip
        with pytest.raises(ValueError):
            vault.decrypt(wrong, purpose)
    with pytest.raises(ValueError):
        FileVault(bytes(32), CHANCE).decrypt(sealed, "totp of 1")


def test_signatures_depend_on_key_text_and_purpose(vault: FileVault) -> None:
    mark = vault.sign("text", "purpose")
    assert mark == vault.sign("text", "purpose")
    others = {
        vault.sign("texu", "purpose"),
        vault.sign("text", "purposf"),
        FileVault(bytes(32), CHANCE).sign("text", "purpose"),
    }
    assert mark not in others
    assert len(others) == 3


def test_the_push_key_is_a_point_and_stays(vault: FileVault) -> None:
    raw = base64.urlsafe_b64decode(vault.push_key + "=")
    assert (len(raw), raw[0]) == (65, 4)
    assert vault.push_key == FileVault(bytes(range(32)), CHANCE).push_key


def test_the_key_is_made_once_and_is_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "secrets.key"
    sealed = open_vault(path, CHANCE).encrypt("kept", "p")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert open_vault(path, CHANCE).decrypt(sealed, "p") == "kept"
    assert [one.name for one in tmp_path.iterdir()] == ["secrets.key"]
    for broken in ("", "zz", "00" * 31):
        path.write_text(broken)
        with pytest.raises(ValueError, match="restore it from a backup"):
            open_vault(path, CHANCE)


def _push_key(path: Path) -> str:
    return open_vault(path, SystemChance()).push_key


def test_processes_that_start_together_agree(tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(6) as pool:
        keys = pool.map(_push_key, [tmp_path / "secrets.key"] * 24)
    assert len(set(keys)) == 1
