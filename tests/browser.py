"""Chromium without a window, driven over a pipe (Chrome DevTools Protocol), with the network off but for this machine.

A browser of the system is used: CHROMIUM names one, or it is found by its usual names.
"""

import base64
import contextlib
import fcntl
import itertools
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

CHROMIUM = os.environ.get("CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None
)
# The Node of requirements-dev.txt, or the system's.
NODE = next(filter(os.path.exists, (os.path.join(sysconfig.get_path("scripts"), "node"),)), None) or shutil.which(
    "node"
)
PATIENCE = 30.0  # seconds
# The browser reads from its file 3 and writes to its file 4.
_ON_FILES_3_AND_4 = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


def run_node(script: str, stdin: str = "") -> str:
    """What a script prints under Node, as a JavaScript module. It reads ``stdin`` as file 0."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "script.mjs")
        path.write_text(script, encoding="utf-8")
        result = subprocess.run([str(NODE), path], input=stdin, capture_output=True, encoding="utf-8", timeout=300)
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout


class Page:
    """A page that is open in the browser.

    Attributes:
        problems: what it printed to the console as an error, what failed, and all that it asked the network for.
    """

    def __init__(self, commands, events):
        self._commands, self._events = commands, events
        self._numbers = itertools.count(1)
        self.problems: list[str] = []
        self._session = None
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        self.send("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)

    def send(self, method: str, **parameters) -> dict:
        """The result of a command of the protocol."""
        message = {"id": next(self._numbers), "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._commands.write(json.dumps(message).encode() + b"\0")
        self._commands.flush()
        while (answer := self._receive()).get("id") != message["id"]:
            pass
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def _receive(self) -> dict:
        content = bytearray()
        while (byte := self._events.read(1)) != b"\0":
            assert byte, "the browser has ended"
            content += byte
        message = json.loads(content)
        parameters = message.get("params", {})
        match message.get("method"):
            case "Runtime.exceptionThrown":
                self.problems.append(json.dumps(parameters["exceptionDetails"])[:2000])
            case "Runtime.consoleAPICalled" if parameters["type"] in ("error", "warning"):
                self.problems.append(json.dumps(parameters["args"])[:2000])
            case "Log.entryAdded" if parameters["entry"]["level"] == "error":
                self.problems.append(json.dumps(parameters["entry"])[:2000])
            case "Network.requestWillBeSent" if not parameters["request"]["url"].startswith(("file:", "data:")):
                self.problems.append(f"asked for {parameters['request']['url']}")
        return message

    def open(self, path: Path) -> None:
        """Opens a file, and waits until it is loaded."""
        url = Path(path).resolve().as_uri()
        self.send("Page.navigate", url=url)
        self.wait_for(f"location.href === {json.dumps(url)} && document.readyState === 'complete'")

    def visit(self, url: str) -> None:
        """Opens a page of a server on this machine, with the network on, and waits until it is loaded."""
        self.send(
            "Network.emulateNetworkConditions", offline=False, latency=0, downloadThroughput=-1, uploadThroughput=-1
        )
        self.send("Page.navigate", url=url)
        self.wait_for(f"location.href === {json.dumps(url)} && document.readyState === 'complete'")

    def run(self, expression: str):
        """The value of a JavaScript expression; of a promise, what it gives."""
        result = self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, json.dumps(result["exceptionDetails"])[:2000]
        return result["result"].get("value")

    def wait_for(self, expression: str):
        """Waits until an expression is true, and returns its value."""
        end = time.monotonic() + PATIENCE
        while not (value := self.run(expression)):
            assert time.monotonic() < end, f"never true: {expression}; {self.problems}"
            time.sleep(0.02)
        return value

    def resize(self, width: int, height: int = 900, dark: bool = False) -> None:
        """Another size of the window, in a light or a dark theme of the system."""
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.send("Emulation.setEmulatedMedia", features=features)

    def press(self, key: str, code: int) -> None:
        """Presses a key, such as ("Enter", 13)."""
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text)

    def picture(self, path: Path) -> None:
        """Writes a picture of the whole page."""
        shot = self.send("Page.captureScreenshot", captureBeyondViewport=True)
        Path(path).write_bytes(base64.b64decode(shot["data"]))


@contextlib.contextmanager
def browser() -> Iterator[Page]:
    """A page of a new browser, which ends with the block."""
    from_us, to_them = os.pipe()
    from_them, to_us = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        flags = [
            "--headless", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe", "--hide-scrollbars",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--disable-background-networking",
            "--force-color-profile=srgb", f"--user-data-dir={profile}", "--lang=en",
        ]  # fmt: skip
        if sys.platform == "linux" and os.geteuid() == 0:
            flags.append("--no-sandbox")
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (from_us, to_us)]  # not 3 or 4 themselves
        command = [sys.executable, "-c", _ON_FILES_3_AND_4, *map(str, ends), str(CHROMIUM), *flags]
        process = subprocess.Popen(command, pass_fds=ends, stderr=subprocess.DEVNULL)
        for end in (from_us, to_us, *ends):
            os.close(end)
        with open(to_them, "wb") as commands, open(from_them, "rb") as events:
            try:
                yield Page(commands, events)
            finally:
                process.terminate()
                process.wait(PATIENCE)
