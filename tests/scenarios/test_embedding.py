"""The embedded HTTP server: a worker that ends leaves new connections to the others that share its socket."""

import asyncio
import socket
import sys

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
_WORKER = """
import asyncio, sys
from linnet.cli.embedding import Server
async def hello(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello", "more_body": False})
async def said():
    print("done", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
async def main():
    server = Server(hello, int(sys.argv[1]))
    server.start()
    await said()
    server.stop_accepting()
    await said()
    await server.stop(5.0)
asyncio.run(main())
"""


async def test_who_stops_accepting_answers_on_and_leaves_the_rest_to_others() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        listening.setblocking(False)
        loop = asyncio.get_running_loop()
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _WORKER, str(listening.fileno()),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, pass_fds=[listening.fileno()],
        )  # fmt: skip
        assert worker.stdout is not None
        assert worker.stdin is not None
        async with asyncio.timeout(30):
            assert await worker.stdout.readline() == b"done\n"
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            writer.write(REQUEST)
            assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200")

            worker.stdin.write(b"stop accepting\n")
            assert await worker.stdout.readline() == b"done\n"
            for _ in range(20):
                _, new = await asyncio.open_connection(*listening.getsockname())
                writer.write(REQUEST)  # it is awake and at work while the new one waits
                assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200")
                accepted, address = await loop.sock_accept(listening)
                assert address == new.get_extra_info("sockname")
                accepted.close()
                new.close()
            writer.close()
            worker.stdin.write(b"end\n")
            assert await worker.wait() == 0
