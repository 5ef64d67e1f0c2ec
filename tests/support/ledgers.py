"""Made-up runs of a drill, whose answers are known: steady posts and reads, and whatever is to have gone wrong."""

from collections.abc import Callable, Iterable
from typing import Any

from linnet.drill.records import Attempt, Evidence, Mark, Person, Plan, Read, Record, Sample

ENDPOINTS = ("http://a", "http://b", "http://c")
PEOPLE = (Person("11", "ada", "token-ada"), Person("12", "bert", "token-bert"))

Answered = Callable[[int, float], Iterable[Attempt]]


def plan(number: int, at: float = 0.0, **more: Any) -> Plan:
    key = f"run-{number:06d}"
    return Plan(at, key, PEOPLE[number % 2].id, more.pop("kind", "plain"), f"Tea. {key}", **more)


def acknowledged(number: int, began: float, seconds: float = 0.02, endpoint: str = "") -> Attempt:
    where = endpoint or ENDPOINTS[number % len(ENDPOINTS)]
    return Attempt(began, began + seconds, f"run-{number:06d}", where, 200, str(1000 + number))


def refused(number: int, began: float, seconds: float = 0.5, endpoint: str = "", why: str = "no answer") -> Attempt:
    where = endpoint or ENDPOINTS[number % len(ENDPOINTS)]
    return Attempt(began, began + seconds, f"run-{number:06d}", where, 0, None, why)


def read(number: int, began: float, seconds: float = 0.01, endpoint: str = "", **more: Any) -> Read:
    where = endpoint or ENDPOINTS[number % len(ENDPOINTS)]
    return Read(began, began + seconds, "home", where, more.pop("attempts", 1), 200, **more)


def steady(seconds: float = 10.0, rate: float = 30.0, answered: Answered | None = None, *marks: Mark) -> list[Record]:
    """Posts at a rate from second 100 on, each acknowledged in 20 ms where ``answered`` does not say otherwise."""
    records: list[Record] = []
    for number in range(round(seconds * rate)):
        at = 100 + number / rate
        records.append(plan(number, at))
        records += answered(number, at) if answered else (acknowledged(number, at),)
    return [*records, *marks]


def evidence(records: Iterable[Record], seconds: float = 10.0, **more: Any) -> Evidence:
    given: dict[str, Any] = {"rate": 30.0, "reads": 90.0, "began_ms": 1_763_700_000_000, **more}
    return Evidence(100.0, 100.0 + seconds, "run", ENDPOINTS, PEOPLE, records=list(records), **given)


def sampled(seconds: float, cpu: float = 0.4) -> list[Record]:
    return [Sample(100 + number / 2, cpu, 0.001) for number in range(round(seconds * 2))]
