"""Translates through a server that speaks LibreTranslate's API, which the operator has chosen."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from linnet.domain.errors import RemoteFailed, Unavailable
from linnet.http.outbound import Outbound
from linnet.http.reach import Reach
from linnet.ports import Clock, RemoteAnswer, RemoteRequest, RemoteServers, Translated

SECONDS = 15.0
BYTES = 1 << 20
LANGUAGES_S = 3_600.0
"""How long the list of languages is believed."""
EVERYWHERE = ("0.0.0.0/0", "::/0")


class NoTranslator:
    """For an operator who has not chosen one: whoever would ask looks at ``configured`` first."""

    configured = False
    provider = ""

    async def languages(self) -> Mapping[str, Sequence[str]]:
        return {}

    async def translate(self, texts: Sequence[str], source: str | None, target: str) -> Translated:
        raise Unavailable("No translation service is configured")

    async def close(self) -> None:
        return None


class LibreTranslate:
    """``ports.Translator``. ``address`` is the operator's word, and often of this machine: it may lead anywhere."""

    configured = True
    provider = "LibreTranslate"

    def __init__(self, address: str, key: str, origin: str, clock: Clock, remote: RemoteServers | None = None) -> None:
        self._address = address.rstrip("/")
        self._key = key
        self._clock = clock
        self._remote = remote or Outbound(origin, Reach(EVERYWHERE))
        self._known: tuple[float, Mapping[str, Sequence[str]]] | None = None

    async def languages(self) -> Mapping[str, Sequence[str]]:
        """Source -> targets. Raises Unavailable."""
        now = self._clock.monotonic()
        if self._known is None or now > self._known[0]:
            found = self._read(
                await self._ask(RemoteRequest(f"{self._address}/languages", seconds=SECONDS, redirects=0))
            )
            try:
                pairs = {
                    str(one["code"]): tuple(str(target) for target in one.get("targets", ()) if target != one["code"])
                    for one in found
                }
            except (TypeError, KeyError, AttributeError):
                raise _no_answer() from None
            self._known = (now + LANGUAGES_S, pairs)
        return self._known[1]

    async def translate(self, texts: Sequence[str], source: str | None, target: str) -> Translated:
        """HTML in, HTML out. Raises Unavailable."""
        asked = {"q": list(texts), "source": source or "auto", "target": target, "format": "html"}
        body = msgspec.json.encode(asked | ({"api_key": self._key} if self._key else {}))
        request = RemoteRequest(
            f"{self._address}/translate", "POST", {"Content-Type": "application/json"}, body, BYTES, SECONDS
        )
        found = self._read(await self._ask(request))
        if not isinstance(found, dict):
            raise _no_answer()
        said, detected = found.get("translatedText"), found.get("detectedLanguage")
        if not isinstance(said, list) or len(said) != len(texts) or not all(isinstance(one, str) for one in said):
            raise _no_answer()
        return Translated(tuple(said), source or _detected(detected))

    async def close(self) -> None:
        await self._remote.close()

    async def _ask(self, request: RemoteRequest) -> RemoteAnswer:
        try:
            answer = await self._remote.ask(request)
        except RemoteFailed as failure:
            raise Unavailable(f"The translation service did not answer ({failure})", 60) from failure
        if not answer.ok:
            raise Unavailable("The translation service refuses to translate at the moment", 60)
        return answer

    def _read(self, answer: RemoteAnswer) -> Any:
        try:
            return msgspec.json.decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise _no_answer() from None


def _detected(given: object) -> str:
    """Of several texts, what the first was taken for."""
    first = given[0] if isinstance(given, list) and given else given
    code = first.get("language") if isinstance(first, dict) else None
    return code if isinstance(code, str) else "und"


def _no_answer() -> Unavailable:
    return Unavailable("The translation service has given no answer that makes sense", 60)
