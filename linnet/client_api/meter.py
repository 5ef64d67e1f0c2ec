"""How often clients may ask, by token, account and address, with Mastodon's numbers; mostly one count a request."""

from urllib.parse import unquote_to_bytes

from linnet.domain.errors import TooMany
from linnet.domain.views import Identity
from linnet.http.limits import RateLimiter, Verdict
from linnet.http.request import Request
from linnet.ports import Clock

STEP = 15
"""Requests of one token that are counted for its account at once. The account's limit only matters to whoever uses
many tokens, and a look at the table costs more than all else here."""
REMEMBERED = 10_000


class Meter:
    """Counts requests. Accounts that are over their limit are remembered, so that nothing slips in between steps."""

    def __init__(self, limits: RateLimiter, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._over: dict[int, Verdict] = {}

    def stranger(self, request: Request) -> Verdict:
        """Of a request without a user's token."""
        verdict = self._limits.check("api_address", request.client_network)
        if _pages(request):
            verdict = _tighter(verdict, self._limits.check("paging_address", request.client_network))
        return verdict

    def known(self, reader: Identity, request: Request, limit: str) -> Verdict:
        """Of a request with a token: the verdict of the limit of which least is left. ``limit`` is the route's own."""
        if not reader.account_id:
            # An app's own token: whoever registers an app is given as many as they ask for.
            return self.stranger(request)
        verdict = self._account(reader.account_id, self._limits.check("api_token", reader.key))
        who = str(reader.account_id)
        if _pages(request):
            verdict = _tighter(verdict, self._limits.check("paging_account", who))
        if limit:
            verdict = _tighter(verdict, self._limits.check(limit, who))
        return verdict

    def too_many(self, verdict: Verdict) -> TooMany:
        return TooMany("Too many requests", max(1, (verdict.reset_ms - self._clock.now_ms()) // 1000))

    def _account(self, account_id: int, verdict: Verdict) -> Verdict:
        if self._over and (over := self._over.get(account_id)) is not None:
            if over.reset_ms > self._clock.now_ms():
                return over
            del self._over[account_id]
        if (verdict.limit - verdict.remaining) % STEP != 1:
            return verdict
        of_all = self._limits.check("api_account", str(account_id), STEP)
        if not of_all.allowed:
            if len(self._over) >= REMEMBERED:
                self._over.clear()
            self._over[account_id] = of_all
        return _tighter(verdict, of_all)


def _pages(request: Request) -> bool:
    """Whether a page of a list is asked for, however the parameter's name is written."""
    query: bytes = request.scope["query_string"]
    if b"%" in query:
        query = unquote_to_bytes(query)
    return b"_id=" in query or b"page=" in query


def _tighter(one: Verdict, other: Verdict) -> Verdict:
    return min(one, other, key=lambda verdict: (verdict.allowed, verdict.remaining))
