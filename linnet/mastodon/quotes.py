"""Quotes as the client API has them: what a status quotes, and who may quote it."""

from collections.abc import Mapping

import msgspec

from linnet.domain import quotes
from linnet.domain.errors import Invalid
from linnet.domain.quotes import WORDS, Policy, State
from linnet.domain.views import NOBODY, StatusRow
from linnet.domain.visibility import Visibility
from linnet.mastodon import parsing
from linnet.mastodon.parsing import Params


def policy(params: Params, name: str = "quote_approval_policy") -> Policy | None:
    """Who may quote, as a client says it; None where it says nothing. Raises Invalid."""
    word = parsing.text(params, name)
    if not word:
        return None
    found = Policy.parse(word)
    if found is None:
        raise Invalid(name, f"must be one of {', '.join(WORDS)}", "ERR_INCLUSION")
    return found


def approval(row: StatusRow, reader: int) -> bytes:
    """``"quote_approval":`` and a QuoteApproval."""
    return _APPROVALS[row.quote_policy, row.visibility, row.own, row.follows, reader != NOBODY]


def quote(row: StatusRow, states: Mapping[int, str], bodies: Mapping[int, bytes]) -> bytes:
    """A Quote. ``states`` and ``bodies`` (whole statuses) are by the id of what is quoted."""
    body = bodies.get(row.quote_of_id or 0)
    state = _state(row, states)
    # It may have been deleted between the two reads.
    if body is None and state in quotes.WITH_STATUS:
        state = "deleted"
    return b'{"state":"%b","quoted_status":%b}' % (state.encode(), body or b"null")


def shallow(row: StatusRow, states: Mapping[int, str]) -> bytes:
    """A ShallowQuote."""
    state = _state(row, states)
    named = f'"{row.quote_of_id}"' if state in quotes.WITH_STATUS else "null"
    return b'{"state":"%b","quoted_status_id":%b}' % (state.encode(), named.encode())


def _state(row: StatusRow, states: Mapping[int, str]) -> str:
    if row.quote_state == State.REVOKED:
        return "revoked"
    return states.get(row.quote_of_id or 0, "deleted")


def _approval(policy: Policy, visibility: Visibility, own: bool, follows: bool, signed_in: bool) -> bytes:
    automatic, current = quotes.approval(policy, visibility, own=own, follows=follows, signed_in=signed_in)
    return b'"quote_approval":' + msgspec.json.encode({"automatic": automatic, "manual": [], "current_user": current})


_FLAGS = (False, True)
_APPROVALS = {
    (int(policy), int(visibility), own, follows, signed_in): _approval(policy, visibility, own, follows, signed_in)
    for policy in Policy
    for visibility in Visibility
    for own in _FLAGS
    for follows in _FLAGS
    for signed_in in _FLAGS
}
"""Rendered once: every status has one."""
