"""Each house rule fails on a bad example, passes the good one, and the ratchet only turns one way."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.house import ratchet
from tests.house.rules import RULES
from tests.house.tree import Finding, Tree

SENTENCE = '"""Says what this is."""\n'
Files = dict[str, str]


def tree_of(root: Path, files: Files) -> Tree:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return Tree(root)


def a_test(body: str) -> Files:
    return {"tests/a/test_x.py": f"{SENTENCE}import pytest\nasync def test_x():\n    {body}\n"}


ERRORS = "class Base(Exception): ...\nclass Lost(Base): ...\nclass Plain: ...\n"
ERRORS_PATH = "linnet/domain/errors.py"
RAISED = {ERRORS_PATH: ERRORS}
CONFIG = "class Config:\n    rate_limits: bool = True\n    _inner: int = 0\n"
JOBS = 'JOB_HANDLERS = {"fan-out": fan_out, MAIL: send_mail}\n'
LOCK = "requirements/runtime.txt"
HASHED = "apsw==3.54.1 \\\n    --hash=sha256:00\n"
CLAIM = "linnet/storage/jobs.postgres.sql"
MAP = "docs/architecture.md"
DRAWN = "# Map\n```\nlinnet/\n  web/        pages\n    static/   style\n  app.py      no folder\n```\n"
HOUSE = {"linnet/web/a.py": SENTENCE, "linnet/web/static/a.css": ""}
REGISTRY = "py" + "pi.org"
LONG_BODY = "    x = 1\n" * 60

BAD: list[tuple[str, Files, str]] = [
    ("file-length", {"linnet/a.py": "x = 1\n" * 501}, "linnet/a.py"),
    ("file-length", {"linnet/storage/a.sql": "--\n" * 501}, "linnet/storage/a.sql"),
    ("function-length", {"linnet/a.py": f"def long():\n{LONG_BODY}"}, "linnet/a.py:long"),
    ("function-length", {"linnet/a.py": f"class A:\n  async def b(self):\n{LONG_BODY}"}, "linnet/a.py:A.b"),
    ("opening-sentence", {"linnet/a.py": "import os\n"}, "linnet/a.py"),
    ("opening-sentence", {"linnet/a.py": '"""Things"""\n'}, "linnet/a.py"),
    ("broad-except", {"linnet/a.py": "try: ...\nexcept Exception: ...\n"}, "linnet/a.py"),
    ("broad-except", {"linnet/a.py": "try: ...\nexcept: ...\n"}, "linnet/a.py"),
    ("broad-except", {"linnet/a.py": "try: ...\nexcept (OSError, BaseException): ...\n"}, "linnet/a.py"),
    ("broad-except", {"linnet/a.py": "try: ...\nexcept Exception: ... # boundary:\n"}, "linnet/a.py"),
    ("empty-names", {"linnet/web/utils.py": ""}, "linnet/web/utils.py"),
    ("empty-names", {"linnet/core/a.py": ""}, "linnet/core/a.py"),
    ("sleeping-tests", a_test("import time; time.sleep(1)"), "tests/a/test_x.py"),
    ("sleeping-tests", a_test("import asyncio; await asyncio.sleep(0.1)"), "tests/a/test_x.py"),
    ("sleeping-tests", a_test("from time import sleep as nap; nap(1)"), "tests/a/test_x.py"),
    ("sleeping-tests", a_test("page.wait_for_timeout(5)"), "tests/a/test_x.py"),
    ("toothless-tests", a_test("1 + 1"), "tests/a/test_x.py:test_x"),
    ("toothless-tests", a_test("assert True"), "tests/a/test_x.py:test_x"),
    ("toothless-tests", a_test("look()\ndef look():\n    look()"), "tests/a/test_x.py:test_x"),
    ("map-of-folders", HOUSE, MAP),
    ("map-of-folders", {MAP: DRAWN, "linnet/web/static/a.css": "", "linnet/mail/a.py": ""}, f"{MAP}:linnet/mail"),
    ("map-of-folders", {MAP: DRAWN, "linnet/web/a.py": ""}, f"{MAP}:linnet/web/static"),
    (
        "stated-exceptions",
        {CLAIM: "-- name: claim\nselect 1"},
        "linnet/storage/jobs.postgres.sql",
    ),
    ("unused-errors", {**RAISED}, f"{ERRORS_PATH}:Lost"),
    ("unused-errors", {**RAISED, "tests/a.py": '"""Lost"""\n# Lost\n'}, f"{ERRORS_PATH}:Lost"),
    ("unused-errors", {**RAISED, "tests/house/a.py": "Lost"}, f"{ERRORS_PATH}:Lost"),
    ("unused-errors", {"linnet/e.py": ERRORS, "linnet/b.py": "from linnet.e import Lost"}, "linnet/e.py:Lost"),
    ("unused-job-kinds", {"linnet/app.py": JOBS, "tests/a.py": "x = MAIL"}, "linnet/app.py:fan-out"),
    ("unused-job-kinds", {"linnet/app.py": JOBS, "tests/a.py": "x = 'fan-out'"}, "linnet/app.py:MAIL"),
    ("unused-config-keys", {"linnet/config.py": CONFIG}, "linnet/config.py:rate_limits"),
    (
        "unused-config-keys",
        {"linnet/config.py": CONFIG, "tests/a.py": "c.rate_limits"},
        "linnet/config.py:rate_limits",
    ),
    ("foreign-addresses", {"Makefile": f"pip install -i https://{REGISTRY}/simple\n"}, "Makefile"),
    ("foreign-addresses", {"docs/a.md": "see " + "/ro" + "ot/.config\n"}, "docs/a.md"),
    ("foreign-addresses", {"docs/a.md": "in `" + "/wo" + "rk/main`\n"}, "docs/a.md"),
    ("foreign-addresses", {LOCK: "a @ https://example.org/a.whl\n"}, LOCK),
    ("foreign-addresses", {LOCK: "--find-links wheels\n"}, LOCK),
    ("unpinned-packages", {LOCK: "apsw==3.54.1\n"}, f"{LOCK}:apsw==3.54.1"),
    ("unpinned-packages", {LOCK: "apsw>=3 \\\n    --hash=sha256:00\n"}, f"{LOCK}:apsw>=3"),
]

GOOD: list[tuple[str, Files]] = [
    ("file-length", {"linnet/a.py": "x = 1\n" * 500, "docs/long.md": "word\n" * 900}),
    ("function-length", {"linnet/a.py": f"def fits():\n{LONG_BODY[10:]}"}),
    ("opening-sentence", {"linnet/a.py": SENTENCE, "linnet/b.py": '"""Says it\nin two lines.\n\nAnd more\n"""\n'}),
    ("broad-except", {"linnet/a.py": "try: ...\nexcept Exception:  # boundary: a loop outlives its turns\n  ...\n"}),
    ("broad-except", {"linnet/a.py": "try: ...\nexcept (OSError, ValueError): ...\n"}),
    ("empty-names", {"linnet/web/pages.py": ""}),
    ("sleeping-tests", a_test("import asyncio; await asyncio.sleep(0)")),
    ("sleeping-tests", a_test("await clock.sleep(60)")),
    ("sleeping-tests", {"tests/support/poll.py": "import time\ntime.sleep(0.01)\n", "linnet/a.py": "time.sleep(1)"}),
    ("toothless-tests", a_test("assert 1 + 1 == 2")),
    ("toothless-tests", a_test("with pytest.raises(OSError): open('x')")),
    ("toothless-tests", a_test("expect(page).to_have_title('Linnet')")),
    ("toothless-tests", a_test("look()\ndef look():\n    assert 1 + 1 == 2")),
    ("toothless-tests", {"tests/support/a.py": "def test_data(): ...\n", "tests/a/test_b.py": "def make(): ...\n"}),
    ("map-of-folders", {MAP: DRAWN, **HOUSE}),
    (
        "stated-exceptions",
        {CLAIM: "-- why: workers claim side by side with skip locked\n"},
    ),
    ("unused-errors", {**RAISED, "tests/a.py": "raises(errors.Lost)"}),
    ("unused-errors", {"linnet/e.py": f"{ERRORS}raise Lost"}),
    ("unused-job-kinds", {"linnet/app.py": JOBS, "tests/a.py": "x = [MAIL, 'fan-out']"}),
    ("unused-job-kinds", {"linnet/app.py": JOBS, "tests/a.py": "fan_out(); send_mail()"}),
    ("unused-config-keys", {"linnet/config.py": CONFIG, "tests/a.py": "Config(rate_limits=False)"}),
    ("unused-config-keys", {"linnet/config.py": CONFIG, "tests/a.py": "['--rate-limits', 'off']"}),
    ("unused-config-keys", {"linnet/config.py": CONFIG, "tests/a.py": "{'LINNET_RATE_LIMITS': 'off'}"}),
    ("foreign-addresses", {"docs/a.md": "GET /api/v1/timelines/home and https://example.org/home/a\n"}),
    ("foreign-addresses", {LOCK: f"# made by 'make lock'\n{HASHED}    # via linnet (pyproject.toml)\n"}),
    ("unpinned-packages", {LOCK: HASHED}),
]


@pytest.mark.parametrize(("rule", "files", "place"), BAD, ids=lambda value: value if isinstance(value, str) else "")
def test_a_rule_finds_the_bad_example(rule: str, files: Files, place: str, tmp_path: Path) -> None:
    assert place in [finding.place for finding in RULES[rule](tree_of(tmp_path, files))]


@pytest.mark.parametrize(("rule", "files"), GOOD, ids=lambda value: value if isinstance(value, str) else "")
def test_a_rule_leaves_the_good_example(rule: str, files: Files, tmp_path: Path) -> None:
    assert list(RULES[rule](tree_of(tmp_path, files))) == []


def test_every_rule_has_a_bad_and_a_good_example() -> None:
    assert set(RULES) == {rule for rule, _, _ in BAD} == {rule for rule, _ in GOOD}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_bears_a_room_that_is_not_there_yet(rule: str, tmp_path: Path) -> None:
    assert [finding.why for finding in RULES[rule](tree_of(tmp_path, {}))] in ([], ["is missing"])


BETTER = "a.py: better than tests/house/ratchet.json says;"
RATCHET: list[tuple[str, list[Finding], dict[str, int], str]] = [
    ("new", [Finding("a.py", 600, "600 lines")], {}, "a.py: 600 lines"),
    ("grown", [Finding("a.py", 600, "600 lines")], {"a.py": 590}, "a.py (was 590, is 600): 600 lines"),
    ("counted together", [Finding("a.py", 1, "x"), Finding("a.py", 1, "y")], {"a.py": 1}, "a.py (was 1, is 2): x; y"),
    (
        "shrunk",
        [Finding("a.py", 550, "-")],
        {"a.py": 590},
        f"{BETTER} lower its entry to 550",
    ),
    ("no longer needed", [], {"a.py": 590}, f"{BETTER} remove its entry"),
]


@pytest.mark.parametrize(("case", "findings", "allowed", "said"), RATCHET, ids=[row[0] for row in RATCHET])
def test_the_ratchet_turns_one_way(case: str, findings: Iterable[Finding], allowed: dict[str, int], said: str) -> None:
    assert ratchet.complaints(findings, allowed) == [said], case


def test_the_ratchet_bears_what_it_lists() -> None:
    assert ratchet.complaints([Finding("a.py", 600, "600 lines")], {"a.py": 600}) == []
