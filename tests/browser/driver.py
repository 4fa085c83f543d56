"""A real Chromium, steered by the W3C WebDriver protocol that its driver speaks.

Only what the tests ask for: pages, clicks, forms, files, pictures.
"""

import base64
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.ports import free_port

# The protocol's name for the key under which an element's id comes.
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
START_TIMEOUT_S = 60.0
WAIT_S = 60.0
ANSWER_TIMEOUT_S = 120.0
SCRIPT_TIMEOUT_MS = 100_000
"""A page that draws by the processor alone answers late on a busy machine."""
POLL_S = 0.1
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def missing() -> str:
    """Return what is not installed here, "" if a browser can be run."""
    if not any(map(shutil.which, BROWSERS)):
        return "no Chromium here (Debian: apt install chromium chromium-driver)"
    if not shutil.which("chromedriver"):
        return "no chromedriver here (Debian: apt install chromium-driver)"
    return ""


class ElementIsGone(Exception):
    """The page has replaced the element since it was found."""


class Browser:
    """One window without a screen, with a profile of its own."""

    def __init__(self, profile: Path, *, language: str = "en") -> None:
        port = free_port()
        self.downloads = profile / "downloads"
        self._driver = subprocess.Popen(
            ["chromedriver", f"--port={port}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._http = httpx.Client(
            base_url=f"http://127.0.0.1:{port}", timeout=ANSWER_TIMEOUT_S
        )
        self._session = ""
        self._begin(profile, language)

    def close(self) -> None:
        if self._session:
            self._http.delete(self._session)
        self._http.close()
        self._driver.terminate()
        self._driver.wait(10)

    def open(self, url: str) -> None:
        self._post("/url", {"url": url})

    @property
    def text(self) -> str:
        """The text that a reader of the page sees."""
        return str(self.run("return document.body.innerText"))

    def run(self, script: str, *arguments: Any) -> Any:
        """Return what the script returns; an element may be an argument."""
        return self._post("/execute/sync", {"script": script, "args": list(arguments)})

    def find(self, css: str) -> list[dict[str, str]]:
        """Return the elements, which may be none."""
        found = self._post("/elements", {"using": "css selector", "value": css})
        return list(found)

    def see(self, css: str) -> dict[str, str]:
        """Wait for an element and return the first."""
        self.wait(lambda: self.find(css), css)
        return self.find(css)[0]

    def wait(self, condition: Any, about: str) -> None:
        """Ask until it holds. Raises AssertionError with what the page says."""
        deadline = time.monotonic() + WAIT_S
        while not condition():
            late = time.monotonic() > deadline
            assert not late, f"waited for {about!r} in:\n{self.text[:3000]}"
            time.sleep(POLL_S)

    def click(self, css: str) -> None:
        """Click what may lie outside the window, and wait for what follows."""
        self.click_one(lambda: next(iter(self.find(css)), None), css)

    def click_one(self, look: Callable[[], Any], about: str) -> None:
        """Click the element that `look` returns, once it does."""

        def is_clicked() -> bool:
            try:
                if not (element := look()):
                    return False
                self.run("arguments[0].scrollIntoView({block: 'center'})", element)
                self._post(f"/element/{element[ELEMENT]}/click", {})
            except ElementIsGone:
                # The page has just put another in its place.
                return False
            return True

        self.wait(is_clicked, about)

    def fill(self, css: str, text: str) -> None:
        """Write into a field; a file's path into a field for files."""
        element = self.see(css)[ELEMENT]
        if self.run("return arguments[0].type", {ELEMENT: element}) != "file":
            self._post(f"/element/{element}/clear", {})
        self._post(f"/element/{element}/value", {"text": text})

    def choose(self, css: str, words: str) -> None:
        """Choose the option that shows these words, or these and more behind a dot."""
        script = (
            "const wanted = [...arguments[0].options].find(option =>"
            "    `${option.text.trim()} · `.startsWith(`${arguments[1]} · `));"
            "arguments[0].value = wanted.value;"
            "arguments[0].dispatchEvent(new Event('change', {bubbles: true}))"
        )
        self.run(script, self.see(css), words)

    def choose_value(self, css: str, value: str) -> None:
        """Choose the option with this value, whatever it is called."""
        script = (
            "arguments[0].value = arguments[1];"
            "arguments[0].dispatchEvent(new Event('change', {bubbles: true}));"
            "return arguments[0].value"
        )
        assert self.run(script, self.see(css), value) == value, css

    def press(self, keys: str, css: str = "") -> None:
        """Type into what has the focus, or into the element that is given."""
        if css:
            self.run("arguments[0].focus()", self.see(css))
        typed = [
            {"type": kind, "value": key}
            for key in keys
            for kind in ("keyDown", "keyUp")
        ]
        keyboard = {"type": "key", "id": "keyboard", "actions": typed}
        self._post("/actions", {"actions": [keyboard]})

    def submit(self, css: str) -> None:
        """Send off the form of a field, and wait for the page that follows."""
        mark = "document.documentElement.dataset"
        self.run(
            f"const form = arguments[0].form; {mark}.sent = '';"
            "form.requestSubmit(form.querySelector('[name=_save]') ?? undefined)",
            self.see(css),
        )
        arrived = f"return !('sent' in {mark}) && document.readyState == 'complete'"
        self.wait(lambda: self.run(arrived), "the next page")

    def arrive(self, ending: str | tuple[str, ...]) -> str:
        """Wait for a page whose path ends so, with its styles; return the path."""
        script = "return document.readyState == 'complete' && location.pathname"
        self.wait(lambda: str(self.run(script)).endswith(ending), str(ending))
        return self.path

    def show_at(self, width: int, height: int = 900) -> None:
        """Show pages as on a screen of this size."""
        screen = {"width": width, "height": height, "deviceScaleFactor": 1}
        command = "Emulation.setDeviceMetricsOverride"
        self._post(
            "/goog/cdp/execute", {"cmd": command, "params": {**screen, "mobile": False}}
        )

    @property
    def path(self) -> str:
        return str(self.run("return location.pathname"))

    def forget(self) -> None:
        """Leave the page and drop all cookies, as another person's browser."""
        # A page that goes on asking would be answered with a cookie again.
        self.open("about:blank")
        command = {"cmd": "Network.clearBrowserCookies", "params": {}}
        self._post("/goog/cdp/execute", command)

    def clear_cache(self) -> None:
        """Forget the files of all pages."""
        command = {"cmd": "Network.clearBrowserCache", "params": {}}
        self._post("/goog/cdp/execute", command)

    def drop(self, cookie: str) -> None:
        """Delete one cookie, also one that scripts cannot reach."""
        self._value(self._http.delete(f"{self._session}/cookie/{cookie}"))

    def tab(self) -> str:
        """Return the present tab."""
        return str(self._get("/window"))

    def new_tab(self) -> str:
        """Open another tab of this browser, go there and return it."""
        self.go_to(self._post("/window/new", {"type": "tab"})["handle"])
        return self.tab()

    def go_to(self, tab: str) -> None:
        self._post("/window", {"handle": tab})

    def minimize(self) -> None:
        """Hide the window, and with it the present tab, until `restore`."""
        self._post("/window/minimize", {})

    def restore(self) -> None:
        self._post("/window/rect", {"width": 1440, "height": 900})

    def complaints(self) -> list[str]:
        """Return the errors of scripts, policies and files since the last call."""
        entries = self._post("/se/log", {"type": "browser"})
        return [one["message"] for one in entries if one["level"] == "SEVERE"]

    def picture(self, file: Path) -> None:
        file.write_bytes(base64.b64decode(self._get("/screenshot")))

    def webp(self) -> bytes:
        """Return what the window shows as a WebP picture."""
        asked = {"format": "webp", "quality": 82, "optimizeForSpeed": False}
        command = {"cmd": "Page.captureScreenshot", "params": asked}
        return base64.b64decode(self._post("/goog/cdp/execute", command)["data"])

    def _begin(self, profile: Path, language: str) -> None:
        options = {
            "binary": next(filter(None, map(shutil.which, BROWSERS))),
            "args": [
                *("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"),
                *("--window-size=1440,900", "--hide-scrollbars", "--no-first-run"),
                *(f"--user-data-dir={profile}", f"--lang={language}"),
                *("--disable-background-networking", "--disable-component-update"),
                "--force-prefers-reduced-motion",
            ],
            "prefs": {
                "intl.accept_languages": language,
                "download.default_directory": str(self.downloads),
            },
        }
        asked = {
            "browserName": "chrome",
            "timeouts": {"script": SCRIPT_TIMEOUT_MS},
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "SEVERE"},
        }
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._is_ready():
            assert time.monotonic() < deadline, "chromedriver does not answer"
            time.sleep(POLL_S)
        answer = self._value(
            self._http.post("/session", json={"capabilities": {"alwaysMatch": asked}})
        )
        self._session = f"/session/{answer['sessionId']}"

    def _is_ready(self) -> bool:
        try:
            return bool(self._value(self._http.get("/status"))["ready"])
        except httpx.TransportError:
            return False

    def _get(self, path: str) -> Any:
        return self._value(self._http.get(f"{self._session}{path}"))

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        return self._value(self._http.post(f"{self._session}{path}", json=body))

    def _value(self, answer: httpx.Response) -> Any:
        value = answer.json()["value"]
        if not answer.is_success and value["error"] == "stale element reference":
            raise ElementIsGone(value["message"])
        assert answer.is_success, value
        return value
