"""What somebody typed never stands in a log, whatever fails while it is in our hands."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from linnet.telemetry import log, set_up_logs

def sign_in(password):
    challenge = {"secret": password}
    raise RuntimeError("the disk is on fire")

set_up_logs(form=sys.argv[1])
try:
    sign_in("correct " + "horse battery")
except RuntimeError as error:
    log.error("request_failed", error=repr(error), exc_info=error)
"""


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_traceback_names_lines_and_no_values(form: str) -> None:
    said = subprocess.run([sys.executable, "-c", PROGRAM, form], capture_output=True, text=True, check=True).stderr
    assert "the disk is on fire" in said
    assert "sign_in" in said
    assert "horse battery" not in said
