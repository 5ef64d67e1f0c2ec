"""What a drill shows while it runs: in place on a terminal, in plain lines where nobody looks."""

import io

from linnet.drill.client import Answer
from linnet.drill.live import Figures, Tally
from linnet.drill.screen import Screen, lines, sentence
from tests.support.loopback import HastyClock

FIGURES = Figures(12.0, 360, 1_200, 1, 7, 3, 30.0, 100.0, 0.0421, 0.011, 0.55, {"http://127.0.1.1:8000": 1.25})


def answered(endpoint: str, began: float, seconds: float, why: str = "") -> Answer:
    return Answer(0 if why else 200, b"{}", endpoint, 1, began, began + seconds, why)


def _terminal(text: str) -> list[str]:
    """What stands on a terminal that was written this: it knows lines, going up and clearing."""
    shown: list[str] = [""]
    row = 0
    place = 0
    while place < len(text):
        if text[place] == "\x1b":
            end = next(at for at in range(place, len(text)) if text[at].isalpha())
            code, number = text[end], text[place + 2 : end]
            if code == "A":
                row -= int(number)
                assert row >= 0, "above the top"
            elif code == "K":
                shown[row] = ""
            place = end + 1
            continue
        if text[place] == "\n":
            row += 1
            shown += [""] * (row + 1 - len(shown))
        elif text[place] != "\r":
            shown[row] += text[place]
        place += 1
    return [line for line in shown if line]


def test_figures_stay_below_and_sentences_scroll_above() -> None:
    out = io.StringIO()
    screen = Screen(out, HastyClock(), live=True)
    screen.say("bringing up")
    screen.show(FIGURES, "switchover 1/5")
    screen.show(FIGURES._replace(posts=400), "switchover 1/5")
    screen.say("switchover: on n2")
    shown = _terminal(out.getvalue())
    assert shown[:2] == ["bringing up", "switchover: on n2"]
    assert len(shown) == 2 + len(lines(FIGURES, "x"))
    assert sum("400" in line for line in shown) == 1
    screen.clear()
    screen.say("done")
    assert _terminal(out.getvalue()) == ["bringing up", "switchover: on n2", "done"]


def test_the_last_figures_stay_when_it_closes() -> None:
    out = io.StringIO()
    screen = Screen(out, HastyClock(), live=True)
    screen.show(FIGURES, "x")
    screen.close()
    screen.say("after")
    assert len(_terminal(out.getvalue())) == len(lines(FIGURES, "x")) + 1


def test_a_line_is_never_longer_than_the_terminal(monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    out = io.StringIO()
    Screen(out, HastyClock(), live=True).show(FIGURES, "a very long title of a run that never ends")
    assert max(map(len, _terminal(out.getvalue()))) <= 20


def test_where_nobody_looks_figures_are_said_now_and_then() -> None:
    out, clock = io.StringIO(), HastyClock()
    screen = Screen(out, clock)
    for _ in range(25):
        screen.show(FIGURES, "switchover 1/5")
        clock.now += 1
    screen.say("healed")
    said = out.getvalue().splitlines()
    assert said == [f"switchover 1/5: {sentence(FIGURES)}"] * 2 + ["healed"]
    assert "\x1b" not in out.getvalue()


def test_what_is_bad_is_red() -> None:
    shown = lines(FIGURES, "x")
    assert "\x1b[31mfailed for the client 1" in shown[4]
    assert "\x1b[31m127.0.1.1:8000 1.2 s" in shown[5]
    assert "\x1b[31m" not in "".join(lines(FIGURES._replace(failed=0, quiet={"http://a": 0.1}), "x"))


def test_figures_are_counted_as_it_goes() -> None:
    tally = Tally(["http://a", "http://b"])
    tally.begin(100.0)
    for number in range(50):
        answer = answered("http://a", 100 + number / 10, 0.02)
        tally.attempted(answer)
        tally.posted(answer)
        tally.read(answer)
    vain = answered("http://b", 101.0, 0.5, why="503")
    tally.attempted(vain)
    tally.read(vain)
    found = tally.figures(110.0, 4)
    assert (found.posts, found.reads, found.failed, found.tried_again, found.under_way) == (50, 50, 1, 1, 4)
    assert found.posts_a_second == 0.0
    assert found.quiet["http://b"] == 10.0
    assert 5 < found.quiet["http://a"] < 5.2
    soon = Tally(["http://a"])
    soon.begin(100.0)
    for number in range(20):
        soon.posted(answered("http://a", 100 + number / 10, 0.02 if number else 0.3))
    now = soon.figures(102.0, 0)
    assert now.posts_a_second == 10.0
    assert round(now.post_p99, 3) == 0.3
