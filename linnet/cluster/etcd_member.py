"""What a node's etcd is told (pure): TLS for clients and peers, quick elections, bounded in what it keeps."""

import json

from linnet.cluster.layout import Folders, Member

HEARTBEAT_MS = 50
ELECTION_MS = 500
QUOTA_BYTES = 1 << 30
"""The journal may take a quarter of it; Patroni needs some kilobytes."""
KEEP_REVISIONS = "10m"


def render(me: Member, folders: Folders, cluster: str, *, beginning: str, initial_cluster: str) -> str:
    """The configuration file (JSON is YAML, too). ``beginning`` is ``new`` or ``existing``; once there are data, etcd
    looks at neither it nor ``initial_cluster``."""
    tls = {
        "cert-file": str(folders.certificate),
        "key-file": str(folders.key),
        "trusted-ca-file": str(folders.ca),
        "client-cert-auth": True,
    }
    values = {
        "name": me.name,
        "data-dir": str(folders.etcd),
        "listen-client-urls": me.etcd_url,
        "advertise-client-urls": me.etcd_url,
        "listen-peer-urls": me.etcd_peer_url,
        "initial-advertise-peer-urls": me.etcd_peer_url,
        "initial-cluster": initial_cluster,
        "initial-cluster-state": beginning,
        "initial-cluster-token": cluster,
        "client-transport-security": tls,
        "peer-transport-security": tls,
        "heartbeat-interval": HEARTBEAT_MS,
        "election-timeout": ELECTION_MS,
        # A member that was cut off must not depose a leader that all others hear.
        "pre-vote": True,
        "strict-reconfig-check": True,
        "quota-backend-bytes": QUOTA_BYTES,
        "auto-compaction-mode": "periodic",
        "auto-compaction-retention": KEEP_REVISIONS,
        "snapshot-count": 20_000,
        "max-txn-ops": 128,
        "enable-v2": False,
        # Off where a file is given, on otherwise.
        "enable-grpc-gateway": True,
        "logger": "zap",
        "log-outputs": ["stderr"],
        # At "warn" it writes a line for every request that comes through its gateway.
        "log-level": "error",
    }
    return json.dumps(values, indent=2) + "\n"
