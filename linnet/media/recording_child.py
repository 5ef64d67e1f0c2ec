"""The process that makes one film or sound anew: request on stdin, answer on stdout, files by their descriptors."""

import os
import resource
import sys

from linnet.domain.errors import Invalid
from linnet.media import process, recordings, transcode
from linnet.media.child import confine, end_with_parent
from linnet.media.handles import Handle
from linnet.media.messages import Answer, RecordingRequest, Refused, frame, read_recording_request

_NICENESS = 10


def main(memory_bytes: int, file_bytes: int) -> None:
    """Answers one request. ``file_bytes`` bounds what is written to the one file that stands open for it."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    # A decoder that prints must not be taken for an answer.
    os.dup2(2, 1)
    confine(memory_bytes, file_bytes, _NICENESS)
    process.lock_decoders()
    end_with_parent()
    request = read_recording_request(requests.read)
    if request is not None:
        resource.setrlimit(resource.RLIMIT_CPU, (request.cpu_s, resource.RLIM_INFINITY))
        answers.write(frame(_answer(request)))
        answers.flush()
    # The libraries' own clearing up has nothing left to do.
    os._exit(0)


def _answer(request: RecordingRequest) -> Answer:
    try:
        with recordings.opened(Handle(request.source), request.demuxer, request.limits) as source:
            return transcode.make(source, Handle(request.target))
    except Invalid as error:
        return Refused(error.field, error.why, error.code)
    except MemoryError:
        return Refused("file", "needs too much memory to be processed", "ERR_INVALID")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
