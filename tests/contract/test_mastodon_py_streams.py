"""Mastodon.py listens: home, public, a hashtag and notifications, as bots do it, against a running server."""

import threading
from typing import Any

import pytest
from mastodon import Mastodon, StreamListener
from mastodon import return_types as types

from tests.support.server import Server, until


class Heard(StreamListener):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []
        self.strange: list[str] = []
        self.beats = threading.Event()

    def on_any_event(self, name: str, data: Any = None, for_stream: Any = None) -> None:
        self.events.append((name, data))

    def on_unknown_event(self, name: str, unknown_event: Any = None) -> None:
        self.strange.append(name)

    def handle_heartbeat(self) -> None:
        self.beats.set()

    def named(self, name: str) -> list[Any]:
        return [data for known, data in self.events if known == name]


@pytest.fixture
def bots(server: Server) -> tuple[Mastodon, Mastodon]:
    """Ada, who follows Bert, and Bert."""
    tokens = [server.account(name) for name in ("listening", "speaking")]
    ada, bert = (Mastodon(access_token=token, api_base_url=server.origin) for token in tokens)
    ada.account_follow(bert.me().id)
    return ada, bert


def test_a_bot_listens(bots: tuple[Mastodon, Mastodon]):
    ada, bert = bots
    assert ada.stream_healthy() is True
    home, public, tagged, told = Heard(), Heard(), Heard(), Heard()
    streams = [
        ada.stream_user(home, run_async=True),
        ada.stream_public(public, run_async=True),
        ada.stream_hashtag("birds", tagged, run_async=True),
        ada.stream_user_notifications(told, run_async=True),
    ]
    until(lambda: all(stream.is_receiving() for stream in streams), what="four open streams")
    first = bert.status_post("listen #birds")
    until(lambda: all(heard.named("update") for heard in (home, public, tagged)), what="the post on three streams")
    for heard in (home, public, tagged):
        update = heard.named("update")[0]
        assert isinstance(update, types.Status)
        assert (update.id, update.content) == (first.id, first.content)
    bert.status_update(first.id, "listen again #birds")
    until(lambda: home.named("status.update"), what="the edit")
    assert "again" in home.named("status.update")[0].content
    mine = ada.status_post("well said")
    bert.status_favourite(mine.id)
    until(lambda: told.named("notification") and home.named("notification"), what="the notification")
    assert isinstance(told.named("notification")[0], types.Notification)
    assert told.named("notification")[0].status.id == mine.id
    ada.create_filter_v2("no", ["home"], "warn", keywords_attributes=[{"keyword": "spam"}])
    until(lambda: home.named("filters_changed"), what="the change of filters")
    bert.status_delete(first.id)
    until(lambda: home.named("delete") and public.named("delete") and tagged.named("delete"), what="the deletion")
    assert str(home.named("delete")[0]) == str(first.id)
    assert home.beats.wait(40)
    assert all(stream.is_alive() for stream in streams)
    closing = [threading.Thread(target=stream.close) for stream in streams]
    for thread in closing:
        thread.start()
    bert.status_post("@listening #birds")  # Each stream looks whether it is closed when the next line comes.
    for thread in closing:
        thread.join()
    assert [heard.strange for heard in (home, public, tagged, told)] == [[], [], [], []]
