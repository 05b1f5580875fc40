"""An OpenAI-compatible server on a thread of its own, as plain as they come."""

from __future__ import annotations

import asyncio
import json
import threading

from aiohttp import web

USAGE = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9, "prompt_tokens_details": {"cached_tokens": 0}}
LOGPROBS = {
    "content": [{"id": 1, "token": "Hi", "logprob": -0.1, "bytes": [72], "top_logprobs": [{"token": "x"}] * 20}]
}


class Engine:
    """Answers as well as its mood lets it.

    Attributes:
        bodies: of the completions that it was asked for.
        fail: the status of its answers, if they are errors.
        listed: status and body of its list of models.
        mood: how a stream ends, or what else is wrong; empty for nothing.
        left: set when somebody has gone before the answer was whole.
    """

    def __init__(self) -> None:
        self.bodies: list[dict] = []
        self.fail: int | None = None
        self.listed: tuple[int, object] = 200, {"object": "list", "data": [{"id": "tiny"}]}
        self.mood = ""
        self.url = ""
        self.left = threading.Event()
        self._started = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True).start()
        assert self._started.wait(10)

    async def _serve(self) -> None:
        app = web.Application()
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._chat)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._started.set()
        await asyncio.Event().wait()

    async def _models(self, request: web.Request) -> web.Response:
        status, listed = self.listed
        return web.json_response(listed, status=status)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        if self.fail:
            error = {"error": {"message": "no such thing"}}
            return web.json_response(error, status=self.fail, headers={"retry-after": "7"})
        if self.mood == "nonsense":
            return web.Response(text="<html>Welcome</html>")
        if self.mood == "no choices":
            return web.json_response({"choices": []})
        if self.mood == "gone":
            request.transport.abort()
            return web.Response()
        if self.mood == "thinks":
            while request.transport is not None:
                await asyncio.sleep(0.01)
            self.left.set()
        if not body.get("stream"):
            choice = {"index": 0, "message": {"role": "assistant", "content": "Hi there"}, "finish_reason": "stop"}
            return web.json_response({"choices": [{**choice, "logprobs": LOGPROBS}], "usage": USAGE})
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        while self.mood == "rambles":
            try:
                await self._event(response, {"choices": [{"index": 0, "delta": {"content": "x" * 9_000}}]})
            except ConnectionError:
                self.left.set()
                return response
        for piece in ("Hi", " there"):
            await self._event(response, {"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]})
        if self.mood == "breaks off":
            request.transport.abort()
            return response
        if self.mood == "fails":
            await self._event(response, {"error": {"message": "out of memory", "code": 500}})
        if self.mood:
            return response
        await self._event(response, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        await self._event(response, {"choices": [], "usage": USAGE})
        await response.write(b"data: [DONE]\n\n")
        return response

    async def _event(self, response: web.StreamResponse, chunk: dict) -> None:
        await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
