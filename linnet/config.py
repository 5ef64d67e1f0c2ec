"""Every option of the operator, declared once: as a flag, as a ``LINNET_…`` variable and as a key of linnet.toml."""

import difflib
import ipaddress
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

MAX_WORKERS = 12
"""A machine has 16 worker numbers; commands and workers that are being replaced need some of them."""

_FILE_NAME = "linnet.toml"


class Refused(Exception):
    """A value that cannot be used: ``str(error)`` names the option, the value and the reason."""


class Address(NamedTuple):
    """Where the server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Smtp(NamedTuple):
    """The mail server. ``security`` is ``none``, ``starttls`` (both ask on a plain connection) or ``tls``."""

    host: str
    port: int
    security: str
    username: str = ""
    password: str = ""


class Bucket(NamedTuple):
    """Object storage that speaks S3. ``prefix`` goes before every name; '' leaves the rest to what is usual."""

    name: str
    prefix: str
    endpoint: str = ""
    region: str = ""


def option(default: str, parse: Callable[[str], Any], metavar: str, says: str, group: str = "serve") -> Any:
    """A field of Config. ``default`` is text, like every value that an operator gives; ``says`` is its help."""
    about = {"default": default, "parse": parse, "metavar": metavar, "says": says, "group": group}
    return field(default=parse(default), metadata=about)


# -- how values are read --------------------------------------------------------------------------------------------


def _text(value: str) -> str:
    if any(ord(character) < 0x20 and character not in "\n\t" for character in value):
        raise ValueError("it has control characters")
    return value.strip()


def _folder(value: str) -> Path:
    if not value:
        raise ValueError("it is empty; give the path of a folder")
    return Path(value).expanduser().absolute()


def _database(value: str) -> str:
    if not value or value.startswith(("postgres://", "postgresql://")):
        return value
    raise ValueError("it must be like postgresql://user:password@host:5432/name; without it, SQLite is used")


def _journal(value: str) -> str:
    if not value or value.startswith("etcd://"):
        return value
    raise ValueError("it must be like etcd://host:2379,host:2379; without it, posts wait where there is no primary")


def _bind(value: str) -> Address:
    host, colon, port = value.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if value.startswith("[") else host
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise ValueError("it must be an address and a port, like 127.0.0.1:8000 or [::]:8000")
    if host == "localhost":
        return Address("127.0.0.1", int(port))
    try:
        return Address(str(ipaddress.ip_address(host or "0.0.0.0")), int(port))
    except ValueError:
        raise ValueError(f"{host!r} is not an IP address of this machine, like 127.0.0.1, 0.0.0.0 or [::]") from None


def _bind_or_none(value: str) -> Address | None:
    return _bind(value) if value else None


def _origin(value: str) -> str:
    if not value:
        return ""
    parts = urlsplit(value if "://" in value else f"//{value}")
    if parts.scheme not in ("http", "https"):
        raise ValueError("it must begin with https:// (or with http://, for trying things out)")
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username is not None:
        raise ValueError("it must be a scheme and a host only, like https://social.example")
    try:
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except ValueError as error:
        raise ValueError(f"its host or its port is not right ({error})") from None
    if not host:
        raise ValueError("it has no host; it must be like https://social.example")
    usual = {"http": 80, "https": 443}[parts.scheme]
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, usual) else "")


def _whole(least: int, most: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        digits = value.strip().replace("_", "")
        if not digits.isdecimal() or not least <= int(digits) <= most:
            raise ValueError(f"it must be a whole number from {least} to {most}")
        return int(digits)

    return parse


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value.lower() not in choices:
            raise ValueError(f"it must be one of: {', '.join(choices)}")
        return value.lower()

    return parse


def _switch(value: str) -> bool:
    known = {"on": True, "yes": True, "true": True, "1": True, "off": False, "no": False, "false": False, "0": False}
    if value.lower() not in known:
        raise ValueError("it must be on or off")
    return known[value.lower()]


def _networks(value: str) -> tuple[str, ...]:
    found = []
    for part in filter(None, re.split(r"[,\s]+", value)):
        try:
            found.append(str(ipaddress.ip_network(part, strict=False)))
        except ValueError:
            raise ValueError(f"{part!r} is not an address or a network, like 127.0.0.1 or 10.0.0.0/8") from None
    return tuple(found)


def _ports(value: str) -> tuple[int, ...]:
    found = tuple(filter(None, re.split(r"[,\s]+", value)))
    if not all(part.isdecimal() and 0 < int(part) < 65536 for part in found):
        raise ValueError("it must be ports from 1 to 65535, like 80,443")
    return tuple(map(int, found))


def _languages(value: str) -> tuple[str, ...]:
    found = tuple(filter(None, re.split(r"[,\s]+", value)))
    for part in found:
        if not re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", part):
            raise ValueError(f"{part!r} is not a language code, like en or pt-BR")
    return found or ("en",)


_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def _period(least: str, most: str) -> Callable[[str], int]:
    """A length of time in ms, written like ``36h``; ``least`` and ``most`` are written so too."""

    def milliseconds(value: str) -> int:
        match = re.fullmatch(r"(\d{1,9})\s*([smhd])", value.strip())
        if match is None:
            raise ValueError("it must be a number with s, m, h or d behind it, like 36h or 7d")
        return int(match[1]) * _UNITS[match[2]]

    def parse(value: str) -> int:
        found = milliseconds(value)
        if not milliseconds(least) <= found <= milliseconds(most):
            raise ValueError(f"it must be from {least} to {most}")
        return found

    return parse


def period(value: str) -> int:
    """A length of time that a command takes, in ms. Raises Refused."""
    try:
        return int(_period("1s", "3650d")(value))
    except ValueError as error:
        raise Refused(str(error)) from None


def _size(most_mib: int) -> Callable[[str], int]:
    """A size in bytes, written like ``16M``."""

    def parse(value: str) -> int:
        match = re.fullmatch(r"(\d{1,6})\s*([KMG])(?:i?B)?", value.strip(), re.IGNORECASE)
        if match is None:
            raise ValueError("it must be a number with K, M or G behind it, like 16M")
        found = int(match[1]) << {"K": 10, "M": 20, "G": 30}[match[2].upper()]
        if not 1 << 16 <= found <= most_mib << 20:
            raise ValueError(f"it must be from 64K to {most_mib}M")
        return found

    return parse


def _smtp(value: str) -> Smtp | None:
    if not value:
        return None
    parts = urlsplit(value)
    security = {"smtp": "starttls", "smtps": "tls", "smtp+plain": "none"}.get(parts.scheme)
    if security is None or not parts.hostname or parts.path not in ("", "/") or parts.query:
        raise ValueError(
            "it must be like smtp://user:password@mail.example:587 (STARTTLS), smtps://… (TLS), "
            "or smtp+plain://127.0.0.1:25 for a mail server on this machine"
        )
    try:
        port = parts.port or {"starttls": 587, "tls": 465, "none": 25}[security]
    except ValueError:
        raise ValueError("its port is not a number from 1 to 65535") from None
    return Smtp(parts.hostname, port, security, unquote(parts.username or ""), unquote(parts.password or ""))


def _blobs(value: str) -> Bucket | Literal["database"] | None:
    if not value:
        return None
    if value == "database":
        return "database"
    parts = urlsplit(value)
    if parts.scheme != "s3" or not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", parts.netloc):
        raise ValueError(
            "it must be like s3://bucket/prefix?region=eu-central-1&endpoint=https://s3.example.org, with the key in "
            "the variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or `database`; without it, DIR/media is used"
        )
    chosen = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = chosen.keys() - {"endpoint", "region"}
    if unknown:
        raise ValueError(f"{min(unknown)!r} is not known there; it takes endpoint and region")
    endpoint = chosen.get("endpoint", "").rstrip("/")
    if endpoint and not endpoint.startswith(("https://", "http://")):
        raise ValueError("its endpoint must begin with https:// (or http://)")
    return Bucket(parts.netloc, parts.path.strip("/"), endpoint, chosen.get("region", ""))


def _translation(value: str) -> str:
    if not value:
        return ""
    kind, _, address = value.partition(":")
    parts = urlsplit(address)
    if kind != "libretranslate" or parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise ValueError(
            "it must be like libretranslate:https://translate.example or libretranslate:http://127.0.0.1:5000"
        )
    return address


def _email(value: str) -> str:
    if value and not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", value):
        raise ValueError("it must be an address like admin@social.example")
    return value


_LEVELS = _one_of("debug", "info", "warning", "error")


# -- the options ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Config:
    """What the operator chose. Periods are in ms, sizes in bytes."""

    # ruff: noqa: RUF009

    data: Path = option("data", _folder, "DIR", "the folder for everything that is kept", "every")
    database: str = option("", _database, "URL", "a PostgreSQL database instead of DIR/linnet.db (SQLite)", "every")
    journal: str = option(
        "", _journal, "URL", "etcd, which takes posts while PostgreSQL has no primary: etcd://host:port,host:port?ca=…",
        "every",
    )  # fmt: skip
    blobs: Bucket | Literal["database"] | None = option(
        "", _blobs, "URL", "instead of DIR/media: `database`, or s3://bucket/prefix?region=…&endpoint=…", "every"
    )
    log_format: str = option("text", _one_of("text", "json"), "text|json", "how log lines look", "every")
    log_level: str = option("info", _LEVELS, "LEVEL", "debug, info, warning or error", "every")

    bind: Address = option("127.0.0.1:8000", _bind, "ADDRESS:PORT", "where to listen")
    streaming_bind: Address | None = option(
        "", _bind_or_none, "ADDRESS:PORT", "where to listen for open streams too, at a tenth of their memory"
    )
    origin: str = option("", _origin, "URL", "the address that people use; kept for ever at the first start")
    workers: int = option("1", _whole(1, MAX_WORKERS), "N", "how many processes answer")
    trusted_proxies: tuple[str, ...] = option(
        "", _networks, "CIDR,…", "the proxies whose X-Forwarded-For is believed, like 127.0.0.1,10.0.0.0/8"
    )
    rate_limits: bool = option("on", _switch, "on|off", "Mastodon's rate limits")
    metrics: str = option(
        "loopback", _one_of("on", "off", "loopback"), "on|off|loopback", "who may read /metrics (Prometheus)"
    )
    outbound_allow: tuple[str, ...] = option(
        "", _networks, "CIDR,…", "inner networks that posts' links may lead to; for tests and intranets"
    )
    outbound_ports: tuple[int, ...] = option("80,443", _ports, "PORT,…", "the ports that other servers are asked on")
    drain: int = option("20s", _period("0s", "10m"), "TIME", "how long requests under way may take at the end")

    registrations: str = option(
        "open", _one_of("open", "approval", "invite", "closed"), "open|approval|invite|closed", "who may sign up",
        "community",
    )  # fmt: skip
    title: str = option("Linnet", _text, "TEXT", "the name of this place", "community")
    description: str = option(
        "A small, friendly place to say what is happening.", _text, "TEXT", "one sentence about it", "community"
    )
    contact_email: str = option("", _email, "ADDRESS", "where people reach whoever runs it", "community")
    languages: tuple[str, ...] = option("en", _languages, "CODE,…", "what is mostly spoken there", "community")
    max_characters: int = option("500", _whole(1, 100_000), "N", "the longest post; 140 is 2008", "community")
    max_image: int = option("16M", _size(256), "SIZE", "the largest picture that may be uploaded", "community")
    max_film: int = option("99M", _size(4096), "SIZE", "the largest film or sound that may be uploaded", "community")
    max_film_time: int = option("15m", _period("1s", "4h"), "TIME", "the longest film", "community")
    translation: str = option(
        "", _translation, "libretranslate:URL", "what translates posts; without it, nothing does", "community"
    )
    translation_key: str = option("", _text, "TEXT", "the key for it, where it wants one", "community")
    smtp: Smtp | None = option(
        "", _smtp, "URL", "the mail server, like smtp://user:password@mail.example:587", "community"
    )
    mail_from: str = option("", _email, "ADDRESS", "the sender of e-mails; else the contact address", "community")

    keep_changes: int = option("7d", _period("1h", "90d"), "TIME", "news for caches and open streams", "retention")
    keep_receipts: int = option("7d", _period("1d", "90d"), "TIME", "Idempotency-Keys and their answers", "retention")
    keep_sessions: int = option("30d", _period("1h", "365d"), "TIME", "browsers that are not used", "retention")
    keep_uploads: int = option("1d", _period("1h", "30d"), "TIME", "media that no post was made with", "retention")
    keep_apps: int = option("1d", _period("1h", "365d"), "TIME", "apps that nobody signed in with", "retention")
    home_entries: int = option("800", _whole(40, 10_000), "N", "posts kept on each home timeline", "retention")
    merge_followers: int = option(
        "10000", _whole(1, 100_000_000), "N", "from so many followers on, posts are looked up instead of handed out",
        "retention",
    )  # fmt: skip


OPTIONS = {entry.name.replace("_", "-"): entry for entry in fields(Config)}
"""Each field of Config under the name that its flag has, without the dashes."""


def variable(name: str) -> str:
    """The environment's name of an option."""
    return f"LINNET_{name.replace('-', '_').upper()}"


def load(
    flags: Mapping[str, str], environment: Mapping[str, str], file: Path | None = None, *, of_node: bool = False
) -> Config:
    """The options that hold: a flag wins over a variable, that over the file, that over the default.

    ``flags`` has names as in OPTIONS. Without ``file``, linnet.toml in the data folder is read where there is one; of
    a cluster's node, what the node made of it; ``of_node`` is what its operator wrote, of which it is yet to be made.
    Raises Refused.
    """
    _know(environment)
    values: dict[str, tuple[str, str]] = {}
    for name in OPTIONS:
        if name in flags:
            values[name] = (f"--{name}", flags[name])
        elif variable(name) in environment:
            values[name] = (variable(name), environment[variable(name)])
    if file is None and "LINNET_CONFIG" in environment:
        file = Path(environment["LINNET_CONFIG"])
    data = _parsed("data", *values["data"]) if "data" in values else Config().data
    written = file or (data / _FILE_NAME if of_node else _file_in(data))
    for name, given in _read_file(written, required=file is not None).items():
        values.setdefault(name, given)
    return Config(**{name.replace("-", "_"): _parsed(name, *given) for name, given in values.items()})


def _file_in(data: Path) -> Path:
    """A command that is given a node's folder means the cluster's database, and not another one beside it."""
    made = data / "run" / _FILE_NAME
    return made if (data / "cluster" / "node.json").exists() and made.exists() else data / _FILE_NAME


def _know(environment: Mapping[str, str]) -> None:
    known = {variable(name) for name in OPTIONS} | {"LINNET_CONFIG"}
    for name in environment:
        if name.startswith("LINNET_") and name not in known:
            raise Refused(f"The variable {name} is not an option of Linnet{_nearest(name, known)}")


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {near[0]}?" if near else "; `linnet serve --help` lists them all"


def _read_file(path: Path, *, required: bool) -> dict[str, tuple[str, str]]:
    """Name -> where it was given, and its text."""
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        if not required:
            return {}
        raise Refused(f"The configuration {path} is not there") from None
    except OSError as error:
        raise Refused(f"The configuration {path} cannot be read: {os.strerror(error.errno or 0)}") from None
    except ValueError as error:
        raise Refused(f"The configuration {path} is not right TOML: {error}") from None
    values = {}
    for key, value in found.items():
        name = key.replace("_", "-")
        if name not in OPTIONS:
            raise Refused(f"{path}: {key} is not an option of Linnet{_nearest(name, OPTIONS)}")
        if name == "data":
            raise Refused(f"{path}: the data folder is given by --data or LINNET_DATA, not by a file inside of it")
        values[name] = (f"{path}: {key}", _as_text(f"{path}: {key}", value))
    return values


def _as_text(where: str, value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    if not isinstance(value, str | int):
        raise Refused(f"{where} = {value!r} is refused: it must be text, a whole number, true or false")
    return str(value)


def _parsed(name: str, where: str, value: str) -> Any:
    try:
        return OPTIONS[name].metadata["parse"](value)
    except ValueError as error:
        shown = "(kept secret)" if name in ("smtp", "database") and "@" in value else repr(value)
        raise Refused(f"{where} = {shown} is refused: {error}") from None
