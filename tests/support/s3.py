"""A bucket on the loopback interface (moto), for tests of what is kept in object storage."""

import urllib.request
from collections.abc import Iterator

import pytest
from moto.server import ThreadedMotoServer

from tests.support.ports import free_port

BUCKET = "linnet-test"


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """Its address; one server for all tests of a process."""
    server = ThreadedMotoServer("127.0.0.1", free_port(), verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_endpoint(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Its address, with an empty bucket in it and the credentials in the environment."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    for method, path in (("POST", "/moto-api/reset"), ("PUT", f"/{BUCKET}")):
        request = urllib.request.Request(s3_server + path, data=b"", method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200
    return s3_server


CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}
