"""Memory of all the server's processes, before and after everything else was measured on it."""

from bench.machine import Running
from bench.report import Row, judged


def after_start(running: Running) -> Row:
    found = running.pss_mib()
    return judged("memory-start", "memory after the start", [found], 120, _figures(running), unit="MiB")


def after_all(running: Running) -> Row:
    found = running.pss_mib()
    return judged("memory-end", "memory after the benchmark", [found], 250, _figures(running), unit="MiB")


def _figures(running: Running) -> str:
    return f"PSS of {len(running.pids())} processes"
