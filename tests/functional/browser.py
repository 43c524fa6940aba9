# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drive a headless browser through the DevTools protocol on two pipes, without a library or a port."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

needs_browser = pytest.mark.skipif(
    shutil.which("chromium") is None and not os.environ.get("CI"), reason="chromium is not installed: this test did NOT run"
)


class Browser:
    """One Chromium with one page."""

    def __init__(self, home: Path) -> None:
        ours, theirs = os.pipe(), os.pipe()
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", f"--user-data-dir={home / 'chromium'}"]
        # Chromium reads on 3 and writes on 4.
        script = f'exec chromium "$@" 3<&{ours[0]} 4>&{theirs[1]}'
        self.process = subprocess.Popen(
            ["bash", "-c", script, "chromium", *flags, "about:blank"],
            env={**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home)},
            pass_fds=(ours[0], theirs[1]),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(ours[0])
        os.close(theirs[1])
        self.to, self.of, self.rest, self.count, self.session = ours[1], theirs[0], b"", 0, ""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command and return its result."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": params, **({"sessionId": self.session} if self.session else {})}
        os.write(self.to, json.dumps(message).encode() + b"\0")
        answer = self._await(lambda told: told.get("id") == self.count)
        assert "result" in answer, answer
        return answer["result"]

    def _await(self, wanted: Any) -> dict[str, Any]:
        until = time.monotonic() + 60
        while True:
            while b"\0" not in self.rest:
                assert select.select([self.of], [], [], max(0.0, until - time.monotonic()))[0], "the browser does not answer"
                read = os.read(self.of, 1 << 16)
                assert read, "the browser has ended"
                self.rest += read
            line, _end, self.rest = self.rest.partition(b"\0")
            told = json.loads(line)
            if wanted(told):
                return told

    def open(self, file: Path, *, width: int = 1200, phone: bool = False, scheme: str = "light") -> None:
        """Load a page on a screen of this width; a phone lays out a page without a viewport as if it were wide."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=phone)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Page.navigate", url=f"file://{file}")
        self._await(lambda told: told.get("method") == "Page.loadEventFired")

    def tell(self, script: str) -> Any:
        """Return the value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def photograph(self, file: Path) -> None:
        """Save the whole page, also what is below the screen, as a PNG."""
        # In a window as high as the page there is no scroll bar.
        width, height = self.tell("[innerWidth, document.documentElement.scrollHeight]")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        file.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def close(self) -> None:
        """End the browser."""
        os.close(self.to)
        os.close(self.of)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
