"""A stand-in for a real endpoint, written with another library than ours: it shows what arrives and how."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from pathlib import Path
from typing import Any

import requests
from aiohttp import web

from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.recording.tape import Recorder, Scrubber
from mistral_on_azure.recording.usage import Usage
from mistral_on_azure.running import targets
from mistral_on_azure.running.jobs import Job
from mistral_on_azure.running.results import Result

KEY = "the-real-key-of-the-real-endpoint"
USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
SUBSCRIPTION = "/subscriptions/1b2c3d4e-0000-4a5b-8c9d-0123456789ab/resourceGroups/secret-group/x"


class Upstream:
    """Listens on loopback; remembers each request as (method, path with query, headers, body)."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str], str]] = []
        self.gone = threading.Event()  # a streaming client has disconnected
        self._going_on = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Upstream:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread.is_alive():
            self.stop()

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def go_on(self) -> None:
        """Let streams that wait after a word say the next one."""
        self._loop.call_soon_threadsafe(self._going_on.set)

    async def _listen(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        self.seen.append((request.method, request.raw_path, dict(request.headers), text))
        if request.path == "/info":
            return web.json_response({"model_name": "real-model"})
        if KEY not in request.headers.get("Authorization", ""):
            said = f"No access for tenant {TENANT} to {SUBSCRIPTION} on {self.url}, ask ann@contoso.com."
            return web.json_response({"error": {"code": "401", "message": said}}, status=401)
        body = json.loads(text)
        return await getattr(self, f"_{body.get('how', 'whole')}")(request, body)

    async def _whole(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        usage = body.get("usage", USAGE)
        answer = {"choices": [{"message": {"content": "Hello."}}], "usage": usage, "you_sent": KEY}
        return web.json_response(answer, headers={"x-ratelimit-remaining-tokens": "9", "apim-request-id": "tenant"})

    async def _zipped(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        answer = gzip.compress(json.dumps({"usage": USAGE}).encode())
        return web.Response(body=answer, headers={"Content-Encoding": "gzip", "Content-Type": "application/json"})

    async def _broken(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"choices":')
        request.transport.abort()
        return response

    async def _broken_stream(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        """An event, and as many bytes of a second one as `cut` says."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        event = f"data: {json.dumps({'choices': [{'delta': {'content': 'é'}}]}, ensure_ascii=False)}\n\n".encode()
        await response.write(event + event[: body["cut"]])
        await asyncio.sleep(0.05)
        request.transport.abort()
        return response

    async def _refused(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        return web.Response(status=body["status"], headers=body["headers"])

    async def _silent(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        request.transport.abort()
        return web.Response()

    async def _stream(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        try:
            for word in body.get("words", ["Hel", "lo."]):
                chunk = {"choices": [{"index": 0, "delta": {"content": word}}]}
                await response.write(f"data: {json.dumps(chunk)}\n\n".encode())
                await asyncio.sleep(body.get("gap", 0))
                if body.get("waits"):
                    await self._going_on.wait()
            if "usage" in body:
                await response.write(f"data: {json.dumps({'choices': [], 'usage': body['usage']})}\n\n".encode())
            await response.write(b"data: [DONE]\n\n")
        except ConnectionError:
            self.gone.set()
        return response


class Notebook:
    """A notebook behind a door: somebody with an address and a key."""

    def __init__(self, through: targets.ThroughDoors, name: str = "n") -> None:
        self.result = Result(Job(Path(f"{name}.ipynb"), "d", Path("out.ipynb")))
        self.through, self.environment = through, through.environment(self.result)
        self.url, self.key = self.environment[ENDPOINT], self.environment[CREDENTIAL]

    def post(
        self, body: dict, path: str = "/v1/chat/completions", key: str = "", headers: dict | None = None, **more: Any
    ) -> requests.Response:
        sent = {"Authorization": f"Bearer {key or self.key}", **(headers or {})}
        return requests.post(self.url + path, json=body, headers=sent, timeout=100, **more)

    @property
    def usage(self) -> Usage:
        return self.through.usage(self.result)


def recorder(file: Path) -> targets.NewRecorder:
    """Records into a file."""
    return lambda label, secrets, hosts: Recorder(file, {"endpoint": label, "parameters": {}}, Scrubber(secrets, hosts))
