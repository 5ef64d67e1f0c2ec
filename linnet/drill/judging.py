"""Whether promises were kept: what clients were told against what the server shows afterwards. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping

from linnet.drill import measures
from linnet.drill.findings import Finding, none_of, shortened, unknown
from linnet.drill.measures import Pause, moment
from linnet.drill.records import Attempt, Deed, Evidence, Heard, Mark, Person, Plan, Read
from linnet.drill.shown import Found, Shown, Walked
from linnet.streaming.channels import RESET

LOST = "acknowledged posts lost"
DOUBLED = "posts doubled"
EFFECTS = "side effects lost or doubled"
FAILED = "requests that failed for the client"
POST_PAUSE = "longest time without an acknowledged post, at any living node"
READ_PAUSE = "longest time without a served read, at any living node"
MISSED = "events missing from a stream"
TWICE = "events doubled in a stream"
READ_PAUSE_MAX = 1.0
AFTER_SECONDS = 10.0
"""A fault is blamed for pauses until so long behind it."""
HOME_ENTRIES = 800
SEEN_BEST = 2.0
"""A pause shorter than so many times the load's own intervals cannot be told from no pause."""


def unverified(evidence: Evidence, why: str) -> list[Finding]:
    """What is known of a run after which nothing could be asked for."""
    unasked = [unknown(promise, "0", why) for promise in (LOST, DOUBLED, EFFECTS, MISSED, TWICE)]
    return [*unasked, requests(evidence), *pauses(evidence)]


def posts(evidence: Evidence, found: Found) -> list[Finding]:
    """Of acknowledged posts: none lost, none doubled."""
    told = evidence.acknowledged()
    of = f"of {len(told):,}"
    if found.trouble:
        return [unknown(promise, "0", "; ".join(found.trouble[:3])) for promise in (LOST, DOUBLED)]
    lost = list(_lost(evidence, found, told))
    doubled = [
        f"{key} is there {len(there)} times: {', '.join(one.id for one in there)}"
        for key, there in sorted(found.by_key.items())
        if len(there) > 1
    ]
    renamed = sum(1 for id in told.values() if found.canonical(id) != id)
    unasked = len(found.by_key.keys() - told.keys())
    notes = [f"{renamed} are listed under another id than the client was told first"] if renamed else []
    notes += [f"{unasked} more are there that were never acknowledged (as a client that gives up must expect)"] * bool(
        unasked
    )
    return [none_of(LOST, of, lost, notes=notes), none_of(DOUBLED, of, doubled)]


def _lost(evidence: Evidence, found: Found, told: Mapping[str, str]) -> Iterator[str]:
    plans = {plan.key: plan for plan in evidence.of(Plan)}
    times = {attempt.key: attempt for attempt in reversed(evidence.of(Attempt)) if attempt.id is not None}
    for key, id in told.items():
        at = f"acknowledged {moment(evidence, times[key].ended)} by {times[key].endpoint}"
        one = found.by_id.get(id)
        if one is None:
            yield f"{key}: its id {id} ({at}) is not there"
        elif one.text != plans[key].text:
            yield f"{key}: its id {id} ({at}) has another text: {one.text[:80]!r}"
        elif one.id not in {listed.id for listed in found.by_key.get(key, ())}:
            yield f"{key}: its id {id} ({at}) is not among its author's posts"


def _since(evidence: Evidence, found: Found) -> dict[str, str]:
    """When each post was acknowledged, by the id under which it is listed."""
    return {
        found.canonical(attempt.id): moment(evidence, attempt.ended)
        for attempt in reversed(evidence.of(Attempt))
        if attempt.id is not None
    }


def effects(evidence: Evidence, found: Found, home_entries: int = HOME_ENTRIES) -> Finding:
    """What follows from a post: its parts, its place on every follower's home, the notification of who is mentioned."""
    if found.trouble:
        return unknown(EFFECTS, "0", "; ".join(found.trouble[:3]))
    told, since = evidence.acknowledged(), _since(evidence, found)
    there = [
        (plan, one)
        for plan in evidence.of(Plan)
        if plan.key in told and (one := found.by_id.get(told[plan.key])) is not None
    ]
    bad = [sentence for plan, one in there for sentence in _parts(plan, one, found)]
    bad += _answers(found)
    checked, excused = len(there), 0
    for person in evidence.people:
        wanted = {one.id for _, one in there}
        missing, left_out = absent(wanted, found.homes.get(person.id), home_entries)
        excused += left_out
        checked += len(wanted) - left_out
        bad += [f"{id} ({since[id]}) is missing from @{person.name}'s home" for id in missing]
        wanted = {one.id for plan, one in there if plan.mentions == person.id}
        missing, _ = absent(wanted, found.mentions.get(person.id), None)
        checked += len(wanted)
        bad += [f"@{person.name} was not notified of the mention in {id} ({since[id]})" for id in missing]
        bad += _repeated(person, found)
    deeds = [deed for deed in evidence.of(Deed) if deed.done]
    checked += len(deeds)
    bad += [
        f"the favourite of {deed.about} ({moment(evidence, deed.ended)}) is lost"
        for deed in deeds
        if found.canonical(deed.about) not in found.favourited.get(deed.person, ())
    ]
    notes = [f"{excused:,} places were not looked at: home timelines keep the newest {home_entries:,} posts"] * bool(
        excused
    )
    return none_of(EFFECTS, f"of {checked:,}", bad, notes=notes)


def _parts(plan: Plan, one: Shown, found: Found) -> Iterator[str]:
    answers = found.canonical(plan.answers) if plan.answers else None
    expected = (
        ("warning", plan.warning, one.warning),
        ("visibility", plan.visibility, one.visibility),
        ("parent", answers, one.answers),
        ("poll", plan.options, one.options),
        ("media", plan.media, one.media),
        ("mentions", (plan.mentions,) if plan.mentions else (), one.mentions),
    )
    for name, sent, shown in expected:
        if sent != shown:
            yield f"{plan.key} ({one.id}): its {name} is {shown!r} instead of {sent!r}"


def _answers(found: Found) -> Iterator[str]:
    """Counts of answers; those that nobody was told of are counted, too, if they are there."""
    listed = [one for there in found.by_key.values() for one in there]
    counted = Counter(one.answers for one in listed if one.answers)
    for one in listed:
        if one.replies != counted[one.id]:
            yield f"{one.id} says that it has {one.replies} answers; there are {counted[one.id]}"


def absent(wanted: set[str], walked: Walked | None, most: int | None) -> tuple[list[str], int]:
    """What should be on a list and is not; and how many are too old for one that keeps ``most`` entries and is full."""
    if walked is None:
        return sorted(wanted, key=int), 0
    missing = wanted - walked.times.keys()
    if most is None or walked.length < most:
        return sorted(missing, key=int), 0
    oldest = min(map(int, walked.times), default=0)
    young = sorted((id for id in missing if int(id) > oldest), key=int)
    return young, len(missing) - len(young)


def _repeated(person: Person, found: Found) -> Iterator[str]:
    for what, lists in (("home", found.homes), ("notifications", found.mentions)):
        for id in lists[person.id].doubled if person.id in lists else ():
            yield f"{id} stands in @{person.name}'s {what} more than once"


def streams(evidence: Evidence, found: Found) -> list[Finding]:
    """Every listener was told every post and every mention of its person once."""
    told, since = evidence.acknowledged(), _since(evidence, found)
    plans = [plan for plan in evidence.of(Plan) if plan.key in told]
    heard: dict[str, Counter[tuple[str, str]]] = {}
    resets: Counter[str] = Counter()
    for event in evidence.of(Heard):
        heard.setdefault(event.listener, Counter())[event.event, event.about] += 1
        resets[event.listener] += event.event == RESET
    missing, doubled, wanted_all = [], [], 0
    for listener, person in evidence.listeners.items():
        had = heard.get(listener, Counter())
        wanted = {("update", found.canonical(told[plan.key])) for plan in plans}
        wanted |= {
            ("notification", f"mention:{found.canonical(told[plan.key])}") for plan in plans if plan.mentions == person
        }
        wanted_all += len(wanted)
        missing += [
            f"{listener} was not told of {name} {about} ({since[about.rpartition(':')[2]]})"
            for name, about in sorted(wanted - had.keys(), key=lambda pair: int(pair[1].rpartition(":")[2]))
        ]
        doubled += [
            f"{listener} was told {times} times of {name} {id}"
            for (name, id), times in had.items()
            if times > 1 and name in ("update", "notification")
        ]
    if not evidence.listeners:
        return [unknown(promise, "–", "nobody listened") for promise in (MISSED, TWICE)]
    notes = [f"{listener} was reset {count} times" for listener, count in resets.items() if count]
    of = f"of {wanted_all:,}, {len(evidence.listeners)} streams"
    return [none_of(MISSED, of, missing, notes=notes), none_of(TWICE, of, doubled)]


def requests(evidence: Evidence) -> Finding:
    """No request came to nothing for a client that asks again."""
    again = [f"{count} × asked again: {why}" for why, count in measures.tried_again(evidence).most_common(5)]
    count = sum(len(evidence.of(kind)) for kind in (Plan, Deed, Read))
    if evidence.not_begun:
        again.append(f"{evidence.not_begun:,} were not begun, because too many waited")
    return none_of(FAILED, f"of {count:,}", measures.failures(evidence), notes=again)


# ------------------------------------------------------------------------------------------------------------ pauses


def pauses(evidence: Evidence) -> list[Finding]:
    """Of posts for each fault, against its bar; of reads over the whole run. Without a fault nothing is promised."""
    acknowledged, served = measures.acknowledged_at(evidence), measures.served_at(evidence)
    found = []
    for mark, window in measures.windows(evidence, AFTER_SECONDS):
        at = measures.pauses(evidence, acknowledged, window)
        found.append(_pause(evidence, f"{POST_PAUSE}: {mark.name}", mark.pause_max, at, evidence.rate))
    if not found:
        found.append(_pause(evidence, POST_PAUSE, None, measures.pauses(evidence, acknowledged), evidence.rate))
    bar = READ_PAUSE_MAX if evidence.of(Mark) else None
    found.append(_pause(evidence, READ_PAUSE, bar, measures.pauses(evidence, served), evidence.reads))
    return found


def _pause(evidence: Evidence, promise: str, bar: float | None, at: Mapping[str, Pause], rate: float) -> Finding:
    longest = measures.worst(dict(at))
    said = f"{longest.seconds:.2f} s"
    where = f"at {longest.endpoint} from {moment(evidence, longest.began)} on; anywhere at all: {at[''].seconds:.2f} s"
    if bar is None:
        return Finding(promise, "–", said, None, longest.seconds, (where,))
    interval = len(evidence.endpoints) / rate if rate else float("inf")
    if longest.seconds > bar >= longest.seconds - interval and interval * SEEN_BEST > bar:
        return unknown(
            promise, f"<= {bar:g} s", f"the load is too thin to tell: {said}, one request every {interval:.2f} s"
        )
    late = measures.lateness(evidence)
    notes = (f"the drill itself was up to {late:.2f} s late",) if late > bar / 4 else ()
    return Finding(
        promise, f"<= {bar:g} s", said, longest.seconds <= bar, longest.seconds, (*shortened([where]), *notes)
    )
