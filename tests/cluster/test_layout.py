"""Names, addresses, ports and folders of a node."""

from dataclasses import replace
from pathlib import Path

import pytest

from linnet.cluster.layout import (
    Folders,
    Front,
    Member,
    NodeFile,
    Ports,
    checked_address,
    checked_name,
    initial_cluster,
    member,
    name_of_host,
)
from linnet.domain.errors import Invalid


def test_ports_stand_in_a_row() -> None:
    assert Ports.starting() == Ports(7000, 7001, 7002, 7003, 7004, 7005, 7006, 7007)
    assert Ports.starting(9000).streaming == 9007
    for base in (0, 80, 65_530):
        with pytest.raises(Invalid):
            Ports.starting(base)


def test_a_members_addresses() -> None:
    one = Member("n1", "10.0.0.1", Ports.starting())
    assert one.control_url == "https://10.0.0.1:7000"
    assert one.etcd_url == "https://10.0.0.1:7001"
    assert one.etcd_peer_url == "https://10.0.0.1:7002"
    assert one.patroni_url == "https://10.0.0.1:7003"
    assert one.local_address == "127.0.0.1"
    six = Member("n6", "fd00::6", Ports.starting())
    assert six.at(7004) == "[fd00::6]:7004"
    assert six.local_address == "::1"
    assert Member("n2", "127.0.1.2", Ports.starting()).local_address == "127.0.1.2", "three nodes on one machine"
    assert initial_cluster([six, one]) == "n1=https://10.0.0.1:7002,n6=https://[fd00::6]:7002"


def test_the_nodes_file_comes_back_as_it_was_written() -> None:
    me = Member("n1", "10.0.0.1", Ports.starting(9000))
    node = NodeFile("linnet", me, "0.0.0.0:80", "https://social.example", "existing", "n1=https://10.0.0.1:9002")
    node = replace(node, front=Front("/etc/a.pem", "0.0.0.0:80", ("10.0.0.9/32",)))
    assert NodeFile.from_json(node.to_json()) == node
    assert member(me.public()) == me


@pytest.mark.parametrize("port", [0, -1, 65_536, 10**9])
def test_a_member_with_a_port_that_is_none_is_refused(port: int) -> None:
    """Its peers write all of them into their own configurations."""
    said = Member("n1", "10.0.0.1", Ports.starting()).public()
    said["ports"]["inner"] = port
    with pytest.raises(Invalid):
        member(said)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"cluster": "c"}', '{"cluster":"c","name":"n","address":"x","ports":{}}']
)
def test_a_nodes_file_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        NodeFile.from_json(text)


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a.b", "a b", "a" * 41, "ä"])
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(Invalid):
        checked_name(name)


@pytest.mark.parametrize(
    ("host", "name"),
    [("Host-1.example.org", "host-1"), ("", "node"), ("---", "node"), ("a_b", "a-b"), ("x" * 99, "x" * 40)],
)
def test_a_hosts_name_becomes_a_nodes(host: str, name: str) -> None:
    assert checked_name(name_of_host(host)) == name


@pytest.mark.parametrize(
    "address",
    [
        *("", "0.0.0.0", "::", "host.example", "224.0.0.1", "10.0.0.1/8"),
        *("fe80::1%eth0", "fe80::1%@host.example", "fe80::1%a b\n"),
    ],
)
def test_addresses_that_are_refused(address: str) -> None:
    with pytest.raises(Invalid):
        checked_address(address)


def test_folders() -> None:
    folders = Folders(Path("/var/lib/linnet"))
    assert folders.node == Path("/var/lib/linnet/cluster/node.json")
    assert folders.configuration("patroni") == Path("/var/lib/linnet/run/patroni.yml")
    assert folders.children in set(folders.made())
    standing = {
        folders.ca,
        folders.certificate,
        folders.key,
        folders.pem,
        folders.secrets,
        folders.members,
        folders.voted,
    }
    assert {path.parent for path in standing} == {folders.cluster}
    assert {folders.logs, folders.etcd} <= set(folders.made())
    assert folders.postgres not in set(folders.made()), "Patroni makes it, and takes it away"
    assert folders.lock.parent == folders.stale.parent == folders.run
