"""What a node's children are told: nothing in the clear between machines, no secret where others can read it."""

import json
import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from linnet.cluster import configuration, passwords, patroni
from linnet.cluster.admission import Request
from linnet.cluster.configuration import Knowledge
from linnet.cluster.haproxy import BACKLOG
from linnet.cluster.layout import Binaries, Folders, Front, Member, NodeFile, Ports, Standing
from linnet.cluster.passwords import Passwords
from linnet.cluster.patroni import Machine
from linnet.cluster.picture import CHILDREN
from linnet.config import load
from linnet.domain.errors import Invalid
from linnet.storage.etcd import endpoints
from linnet.system import SystemChance

ONE, TWO, THREE = (Member(f"n{number}", f"10.0.0.{number}", Ports.starting()) for number in (1, 2, 3))
SECRETS = Passwords("secret-super", "secret-replica", "secret-rewind", "secret-linnet", "secret-rest")


def knowledge(data: Path = Path("/data"), **more: Any) -> Knowledge:
    known = Knowledge(
        node=NodeFile("linnet", ONE, "0.0.0.0:8000", "https://social.example"),
        standings=(Standing(ONE), Standing(TWO, "drained"), Standing(THREE, "joining")),
        folders=Folders(data),
        passwords=SECRETS,
        binaries=Binaries("/usr/bin/etcd", "/usr/sbin/haproxy", "/usr/lib/postgresql/15/bin"),
        machine=Machine(8 << 30, 4),
        python="/venv/bin/python",
        options={},
    )
    return replace(known, **more)


def test_no_secret_stands_in_what_everybody_may_read() -> None:
    for program in configuration.programs(knowledge()).values():
        assert "secret" not in " ".join((*program.arguments, *program.environment.values()))


def test_what_prints_all_that_a_node_knows_prints_no_secret() -> None:
    assert "secret-" not in f"{knowledge()!r}"
    assert "secret" not in repr(Request(b"secret-of-a-token---", b"secret-of-a-claim---", ONE))


def test_programs_are_run_by_their_files() -> None:
    found = configuration.programs(knowledge())
    assert list(found) == list(CHILDREN)
    patronis = ("/venv/bin/python", "-P", "-m", "linnet.cluster.patroni_program", "/data/run/patroni.yml")
    assert found["patroni"].arguments == patronis
    assert {name: program.inherits for name, program in found.items() if program.inherits} == {
        "linnet": configuration.BUCKET_VARIABLES
    }
    assert set(configuration.ENDING) == set(CHILDREN)
    assert configuration.ENDING[-1] == "etcd"


def test_etcd_knows_only_tls_and_elects_quickly() -> None:
    told = json.loads(configuration.files(knowledge())["etcd.json"])
    assert all(value.startswith("https://10.0.0.1:") for key, value in told.items() if key.endswith("-urls"))
    for kind in ("client-transport-security", "peer-transport-security"):
        assert told[kind]["client-cert-auth"] is True
        assert told[kind]["trusted-ca-file"] == "/data/cluster/ca.crt"
    assert told["pre-vote"] is True
    assert (told["heartbeat-interval"], told["election-timeout"]) == (50, 500)
    assert told["initial-cluster"] == "n1=https://10.0.0.1:7002"
    joined = replace(knowledge().node, beginning="existing", initial_cluster="n1=https://a:1,n2=https://b:1")
    told = json.loads(configuration.files(knowledge(node=joined))["etcd.json"])
    assert (told["initial-cluster-state"], told["initial-cluster"]) == ("existing", "n1=https://a:1,n2=https://b:1")


def test_postgresql_lets_nobody_in_without_tls_and_password() -> None:
    told = json.loads(configuration.files(knowledge())["patroni.yml"])
    rules = told["postgresql"]["pg_hba"]
    assert rules
    assert all(re.fullmatch(r"hostssl .* scram-sha-256", rule) for rule in rules)
    assert told["postgresql"]["parameters"]["ssl"] == "on"
    assert told["postgresql"]["parameters"]["unix_socket_directories"] == ""
    for user in told["postgresql"]["authentication"].values():
        assert (user["sslmode"], user["sslrootcert"]) == ("verify-ca", "/data/cluster/ca.crt")
    assert told["restapi"]["verify_client"] == "required"
    assert told["restapi"]["authentication"]["password"] == "secret-rest"
    assert told["etcd3"]["protocol"] == "https"


def test_patroni_waits_for_a_promotion_where_a_file_of_ours_can_be_run() -> None:
    files = configuration.files(knowledge())
    assert json.loads(files["patroni.yml"])["postgresql"]["bin_name"] == {"pg_ctl": "/data/run/pg_ctl"}
    assert "'in production'" in files["pg_ctl"]
    assert '/usr/lib/postgresql/15/bin/pg_ctl "$@"' in files["pg_ctl"]
    assert files.keys() >= configuration.EXECUTABLE
    files = configuration.files(knowledge(noexec=True))
    assert json.loads(files["patroni.yml"])["postgresql"]["bin_name"] == {}
    assert "pg_ctl" not in files


def test_only_who_has_joined_is_asked_but_every_database_is_known_beforehand() -> None:
    files = configuration.files(knowledge())
    assert json.loads(files["patroni.yml"])["etcd3"]["hosts"] == ["10.0.0.1:7001", "10.0.0.2:7001"]
    options = tomllib.loads(files["linnet.toml"])
    assert "@10.0.0.1:7004,10.0.0.2:7004,10.0.0.3:7004/linnet?" in options["database"]
    quota = json.loads(files["etcd.json"])["quota-backend-bytes"]
    assert endpoints(options["journal"]).quota_bytes == quota, "or posts might take what a failover needs"
    assert options["journal"].startswith("etcd://10.0.0.1:7001,10.0.0.2:7001?ca=/data/cluster/ca.crt&")
    assert "10.0.0.3" not in files["haproxy.cfg"]
    assert "server n2 10.0.0.2:7005" in files["haproxy.cfg"]


def test_a_node_that_joins_knows_itself_only_where_it_serves() -> None:
    joining = knowledge(node=NodeFile("linnet", THREE))
    files = configuration.files(joining)
    assert "server n3 " in files["haproxy.cfg"]
    assert "10.0.0.3" not in tomllib.loads(files["linnet.toml"])["journal"]
    assert json.loads(files["patroni.yml"])["postgresql"]["listen"] == "10.0.0.3:7004"


@pytest.mark.parametrize(
    ("state", "tags"),
    [
        ("ready", {"failover_priority": 2}),
        ("drained", {"failover_priority": 1}),
        ("leaving", {"nosync": True, "nofailover": True}),
    ],
)
def test_a_drained_node_is_the_last_to_be_made_the_primary(state: Any, tags: dict[str, Any]) -> None:
    told = json.loads(configuration.files(knowledge(standings=(Standing(ONE, state), Standing(TWO))))["patroni.yml"])
    assert told["tags"] == tags


def test_linnets_options_are_the_operators_and_the_clusters(tmp_path: Path) -> None:
    given = {"title": 'My "place"\nhere', "rate-limits": False, "languages": ["de", "en"], "bind": "0.0.0.0:1"}
    file = tmp_path / "linnet.toml"
    file.write_text(configuration.files(knowledge(options=given))["linnet.toml"], "utf-8")
    config = load({"data": str(tmp_path)}, {}, file)
    assert config.title == 'My "place"\nhere'
    assert config.rate_limits is False
    assert config.languages == ("de", "en")
    assert str(config.bind) == "127.0.0.1:7006", "what the cluster demands stands above what was given"
    assert str(config.streaming_bind) == "127.0.0.1:7007"
    assert config.origin == "https://social.example"
    assert config.blobs == "database"


def test_strictness_and_what_fences() -> None:
    for strict in (True, False):
        told = patroni.dynamic(strict=strict)
        assert told["synchronous_mode"] == "quorum"
        assert told["synchronous_mode_strict"] is strict
        assert (told["ttl"], told["loop_wait"], told["retry_timeout"]) == (20, 1, 3)
        assert told["failsafe_mode"] is True
        assert told["synchronous_node_count"] == 2
    assert json.loads(configuration.files(knowledge())["patroni.yml"])["bootstrap"]["dcs"] == patroni.dynamic(
        strict=False
    )


@pytest.mark.parametrize("gib", [1, 8, 64, 1024])
def test_postgresql_takes_its_part_of_the_machine(gib: int) -> None:
    found = patroni.parameters(Machine(gib << 30, 2))
    megabytes = int(found["shared_buffers"].removesuffix("MB"))
    assert 64 <= megabytes <= min(16_384, gib * 1024 // 4)


def test_what_makes_a_child_read_again() -> None:
    folders = Folders(Path("/data"))
    assert configuration.touched(["patroni.yml", "first.sql", "etcd.json"], folders) == ("patroni",)
    assert configuration.touched(["haproxy.cfg", "linnet.toml"], folders) == ("linnet", "haproxy")


def test_passwords_come_back_and_need_no_quoting() -> None:
    made = passwords.make(SystemChance())
    assert Passwords.from_json(made.to_json()) == made
    assert len({made.superuser, made.replicator, made.rewinder, made.linnet, made.rest}) == 5
    for text in ("", "{}", json.dumps({**json.loads(made.to_json()), "linnet": "it's"})):
        with pytest.raises(Invalid):
            Passwords.from_json(text)


def test_the_public_port_is_as_the_operator_said() -> None:
    plain = configuration.files(knowledge())["haproxy.cfg"]
    assert f"bind 0.0.0.0:8000 backlog {BACKLOG}\n" in plain
    node = replace(knowledge().node, front=Front("/etc/a.pem", "0.0.0.0:80", ("10.0.0.9/32",)))
    told = configuration.files(knowledge(node=node))["haproxy.cfg"]
    assert f"bind 0.0.0.0:8000 ssl crt /etc/a.pem alpn http/1.1 backlog {BACKLOG}\n" in told
    assert "frontend plain\n    bind 0.0.0.0:80\n" in told
    assert "acl ours src 10.0.0.9/32" in told
