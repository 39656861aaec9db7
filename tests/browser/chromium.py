"""Chromium without a window, over its DevTools protocol: pages as people see them, and press them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from aiohttp import ClientSession, ClientWebSocketResponse

START_S: Final = 60.0
ANSWER_S: Final = 60.0
PHONE: Final = (390, 844)


class Browser:
    """One tab. Scripts are off: what we serve works without."""

    def __init__(self, wire: ClientWebSocketResponse) -> None:
        self._wire = wire
        self._numbers = itertools.count(1)
        self._loaded = 0

    async def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command and its answer; what is told meanwhile is counted when a page has loaded."""
        number = next(self._numbers)
        await self._wire.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(ANSWER_S):
            while True:
                said = await self._hear()
                if said.get("id") == number:
                    assert "error" not in said, said
                    return dict(said["result"])

    async def _hear(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(await self._wire.receive_str())
        self._loaded += said.get("method") == "Page.loadEventFired"
        return said

    async def look(self, width: int, height: int, *, dark: bool = False, zoom: float = 1.0) -> None:
        """The size of the screen, and whether its owner likes it dark."""
        await self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=zoom,
            mobile=width < 500,
        )
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        await self.ask("Emulation.setEmulatedMedia", features=features)

    async def open(self, address: str) -> None:
        before = self._loaded
        await self.ask("Page.navigate", url=address)
        await self._until_loaded(before)

    async def show(self, html: str) -> None:
        """A page that comes from nowhere."""
        await self.open("about:blank")  # what stood there before may have forbidden styles
        tree = await self.ask("Page.getFrameTree")
        before = self._loaded
        await self.ask("Page.setDocumentContent", frameId=tree["frameTree"]["frame"]["id"], html=html)
        await self._until_loaded(before)

    async def _until_loaded(self, before: int) -> None:
        async with asyncio.timeout(ANSWER_S):
            while self._loaded == before:
                await self._hear()

    async def text(self) -> str:
        """All that can be read."""
        return str(await self._evaluate("document.body.innerText"))

    async def wide(self) -> int:
        """How many pixels the page needs in width."""
        return int(await self._evaluate("document.documentElement.scrollWidth"))

    async def high(self) -> int:
        return int(await self._evaluate("document.documentElement.scrollHeight"))

    async def write(self, selector: str, text: str) -> None:
        """Into a field, as a keyboard does."""
        await self._press(selector)
        await self.ask("Input.insertText", text=text)

    async def press(self, selector: str) -> None:
        """With a finger; until the next page is there."""
        before = self._loaded
        await self._press(selector)
        await self._until_loaded(before)

    async def _press(self, selector: str) -> None:
        place = await self._evaluate(
            f"(() => {{const e = document.querySelector({json.dumps(selector)});"
            " e.scrollIntoView({block: 'center'});"
            " const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]})()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self.ask(
                "Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1
            )

    async def _evaluate(self, expression: str) -> Any:
        answer = await self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def shoot(self, target: Path, *, whole: bool = True) -> None:
        """A PNG of the page; whole: down to its end."""
        answer = await self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        await asyncio.to_thread(target.write_bytes, base64.b64decode(answer["data"]))


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """A chromium of its own, gone afterwards with all it kept."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert program, "chromium is needed"
    with tempfile.TemporaryDirectory(prefix="heloop-", ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            program,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--no-first-run",
            "--remote-debugging-port=0",
            f"--user-data-dir={profile}",
            "about:blank",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            port = await _port(process)
            async with ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                    tab = next(one for one in await answer.json() if one["type"] == "page")
                async with session.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0) as wire:
                    page = Browser(wire)
                    await page.ask("Page.enable")
                    await page.ask("Emulation.setScriptExecutionDisabled", value=True)
                    yield page
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.communicate()


async def _port(process: asyncio.subprocess.Process) -> int:
    """Where it listens, as it says itself."""
    assert process.stderr is not None
    async with asyncio.timeout(START_S):
        async for line in process.stderr:
            if b"DevTools listening on ws://" in line:
                return int(line.split(b"/devtools")[0].rpartition(b":")[2])
    raise AssertionError("chromium ended before it listened")
