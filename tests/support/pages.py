"""A browser without a window: keeps cookies, reads forms out of pages, fills them in and sends them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from linnet.actions import sessions
from linnet.actions.sessions import Browser as Visitor
from linnet.storage.database import Operation
from tests.support.asgi import Answer
from tests.support.client import Client, Files, World

VOID = frozenset({
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr", "path",
    "circle", "rect", "use", "polygon", "ellipse",
})  # fmt: skip

NASTY = (
    "<script>window.bad=1</script>",
    '"><img src=x onerror="window.bad=1">',
    "'><svg/onload=window.bad=1>",
    "javascript:window.bad=1//",
    "</textarea><script>window.bad=1</script>",
    "</title><script>window.bad=1</script>",
    "{{ 7 * 7 }}{% raw %}",
    "<a href='javascript:window.bad=1'>x</a>",
    "<iframe srcdoc='<script>parent.bad=1</script>'></iframe>",
    "<style>*{background:url(//evil.example)}</style>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    'https://a.example/"onmouseover=window.bad=1 <b>',
    "&lt;script&gt;window.bad=1&lt;/script&gt;",
    "\u202e<base href=//evil.example>",
)
"""What people may write to make a page do something: nothing of it may ever be more than text."""


@dataclass
class Element:
    """One element, with where it stands: ``parents`` from the outermost."""

    tag: str
    attributes: dict[str, str]
    parents: tuple["Element", ...] = ()
    text: str = ""

    def get(self, name: str) -> str:
        return self.attributes.get(name, "")

    def inside(self, tag: str) -> "Element | None":
        return next((one for one in reversed(self.parents) if one.tag == tag), None)


@dataclass
class Form:
    """``fields`` hold what would be sent if nothing were typed."""

    action: str
    method: str
    id: str
    fields: list[tuple[str, str]] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, tuple(self._open))
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}, tuple(self._open)))

    def handle_endtag(self, tag: str) -> None:
        while self._open:
            if self._open.pop().tag == tag:
                break

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data


class Page:
    """One answer, read as HTML."""

    def __init__(self, answer: Answer, address: str) -> None:
        self.answer = answer
        self.status = answer.status
        self.address = address
        self.html = answer.body.decode()
        reader = _Reader()
        reader.feed(self.html)
        self.elements = reader.elements

    @property
    def location(self) -> str:
        return self.answer.header("location") or ""

    @property
    def text(self) -> str:
        body = self.all("body")
        return re.sub(r"\s+", " ", body[0].text).strip() if body else ""

    def all(self, tag: str, **attributes: str) -> list[Element]:
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [
            one for one in self.elements
            if one.tag == tag and all(one.attributes.get(name) == value for name, value in wanted.items())
        ]  # fmt: skip

    def one(self, tag: str, **attributes: str) -> Element:
        found = self.all(tag, **attributes)
        assert len(found) == 1, f"{len(found)} of <{tag} {attributes}> on {self.address}"
        return found[0]

    def forms(self) -> list[Form]:
        return [self._form(element) for element in self.all("form")]

    def form(self, action: str) -> Form:
        found = [form for form in self.forms() if form.action == action]
        assert found, f"no form for {action} on {self.address}: {[form.action for form in self.forms()]}"
        return found[0]

    def has_button(self, action: str) -> bool:
        return any(one.get("formaction") == action for one in self.all("button"))

    def value(self, name: str) -> str:
        """What stands in a field."""
        for form in self.forms():
            for known, value in form.fields:
                if known == name:
                    return value
        raise AssertionError(f"no field {name} on {self.address}")

    def _form(self, element: Element) -> Form:
        form = Form(element.get("action"), element.get("method") or "get", element.get("id"))
        for one in self.elements:
            if element not in one.parents or not one.get("name"):
                continue
            if one.tag == "input" and one.get("type") in ("checkbox", "radio"):
                if "checked" in one.attributes:
                    form.fields.append((one.get("name"), one.get("value") or "on"))
            elif one.tag == "input" and one.get("type") != "file":
                form.fields.append((one.get("name"), one.get("value")))
            elif one.tag == "textarea":
                form.fields.append((one.get("name"), one.text.removeprefix("\n")))
            elif one.tag == "select":
                options = [option for option in self.all("option") if one in option.parents]
                chosen = [option for option in options if "selected" in option.attributes] or options
                form.fields.append((one.get("name"), chosen[0].get("value")))
        return form


class Browser:
    """Keeps cookies as a browser does; redirects are followed only by ``go`` and where ``follow`` is asked for."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.cookies: dict[str, str] = {}
        self.set_cookies: list[str] = []

    async def ask(self, method: str, target: str, **options: Any) -> Page:
        headers = dict(options.pop("headers", {}))
        if self.cookies:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = await self.client.ask(method, target.partition("#")[0], headers=headers, **options)
        for name, value in answer.headers:
            if name == "set-cookie":
                self._keep(value)
        return Page(answer, target)

    def _keep(self, line: str) -> None:
        self.set_cookies.append(line)
        name, _, value = line.partition(";")[0].partition("=")
        if "Max-Age=0" in line:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value

    async def get(self, target: str, **options: Any) -> Page:
        return await self.ask("GET", target, **options)

    async def go(self, target: str) -> Page:
        """The page at the end of all redirects; it must be there."""
        page = await self.get(target)
        for _ in range(5):
            if page.status != 303:
                break
            page = await self.get(page.location)
        assert page.status == 200, f"{page.address}: {page.status} {page.text[:300]}"
        return page

    async def send(
        self, page: Page, action: str, values: Mapping[str, str] | None = None, *, files: Files | None = None,
        without: tuple[str, ...] = (), headers: Mapping[str, str] | None = None,
    ) -> Page:  # fmt: skip
        """Fills in the page's form for ``action`` and sends it."""
        form = page.form(action)
        given = dict(values or {})
        fields = [(name, given.pop(name, value)) for name, value in form.fields if name not in without]
        fields += list(given.items())
        return await self.ask("POST", form.action, form=fields, files=files, headers=headers or {})

    async def press(self, page: Page, action: str) -> Page:
        """Presses one of the small buttons, which belong to the form ``act``."""
        assert page.has_button(action), f"no button for {action} on {page.address}"
        form = next(form for form in page.forms() if form.id == "act")
        return await self.ask("POST", action, form=form.fields)

    async def do(self, address: str, action: str, values: Mapping[str, str] | None = None, **options: Any) -> Page:
        """Opens a page, fills in its form, and follows where that leads."""
        sent = await self.send(await self.go(address), action, values, **options)
        assert sent.status == 303, f"{action}: {sent.status} {sent.text[:400]}"
        return await self.go(sent.location)


async def signed_in(world: World, account_id: int) -> Browser:
    """A browser with a session of that account."""
    parts = world.parts
    operation = Operation(f"once:{parts.ids.next()}")
    made = await sessions.start(parts.database, parts.guards, account_id, Visitor("198.51.100.7"), operation)
    browser = Browser(world.client)
    browser.cookies["__Host-session" if world.site.origin.startswith("https") else "session"] = made.secret
    return browser


async def person(world: World, name: str, *, role: str = "user") -> Browser:
    """A new account, and its browser."""
    return await signed_in(world, (await world.person(name, role=role)).id)
