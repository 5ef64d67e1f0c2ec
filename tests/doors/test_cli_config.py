"""Options: where each may be given, which of them wins, and how a wrong one is refused."""

import re
from pathlib import Path

import pytest

from linnet.cli import arguments
from linnet.cli.commands import COMMANDS
from linnet.cli.ending import CONFIGURATION, USAGE, Ending
from linnet.config import OPTIONS, Address, Bucket, Config, Refused, Smtp, load, variable

# Each option with two values as an operator writes them, and what they mean.
VALUES: dict[str, tuple[tuple[str, object], tuple[str, object]]] = {
    "data": (("/srv/a", Path("/srv/a")), ("/srv/b", Path("/srv/b"))),
    "database": (("postgresql://a/b", "postgresql://a/b"), ("postgres://c/d", "postgres://c/d")),
    "journal": (("etcd://a:1,b:2", "etcd://a:1,b:2"), ("etcd://c?ca=/ca", "etcd://c?ca=/ca")),
    "log-format": (("json", "json"), ("text", "text")),
    "log-level": (("debug", "debug"), ("WARNING", "warning")),
    "bind": (("127.0.0.1:1", Address("127.0.0.1", 1)), ("[::1]:2", Address("::1", 2))),
    "streaming-bind": (("127.0.0.1:1", Address("127.0.0.1", 1)), ("[::1]:2", Address("::1", 2))),
    "origin": (("https://A.example/", "https://a.example"), ("http://b.example:80", "http://b.example")),
    "workers": (("1", 1), ("12", 12)),
    "trusted-proxies": (("127.0.0.1, 10.1.2.3/8", ("127.0.0.1/32", "10.0.0.0/8")), ("::1", ("::1/128",))),
    "rate-limits": (("off", False), ("on", True)),
    "metrics": (("off", "off"), ("on", "on")),
    "drain": (("0s", 0), ("2m", 120_000)),
    "registrations": (("closed", "closed"), ("approval", "approval")),
    "outbound-allow": (("127.0.0.1", ("127.0.0.1/32",)), ("10.0.0.0/8,::1", ("10.0.0.0/8", "::1/128"))),
    "outbound-ports": (("443", (443,)), ("80 8443", (80, 8443))),
    "title": (("Perch", "Perch"), ("Branch", "Branch")),
    "description": (("Ours.", "Ours."), ("Theirs.", "Theirs.")),
    "contact-email": (("a@example.org", "a@example.org"), ("", "")),
    "languages": (("de,pt-BR", ("de", "pt-BR")), ("en", ("en",))),
    "max-characters": (("140", 140), ("5_000", 5000)),
    "max-image": (("2M", 2 << 20), ("512K", 512 << 10)),
    "max-film": (("1G", 1 << 30), ("512K", 512 << 10)),
    "max-film-time": (("90s", 90_000), ("4h", 4 * 3_600_000)),
    "blobs": (
        ("database", "database"),
        (
            "s3://b.example/a/b/?endpoint=https%3A%2F%2Fs3.example%3A9000/&region=de",
            Bucket("b.example", "a/b", endpoint="https://s3.example:9000", region="de"),
        ),
    ),
    "translation": (
        ("libretranslate:http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("libretranslate:https://a.example/x", "https://a.example/x"),
    ),
    "translation-key": (("secret", "secret"), ("", "")),
    "smtp": (
        ("smtp://u%40x:p@mail.example", Smtp("mail.example", 587, "starttls", "u@x", "p")),
        ("smtps://mail.example:999", Smtp("mail.example", 999, "tls")),
    ),
    "mail-from": (("no-reply@example.org", "no-reply@example.org"), ("x@y", "x@y")),
    "keep-changes": (("1h", 3_600_000), ("90d", 90 * 86_400_000)),
    "keep-receipts": (("1d", 86_400_000), ("36h", 129_600_000)),
    "keep-sessions": (("1d", 86_400_000), ("2d", 2 * 86_400_000)),
    "keep-uploads": (("2h", 7_200_000), ("30d", 30 * 86_400_000)),
    "keep-apps": (("2h", 7_200_000), ("7d", 7 * 86_400_000)),
    "home-entries": (("40", 40), ("10000", 10_000)),
    "merge-followers": (("1", 1), ("500", 500)),
}

WRONG: tuple[tuple[str, str, str], ...] = (
    ("bind", "8000", "an address and a port"),
    ("bind", "127.0.0.1:http", "an address and a port"),
    ("bind", "127.0.0.1:70000", "an address and a port"),
    ("bind", "social.example:80", "is not an IP address"),
    ("origin", "social.example", "must begin with https://"),
    ("origin", "https://social.example/linnet", "a scheme and a host only"),
    ("origin", "https://me@social.example", "a scheme and a host only"),
    ("origin", "https://", "has no host"),
    ("origin", "https://a..b", "its host or its port"),
    ("workers", "0", "from 1 to 12"),
    ("workers", "many", "from 1 to 12"),
    ("rate-limits", "maybe", "on or off"),
    ("registrations", "opne", "open, approval, invite, closed"),
    ("trusted-proxies", "10.0.0.0/40", "is not an address or a network"),
    ("outbound-allow", "localhost", "is not an address or a network"),
    ("outbound-ports", "443,70000", "ports from 1 to 65535"),
    ("database", "mysql://x", "postgresql://"),
    ("drain", "20", "with s, m, h or d"),
    ("drain", "11m", "from 0s to 10m"),
    ("max-image", "16", "with K, M or G"),
    ("max-image", "1G", "to 256M"),
    ("max-film-time", "5h", "from 1s to 4h"),
    ("blobs", "https://s3.example/bucket", "it must be like s3://"),
    ("blobs", "s3://me:secret@bucket", "it must be like s3://"),
    ("blobs", "s3://bucket?key=1", "'key' is not known there"),
    ("blobs", "s3://bucket?endpoint=s3.example", "must begin with https://"),
    ("languages", "english!", "is not a language code"),
    ("translation", "https://translate.example", "libretranslate:https://"),
    ("translation", "libretranslate:translate.example", "libretranslate:https://"),
    ("smtp", "mail.example:25", "smtp://"),
    ("smtp", "smtp://mail.example:x", "its port"),
    ("contact-email", "nobody", "an address like"),
    ("title", "Lin\x1bnet", "control characters"),
    ("keep-changes", "1m", "from 1h to 90d"),
)


def test_every_option_stands_in_the_table_above() -> None:
    assert set(VALUES) == set(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_may_be_given_in_three_ways_and_the_nearest_wins(name: str, tmp_path: Path) -> None:
    (first, means_first), (second, means_second) = VALUES[name]
    field = name.replace("-", "_")
    file = tmp_path / "linnet.toml"
    file.write_text("" if name == "data" else f'{field} = """{first}"""\n')
    from_file = getattr(load({}, {}, file), field)
    assert from_file == (Config().data if name == "data" else means_first)
    assert getattr(load({}, {variable(name): second}, file), field) == means_second
    assert getattr(load({name: first}, {variable(name): second}, file), field) == means_first
    parsed = arguments.parsed(["serve", "--config", str(file), f"--{name}", first])[1]
    assert getattr(parsed, field) == means_first


def test_the_file_in_the_data_folder_is_read_and_its_own_types_are_understood(tmp_path: Path) -> None:
    (tmp_path / "linnet.toml").write_text(
        'workers = 2\nrate_limits = false\ntrusted-proxies = ["::1", "10.0.0.0/8"]\ntitle = "Perch"\n'
    )
    config = load({"data": str(tmp_path)}, {})
    assert (config.workers, config.rate_limits, config.trusted_proxies, config.title) == (
        2, False, ("::1/128", "10.0.0.0/8"), "Perch",
    )  # fmt: skip
    elsewhere = load({}, {"LINNET_DATA": str(tmp_path / "none"), "LINNET_CONFIG": str(tmp_path / "linnet.toml")})
    assert elsewhere.workers == 2


def test_in_the_folder_of_a_clusters_node_the_file_that_the_node_made_is_read(tmp_path: Path) -> None:
    (tmp_path / "linnet.toml").write_text('title = "Perch"\n')
    for folder in ("run", "cluster"):
        (tmp_path / folder).mkdir()
    (tmp_path / "run" / "linnet.toml").write_text('title = "Perch"\ndatabase = "postgresql://a,b/linnet"\n')
    assert load({"data": str(tmp_path)}, {}).database == "", "no node: nothing else is read"
    (tmp_path / "cluster" / "node.json").write_text("{}")
    assert load({"data": str(tmp_path)}, {}).database == "postgresql://a,b/linnet"
    assert load({"data": str(tmp_path)}, {}, of_node=True).database == "", "of which the node's own is yet to be made"
    (tmp_path / "run" / "linnet.toml").write_text('titel = "Perch"\n')
    assert arguments.parsed(["cluster", "status", "--data", str(tmp_path)])[1].title == "Perch"
    (tmp_path / "run" / "linnet.toml").unlink()
    assert load({"data": str(tmp_path)}, {}).title == "Perch", "a node that has never run"


@pytest.mark.parametrize(("name", "value", "reason"), WRONG)
def test_a_wrong_value_is_refused_with_its_name_and_the_reason(name: str, value: str, reason: str) -> None:
    for flags, environment, place in (({name: value}, {}, f"--{name}"), ({}, {variable(name): value}, variable(name))):
        with pytest.raises(Refused) as refusal:
            load(flags, environment)
        said = str(refusal.value)
        assert said.startswith(f"{place} = {value!r} is refused: ")
        assert reason in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("wrokers = 2", "did you mean workers?"),
        ("entirely_unknown = 2", "`linnet serve --help` lists them all"),
        ("workers = 2.5", "it must be text, a whole number, true or false"),
        ("workers = [1, 2]", "it must be text"),
        ("workers = ", "is not right TOML"),
        ('data = "/elsewhere"', "not by a file inside of it"),
        ("workers = 99", "from 1 to 12"),
    ],
)
def test_a_wrong_file_is_refused_with_the_reason(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "linnet.toml"
    file.write_text(text)
    with pytest.raises(Refused, match=re.escape(said)) as refusal:
        load({"data": str(tmp_path)}, {})
    assert str(file) in str(refusal.value)


def test_a_variable_that_is_no_option_and_a_file_that_is_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="LINNET_WORKRES is not an option of Linnet; did you mean LINNET_WORKERS"):
        load({}, {"LINNET_WORKRES": "2"})
    with pytest.raises(Refused, match="is not there"):
        load({}, {}, tmp_path / "none.toml")


def test_a_password_is_not_repeated_to_whoever_reads_the_error() -> None:
    with pytest.raises(Refused) as refusal:
        load({"smtp": "imap://me:hunter2@mail.example"}, {})
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command.words))
def test_every_command_teaches_and_its_function_exists(command, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        arguments.parsed([*command.words, "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "--data DIR" in said
    assert ("--database URL" in said) is (command.words[0] != "cluster"), "a node knows its database by itself"
    assert "examples:" in said
    module, _, function = command.run.partition(":")
    assert callable(getattr(__import__(module, fromlist=[function]), function))


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), USAGE, "required: COMMAND"),
        (("srve",), USAGE, "invalid choice"),
        (("serve", "--wrokers", "2"), USAGE, "unrecognized arguments: --wrokers"),
        (("account",), USAGE, "required: COMMAND"),
        (("account", "create", "alice"), USAGE, "--email"),
        (("serve", "--workers", "0"), CONFIGURATION, "--workers = '0' is refused"),
        (("token", "create", "x", "--database", "sqlite:x"), CONFIGURATION, "--database = 'sqlite:x' is refused"),
    ],
)
def test_a_wrong_command_line_ends_with_a_sentence_and_a_code(words: tuple[str, ...], code: int, said: str) -> None:
    with pytest.raises(Ending) as ending:
        arguments.parsed(list(words))
    assert ending.value.code == code
    assert said in str(ending.value)


def test_options_may_stand_before_the_command(tmp_path: Path) -> None:
    _, config = arguments.parsed(["--data", str(tmp_path), "serve", "--workers", "2"])
    assert (config.data, config.workers) == (tmp_path, 2)
