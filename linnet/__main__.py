"""The command ``linnet``: reads its arguments, runs what they name, and ends with one sentence where it cannot."""

import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Sequence

from linnet.cli.arguments import parsed
from linnet.cli.ending import IO_FAILED, OUR_FAULT, Ending


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code (see sysexits.h)."""
    try:
        chosen, config = parsed(sys.argv[1:] if arguments is None else arguments)
        module, _, function = chosen.command.run.partition(":")
        code: int = getattr(importlib.import_module(module), function)(config, chosen) or 0
        sys.stdout.flush()
        return code
    except Ending as ending:
        print(f"linnet: {ending}", file=sys.stderr)
        return ending.code
    except BrokenPipeError:
        # Whoever read our output has left (as `| head` does); Python would complain again at its end.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return IO_FAILED
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except Exception as error:  # boundary: what nobody foresaw ends in a sentence too; its traceback is for us
        if os.environ.get("LINNET_LOG_LEVEL") == "debug":
            raise
        print(
            f"linnet: This should not have happened: {error!r}. With LINNET_LOG_LEVEL=debug the command tells more; "
            "please report it.",
            file=sys.stderr,
        )
        return OUR_FAULT


if __name__ == "__main__":
    sys.exit(main())
