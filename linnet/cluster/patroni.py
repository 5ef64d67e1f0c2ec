"""What a node's Patroni and its PostgreSQL are told (pure): settings that lost nothing when they were measured.

`docs/decisions/0022-a-node-and-its-children.md` has the reasons.
"""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from linnet.cluster.layout import DRAINED, LEAVING, PREFIX, READY, Folders, Member
from linnet.cluster.passwords import Passwords

NAMESPACE = f"{PREFIX}patroni/"
SCOPE = "linnet"
REST_USER = "linnet"
DATABASE = "linnet"
ROLE = "linnet"
CONNECTIONS = 200
LOG_LEVEL = "INFO"
THREADS = 32
"""Patroni waits without end for whoever has connected to its REST interface and says nothing, with one of its threads:
with its own five, as many peers that hang would keep all others from choosing a primary."""

STANDBYS_AWAITED = 2
"""So many standbys have a commit before it is acknowledged, or all where there are fewer. Of three members, both
others: a primary that was frozen has nobody left to commit with."""
STRICT: dict[str, Any] = {"synchronous_mode": "quorum", "synchronous_mode_strict": True}
RELAXED: dict[str, Any] = {"synchronous_mode": "quorum", "synchronous_mode_strict": False}
ASYNCHRONOUS: dict[str, Any] = {"synchronous_mode": False, "synchronous_mode_strict": False}
SYNCHRONOUS_KEY = f"{NAMESPACE}{SCOPE}/sync"
"""Where Patroni keeps in etcd who may be waited for; it goes when nobody is waited for any more."""

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is to share out."""

    memory_bytes: int
    processors: int


@dataclass(frozen=True, slots=True)
class Postgres:
    """Where PostgreSQL's programs are, and the file that makes Linnet's role and database once.

    ``pg_ctl`` is the file that is run instead of PostgreSQL's own; '' for none.
    """

    programs: str
    first_sql: str
    pg_ctl: str = ""


def dynamic(*, strict: bool) -> dict[str, Any]:
    """What Patroni keeps in etcd, for all nodes alike.

    ``strict`` is whether a commit waits where there is no standby at all: not with one member, always with more.
    """
    return {
        "ttl": 20,
        "loop_wait": 1,
        "retry_timeout": 3,
        "maximum_lag_on_failover": _MIB,
        "primary_start_timeout": 0,
        "primary_stop_timeout": 3,
        "failsafe_mode": True,
        "synchronous_mode": "quorum",
        "synchronous_mode_strict": strict,
        "synchronous_node_count": STANDBYS_AWAITED,
        "postgresql": {"use_pg_rewind": True, "use_slots": True, "parameters": _alike()},
    }


def _alike() -> dict[str, Any]:
    """PostgreSQL's parameters that must be the same on primary and standbys, or should be."""
    return {
        "max_connections": CONNECTIONS,
        "wal_log_hints": "on",
        "synchronous_commit": "on",
        "hot_standby_feedback": "on",
        "wal_sender_timeout": "2s",
        "wal_receiver_timeout": "2s",
        "wal_receiver_status_interval": "1s",
        "wal_retrieve_retry_interval": "200ms",
        "tcp_user_timeout": 2_000,
        "tcp_keepalives_idle": 1,
        "tcp_keepalives_interval": 1,
        "tcp_keepalives_count": 2,
        "checkpoint_timeout": "5min",
        "max_wal_size": "1GB",
        # A standby that stays away may hold back so much of the log and no more: then it is copied anew.
        "wal_keep_size": "256MB",
        "max_slot_wal_keep_size": "4GB",
        "password_encryption": "scram-sha-256",
        # Whoever only opens connections has them for no longer.
        "authentication_timeout": "10s",
        "jit": "off",
    }


def parameters(machine: Machine) -> dict[str, Any]:
    """PostgreSQL's parameters that follow from the machine: it is shared with Linnet, etcd and the page cache."""
    memory = machine.memory_bytes // _MIB
    return {
        "shared_buffers": f"{_within(memory // 8, 64, 16_384)}MB",
        "effective_cache_size": f"{max(128, memory // 2)}MB",
        "maintenance_work_mem": f"{_within(memory // 32, 32, 1_024)}MB",
        "work_mem": f"{_within(memory // 1_024, 4, 64)}MB",
        "max_parallel_workers_per_gather": 0 if machine.processors < 4 else 2,
        "random_page_cost": 1.1,
    }


def _within(value: int, least: int, most: int) -> int:
    return max(least, min(value, most))


def tags(state: str) -> dict[str, Any]:
    """What its Patroni tells the others of a node in this state.

    One that is drained is chosen only where there is nobody else: no primary at all would be worse. For one that is
    leaving no commit waits any more, so that its end holds nobody up.
    """
    if state == LEAVING:
        return {"nosync": True, "nofailover": True}
    return {"failover_priority": 1 if state == DRAINED else 2}


def render(
    me: Member,
    members: Sequence[Member],
    folders: Folders,
    passwords: Passwords,
    postgres: Postgres,
    machine: Machine,
    *,
    state: str = READY,
) -> str:
    """The configuration file (JSON is YAML, too). It holds passwords. ``state`` is the node's own."""
    tls = {"certfile": str(folders.certificate), "keyfile": str(folders.key)}
    values = {
        "scope": SCOPE,
        "namespace": NAMESPACE,
        "name": me.name,
        "tags": tags(state),
        "log": {"level": LOG_LEVEL, "deduplicate_heartbeat_logs": True},
        "restapi": {
            "listen": me.at(me.ports.patroni),
            "connect_address": me.at(me.ports.patroni),
            **tls,
            "cafile": str(folders.ca),
            "verify_client": "required",
            "thread_pool_size": THREADS,
            "authentication": {"username": REST_USER, "password": passwords.rest},
        },
        "ctl": {**tls, "cacert": str(folders.ca)},
        "etcd3": {
            "hosts": [one.at(one.ports.etcd) for one in members],
            "protocol": "https",
            "cacert": str(folders.ca),
            "cert": str(folders.certificate),
            "key": str(folders.key),
        },
        "bootstrap": {
            "dcs": dynamic(strict=False),
            "initdb": [
                {"encoding": "UTF8"},
                {"locale": "C.UTF-8"},
                "data-checksums",
                {"auth-host": "scram-sha-256"},
                {"auth-local": "scram-sha-256"},
            ],
            "post_bootstrap": f"{shlex.quote(f'{postgres.programs}/psql')} -qX -v ON_ERROR_STOP=1 "
            f"-f {shlex.quote(postgres.first_sql)} -d",
        },
        "postgresql": _postgresql(me, folders, passwords, postgres, machine),
    }
    return json.dumps(values, indent=2) + "\n"


def _postgresql(
    me: Member, folders: Folders, passwords: Passwords, postgres: Postgres, machine: Machine
) -> dict[str, Any]:
    verified = {"sslmode": "verify-ca", "sslrootcert": str(folders.ca)}
    return {
        "listen": me.at(me.ports.postgres),
        "connect_address": me.at(me.ports.postgres),
        "data_dir": str(folders.postgres),
        "bin_dir": postgres.programs,
        "bin_name": {"pg_ctl": postgres.pg_ctl} if postgres.pg_ctl else {},
        "pgpass": str(folders.run / "pgpass"),
        "create_replica_methods": ["basebackup"],
        "basebackup": [{"checkpoint": "fast"}],
        "remove_data_directory_on_rewind_failure": True,
        "remove_data_directory_on_diverged_timelines": True,
        "authentication": {
            "superuser": {"username": "postgres", "password": passwords.superuser, **verified},
            "replication": {"username": "replicator", "password": passwords.replicator, **verified},
            "rewind": {"username": "rewinder", "password": passwords.rewinder, **verified},
        },
        "parameters": {
            "ssl": "on",
            "ssl_cert_file": str(folders.certificate),
            "ssl_key_file": str(folders.key),
            "ssl_ca_file": str(folders.ca),
            # Only over TLS and with a password, for those on this machine too.
            "unix_socket_directories": "",
            "logging_collector": "off",
            **parameters(machine),
        },
        "pg_hba": [
            f"hostssl {DATABASE} {ROLE} all scram-sha-256",
            "hostssl replication replicator all scram-sha-256",
            "hostssl postgres rewinder all scram-sha-256",
            "hostssl all postgres all scram-sha-256",
        ],
    }


def pg_ctl(programs: str, data: str) -> str:
    """The file that Patroni runs as pg_ctl: it does what that does, and a promotion only ends when it is done.

    Patroni asks for one, looks at once whether it is done, and next after a second; and only when it is does it let
    commits go on without the machine that was lost.
    """
    done = f"LC_ALL=C {shlex.quote(f'{programs}/pg_controldata')} -D {shlex.quote(data)} | grep -q 'in production'"
    return f"""\
#!/bin/sh
{shlex.quote(f"{programs}/pg_ctl")} "$@" || exit
[ "$1" = promote ] || exit 0
for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    {done} && break
    sleep 0.05
done
exit 0
"""


def first_sql(passwords: Passwords) -> str:
    """Makes Linnet's role and its database; run once in the life of a cluster, and again after a crash within it."""
    return f"""\
-- Run by Patroni on the first primary, before anybody else may write.
set log_min_error_statement = panic;
set password_encryption = 'scram-sha-256';
select not exists (select from pg_roles where rolname = '{ROLE}') as lacking \\gset
\\if :lacking
create role {ROLE} login;
\\endif
alter role {ROLE} password '{passwords.linnet}';
select not exists (select from pg_database where datname = '{DATABASE}') as lacking \\gset
\\if :lacking
create database {DATABASE} owner {ROLE} template template0 encoding 'UTF8' locale 'C.UTF-8';
\\endif
"""


def database_url(members: Sequence[Member], folders: Folders, passwords: Passwords) -> str:
    """For ``linnet serve --database``: every member, whichever is the primary."""
    hosts = ",".join(one.at(one.ports.postgres) for one in members)
    return f"postgresql://{ROLE}:{passwords.linnet}@{hosts}/{DATABASE}?sslmode=verify-ca&sslrootcert={folders.ca}"
