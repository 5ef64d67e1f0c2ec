"""The process that decodes pictures: reads requests on stdin, answers on stdout, one at a time, within hard limits."""

import os
import resource
import select
import sys
import threading

from linnet.domain.errors import Invalid
from linnet.media import process
from linnet.media.messages import Answer, Refused, Request, frame, read_request

_FILES_MAX = 32
_NICENESS = 5


def main(memory_bytes: int) -> None:
    """Serves until stdin closes."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    # A decoder that prints must not be taken for an answer.
    os.dup2(2, 1)
    confine(memory_bytes, 0, _NICENESS)
    process.lock_decoders()
    end_with_parent()
    while (request := read_request(requests.read)) is not None:
        _allow_processor_time(request.cpu_s)
        answers.write(frame(_answer(request)))
        answers.flush()


def _answer(request: Request) -> Answer:
    try:
        return process.process(request.data, request.kind, request.limits)
    except Invalid as error:
        return Refused(error.field, error.why, error.code)


def confine(memory_bytes: int, file_bytes: int, niceness: int) -> None:
    """Files no larger than this, no core dumps, few open files, bounded memory; yields to those that answer people."""
    os.nice(niceness)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES_MAX, _FILES_MAX))


def _allow_processor_time(seconds: int) -> None:
    """The limit counts over the whole life of the process, so each picture is given what was used plus its share."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    spent = int(used.ru_utime + used.ru_stime) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (spent + seconds, resource.RLIM_INFINITY))


def end_with_parent() -> None:
    """Ends the process as soon as nobody holds the other end of stdin, even in the middle of a picture."""
    threading.Thread(target=_watch, daemon=True).start()


def _watch() -> None:
    poll = select.poll()
    poll.register(0, 0)
    poll.poll()
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
