"""A browser without a screen: keeps cookies, follows redirects within the site, and fills in the forms of pages."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

TIMEOUT_SECONDS = 30


@dataclass
class Form:
    """A form as its page shows it: where it goes, and the fields with their values."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class Reader(HTMLParser):
    """Reads a page's forms and texts."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.texts: list[str] = []
        self._open = False

    @classmethod
    def of(cls, html: str) -> "Reader":
        reader = cls()
        reader.feed(html)
        return reader

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given.get("action", "")))
            self._open = True
        elif (
            self._open and tag == "input" and "name" in given and given.get("type") not in ("checkbox", "radio", "file")
        ):
            self.forms[-1].fields[given["name"]] = given.get("value", "")
        elif self._open and tag == "button" and "name" in given:
            self.forms[-1].buttons.append((given["name"], given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data.strip())


@dataclass(frozen=True)
class Page:
    """Where the browser is: a page of ours, or the foreign address that it was sent on to (not gone to)."""

    address: str
    status: int
    forms: list[Form]
    texts: list[str]

    def form(self, action: str) -> Form:
        """The form that goes to this path."""
        found = [form for form in self.forms if urlsplit(form.action).path == action]
        assert found, f"{self.address} ({self.status}) has no form for {action}: {[form.action for form in self.forms]}"
        return found[0]

    @property
    def parameters(self) -> dict[str, str]:
        """Of the address's query."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.address).query).items()}


class Browser:
    """``origin`` is the site that it stays on."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.session = requests.Session()

    def go(self, address: str) -> Page:
        return self._arrive("GET", urljoin(self.origin, address), None)

    def submit(self, page: Page, form: Form, button: tuple[str, str] | None = None, **values: str) -> Page:
        """Sends a form with ``values`` typed into its fields, by a button where it has several."""
        for name in values:
            assert name in form.fields, f"{page.address}: the form has no field {name}, but {sorted(form.fields)}"
        data = {**form.fields, **values, **({button[0]: button[1]} if button else {})}
        return self._arrive("POST", urljoin(page.address, form.action), data)

    def sign_in(self, page: Page, name: str, password: str) -> Page:
        return self.submit(page, page.form("/sign-in"), name=name, password=password)

    def _arrive(self, method: str, address: str, data: dict[str, str] | None) -> Page:
        for _ in range(10):
            if not address.startswith(f"{self.origin}/"):
                return Page(address, 0, [], [])
            headers = {"Origin": self.origin} if method == "POST" else {}
            answer = self.session.request(
                method, address, data=data, headers=headers, allow_redirects=False, timeout=TIMEOUT_SECONDS
            )
            if "location" not in answer.headers:
                reader = Reader.of(answer.text)
                return Page(address, answer.status_code, reader.forms, reader.texts)
            method, data, address = "GET", None, urljoin(address, answer.headers["location"])
        raise AssertionError(f"{address} redirects for ever")


def consent(browser: Browser, address: str, name: str, password: str) -> str:
    """Signs in at an app's address, lets the app in; the code that the app is given, by redirect or shown."""
    page = browser.go(address)
    if any(urlsplit(form.action).path == "/sign-in" for form in page.forms):
        page = browser.sign_in(page, name, password)
    page = browser.submit(page, page.form("/oauth/authorize"), ("answer", "yes"))
    code = page.parameters.get("code", "")
    assert code, f"no code came back: {page}"
    if page.status:
        assert code in page.texts, "the code is not shown for carrying over by hand"
    return code
