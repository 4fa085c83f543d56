"""Who fills a store and asks it: callers of the API, and staff in the admin site."""

import json
import re
from html.parser import HTMLParser
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import pytest

from mlops.demo.api import Api, ApiError

TIMEOUT_S = 120.0
FORM = "application/x-www-form-urlencoded"


class Answer(NamedTuple):
    """What a server said: status, headers (names in small letters), content."""

    status: int
    headers: list[tuple[str, str]]
    content: bytes

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")


def exchange(
    method: str, url: str, body: bytes | None = None, headers: Any = None
) -> Answer:
    """Make one HTTP request; follows nothing, refuses nothing."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=TIMEOUT_S)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(method, target, body, dict(headers or {}))
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    found = [(name.lower(), value) for name, value in response.getheaders()]
    return Answer(response.status, found, content)


class Caller(Api):
    """A person with a token: JSON, files and bytes, over every protocol."""

    def delete(self, path: str, body: object | None = None) -> Any:
        return self._send("DELETE", path, body)

    def put_bytes(self, path: str, content: bytes) -> Any:
        kind = {"Content-Type": "application/octet-stream"}
        return self._call("PUT", path, content, kind)

    def append_chunk(self, path: str, offset: int, content: bytes) -> Any:
        kind = {
            "Content-Type": "application/offset+octet-stream",
            "Upload-Offset": str(offset),
        }
        return self._call("PATCH", path, content, kind)

    def mlflow(self, what: str, /, **body: object) -> Any:
        """Call a POST of the MLflow protocol."""
        return self.post(f"/api/2.0/mlflow/{what}", body)

    def is_refused(self, status: int, path: str, body: object) -> None:
        """Post what the server has to refuse with this status."""
        with pytest.raises(ApiError, match=f": {status} "):
            self.post(path, body)

    def upload_is_refused(
        self, path: str, content: bytes, filename: str, **fields: str
    ) -> None:
        """Upload what the server has to refuse as a file that does not fit."""
        with pytest.raises(ApiError, match=": 422 "):
            self.upload(path, content, filename, **fields)


class _Form(HTMLParser):
    """The fields of a page's forms as a browser would send them, and the options."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, list[str]] = {}
        self.options: dict[str, dict[str, str]] = {}
        self._select, self._option, self._area = "", "", ""
        self._box = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        given = {name: value or "" for name, value in attrs}
        name = given.get("name", "")
        if tag == "input" and name:
            self._add_input(name, given, is_checked="checked" in given)
        elif tag == "select":
            self._select = name
            self.options.setdefault(name, {})
        elif tag == "option" and self._select:
            self._option = given.get("value", "")
            if "selected" in given:
                self.fields.setdefault(self._select, []).append(self._option)
        elif tag == "textarea":
            self._area = name
            self.fields[name] = [""]

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._area = ""
        elif tag == "label":
            self._box = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self.fields[self._area][0] += data.removeprefix("\n")
        elif self._select and data.strip():
            self.options[self._select][data.strip()] = self._option
        elif self._box and data.strip():
            self.options.setdefault(self._box, {})[data.strip()] = self._option

    def _add_input(self, name: str, given: dict[str, str], *, is_checked: bool) -> None:
        kind = given.get("type", "text")
        if kind in {"submit", "button", "file"} or name.startswith("_"):
            return
        is_box = kind in {"checkbox", "radio"}
        if is_box and not self._select:
            self._box, self._option = name, given.get("value", "on")
        if is_checked or not is_box:
            value = given.get("value", "on" if is_box else "")
            self.fields.setdefault(name, []).append(value)


class Staff:
    """A person at the admin site: a session, and forms sent as a browser does."""

    def __init__(self, url: str, username: str, password: str) -> None:
        self._url, self._cookies = url, SimpleCookie()
        given = {"username": username, "password": password, "next": "/admin/"}
        self.submit("/admin/login/", given)

    def page(self, path: str) -> str:
        """Return a page that has to be there."""
        answer = self._send("GET", path)
        assert answer.status == 200, (path, answer.status)
        return answer.content.decode()

    def submit(
        self,
        path: str,
        given: dict[str, Any],
        chosen: dict[str, list[str]] | None = None,
    ) -> str:
        """Send a page's form with these values; return where it leads.

        `chosen` names options by the texts that the page shows.
        """
        form = _Form()
        form.feed(self.page(path))
        fields: dict[str, Any] = {**form.fields, **given}
        for name, texts in (chosen or {}).items():
            fields[name] = [form.options[name][text] for text in texts]
        kept = {name: value for name, value in fields.items() if value is not None}
        body = urlencode(kept, doseq=True).encode()
        answer = self._send("POST", path, body)
        assert answer.status == 302, (path, answer.status, _errors(answer.content))
        return answer.header("location")

    def first_of(self, path: str) -> str:
        """Return the page of the first row of a list."""
        found = re.search(rf'href="({path}[^"/]+/change/)', self.page(path))
        assert found, path
        return found[1]

    def _send(self, method: str, path: str, body: bytes | None = None) -> Answer:
        cookies = "; ".join(f"{m.key}={m.value}" for m in self._cookies.values())
        headers = {"Cookie": cookies, "Referer": self._url + path}
        if body is not None:
            headers["Content-Type"] = FORM
        answer = exchange(method, self._url + path, body, headers)
        for name, value in answer.headers:
            if name == "set-cookie":
                self._cookies.load(value)
        return answer


def _errors(page: bytes) -> str:
    text = page.decode(errors="replace")
    at = text.find("errorlist")
    return text[at : at + 500] if at >= 0 else text[:500]


def signed_in(url: str, username: str, password: str) -> Caller:
    """Return a caller with the access token of a password."""
    form = urlencode({"username": username, "password": password}).encode()
    login = f"{url}/api/v1/auth/login"
    answer = exchange("POST", login, form, {"Content-Type": FORM})
    assert answer.status == 200, answer
    return Caller(url, json.loads(answer.content)["access_token"])
