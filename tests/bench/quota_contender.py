"""One way to keep to a quota, asked for some minutes in a process of its own: python quota_contender.py NAME.

It needs httpx and the package that it tries, and nothing of the cookbook. Task and figures are lines of JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx

WORKERS = 32
PAUSE = 1.0  # seconds until a worker goes on after a question that failed
Ask = Callable[[str, int], Awaitable[int]]  # a prompt and its tokens; returns what the answer took, or raises

TASK: dict[str, Any] = {}
CLIENTS: list[httpx.AsyncClient] = []  # whose connections are opened before the start
ANSWERS = [100.0, 1.0]  # tokens of answers so far and their number, with a guess to begin with


def body(prompt: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": prompt}]
    return {"model": TASK["model"], "messages": messages, "max_tokens": TASK["max_tokens"]}


def connection() -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {TASK['key']}"}
    limits = httpx.Limits(max_connections=WORKERS, max_keepalive_connections=WORKERS)
    CLIENTS.append(httpx.AsyncClient(base_url=TASK["url"], headers=headers, timeout=60, limits=limits))
    return CLIENTS[-1]


async def post(client: httpx.AsyncClient, prompt: str) -> int:
    """One request, without retries."""
    usage = (await client.post("/chat/completions", json=body(prompt))).raise_for_status().json()["usage"]
    ANSWERS[0] += usage["completion_tokens"]
    ANSWERS[1] += 1
    return usage["total_tokens"]


def naive() -> Ask:
    """Send, and after a 429 wait as long as told and send again."""
    client = connection()

    async def ask(prompt: str, tokens: int) -> int:
        while True:
            try:
                return await post(client, prompt)
            except httpx.HTTPStatusError as error:
                await asyncio.sleep(float(error.response.headers["retry-after"]))

    return ask


def threaded(call: Callable[[str], Any]) -> Ask:
    """A client's own retries, in a thread for each worker."""

    async def ask(prompt: str, tokens: int) -> int:
        await asyncio.to_thread(call, prompt)
        return 0

    return ask


def web_requests() -> Ask:
    import requests

    url, headers = f"{TASK['url']}/chat/completions", {"Authorization": f"Bearer {TASK['key']}"}
    return threaded(
        lambda prompt: requests.post(url, json=body(prompt), headers=headers, timeout=60).raise_for_status()
    )


def azure_sdk() -> Ask:
    from azure.ai.inference import ChatCompletionsClient
    from azure.core.credentials import AzureKeyCredential

    client = ChatCompletionsClient(TASK["url"], AzureKeyCredential(TASK["key"]))
    return threaded(lambda prompt: client.complete(**body(prompt)))


def openai_sdk() -> Ask:
    import openai

    client = openai.OpenAI(base_url=f"{TASK['url']}/v1", api_key=TASK["key"])
    return threaded(lambda prompt: client.chat.completions.create(**body(prompt)))


def langchain() -> Ask:
    from langchain_mistralai import ChatMistralAI

    chat = ChatMistralAI(
        model=TASK["model"], base_url=f"{TASK['url']}/v1", api_key=TASK["key"], max_tokens=TASK["max_tokens"]
    )
    return threaded(chat.invoke)


def mistralai() -> Ask:
    from mistralai.client import Mistral

    client = Mistral(server_url=TASK["url"], api_key=TASK["key"])
    return threaded(lambda prompt: client.chat.complete(**body(prompt)))


def _litellm() -> tuple[Any, dict[str, str]]:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    import litellm as library

    library.suppress_debug_info = True
    return library, {"model": f"azure_ai/{TASK['model']}", "api_base": TASK["url"], "api_key": TASK["key"]}


def litellm() -> Ask:
    library, there = _litellm()
    return threaded(lambda prompt: library.completion(**body(prompt) | there))


def router() -> Ask:
    """LiteLLM's Router, told the quota, with its own retries."""
    library, there = _litellm()
    quota = {"tpm": TASK["tokens"], "rpm": TASK["requests"]}
    routed = library.Router(
        [{"model_name": TASK["model"], "litellm_params": there | quota}],
        routing_strategy="usage-based-routing-v2",
        num_retries=3,
    )

    async def ask(prompt: str, tokens: int) -> int:
        await routed.acompletion(**body(prompt))
        return 0

    return ask


def limited(acquire: Callable[[int], Awaitable[Any]], expected: Callable[[], float]) -> Ask:
    """A limiter without refunds: acquire the prompt and what is expected of the answer, then send."""
    client = connection()

    async def ask(prompt: str, tokens: int) -> int:
        await acquire(round(tokens + expected()))
        return await post(client, prompt)

    return ask


def _mean() -> float:
    return ANSWERS[0] / ANSWERS[1]


def _aiolimiter(expected: Callable[[], float]) -> Ask:
    from aiolimiter import AsyncLimiter

    tokens, requests = AsyncLimiter(TASK["tokens"], TASK["minute"]), AsyncLimiter(TASK["requests"], TASK["minute"])

    async def acquire(amount: int) -> None:
        await requests.acquire()
        await tokens.acquire(amount)

    return limited(acquire, expected)


def pyrate_limiter() -> Ask:
    from pyrate_limiter import Limiter, Rate

    minute = round(TASK["minute"] * 1000)
    tokens, requests = Limiter(Rate(TASK["tokens"], minute)), Limiter(Rate(TASK["requests"], minute))

    async def acquire(amount: int) -> None:
        await requests.try_acquire_async("requests", 1)
        await tokens.try_acquire_async("tokens", amount)

    return limited(acquire, _mean)


def throttled() -> Ask:
    from datetime import timedelta

    from throttled.asyncio import RateLimiterType, Throttled, rate_limiter

    def of(most: int) -> Throttled:
        quota = rate_limiter.per_duration(timedelta(seconds=TASK["minute"]), most, burst=most)
        return Throttled(using=RateLimiterType.TOKEN_BUCKET.value, quota=quota, timeout=600)

    tokens, requests = of(TASK["tokens"]), of(TASK["requests"])

    async def acquire(amount: int) -> None:
        await requests.limit("requests", 1)
        await tokens.limit("tokens", amount)

    return limited(acquire, _mean)


def token_throttle() -> Ask:
    """It reserves the prompt and `max_tokens`, and takes back what the answer did not need."""
    from token_throttle import MemoryBackendBuilder, PerModelConfig, Quota, RateLimiter, UsageQuotas

    quotas = [Quota(metric=name, limit=TASK[name], per_seconds=int(TASK["minute"])) for name in ("requests", "tokens")]
    limiter = RateLimiter(PerModelConfig(quotas=UsageQuotas(quotas)), backend=MemoryBackendBuilder())
    client = connection()

    async def ask(prompt: str, tokens: int) -> int:
        worst = {"requests": 1, "tokens": tokens + TASK["max_tokens"]}
        async with limiter.reserve(worst, model="one") as handle:
            used = await post(client, prompt)
            handle.set_actual_usage({"requests": 1, "tokens": used})
        return used

    return ask


def ledger() -> Ask:
    """The recipe's own: the cells of the notebook, handed over as text."""
    cells: dict[str, Any] = {"print": lambda *_: None}  # who waits for "ready" is not to read what a cell prints
    exec(TASK["ledger"], cells)
    quota = cells["open_quota"](TASK["file"], TASK["tokens"], TASK["requests"], TASK["minute"])
    client, turn = connection(), asyncio.Lock()
    seen = [2000.0, 4000.0]  # tokens and characters so far, with a guess to begin with

    async def ask(prompt: str, tokens: int) -> int:
        expected = 1.25 * len(prompt) * seen[0] / seen[1]
        async with turn:
            while wait := cells["take"](quota, expected):
                await asyncio.sleep(wait)
        used = await post(client, prompt)
        cells["take"](quota, used - expected, 0)
        seen[0], seen[1] = seen[0] + used, seen[1] + len(prompt)
        return used

    return ask


CONTENDERS: dict[str, Callable[[], Ask]] = {
    "naive": naive,
    "requests": web_requests,
    "azure-sdk": azure_sdk,
    "openai-sdk": openai_sdk,
    "langchain": langchain,
    "mistralai": mistralai,
    "litellm": litellm,
    "router": router,
    "aiolimiter-worst": lambda: _aiolimiter(lambda: TASK["max_tokens"]),
    "aiolimiter-mean": lambda: _aiolimiter(_mean),
    "pyrate-limiter": pyrate_limiter,
    "throttled-py": throttled,
    "token-throttle": token_throttle,
    "ledger": ledger,
}


async def contend(ask: Ask, prompts: Iterator[tuple[str, int]]) -> dict[str, Any]:
    """Ask until the time is over, and measure each question from when a worker takes it up to its answer."""
    await asyncio.gather(*(client.get("/info") for client in CLIENTS for _ in range(WORKERS)))
    print("ready", flush=True)
    sys.stdin.readline()
    ends = time.monotonic() + TASK["seconds"]
    waits: list[float] = []
    failed = 0
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(WORKERS))

    async def worker() -> None:
        nonlocal failed
        for prompt, tokens in prompts:
            began = time.monotonic()
            try:
                await ask(prompt, tokens)
                waits.append(time.monotonic() - began)
            except Exception:
                failed += 1
                await asyncio.sleep(PAUSE)

    workers = [asyncio.create_task(worker()) for _ in range(WORKERS)]
    await asyncio.wait(workers, timeout=ends - time.monotonic())
    for each in workers:
        each.cancel()
    marks = quantiles(waits, n=20) if len(waits) > 1 else [0.0] * 19
    package = TASK["package"]
    told = {"answered": len(waits), "failed": failed, "version": f"{package} {version(package)}" if package else ""}
    return told | {"median": round(marks[9], 3), "p95": round(marks[18], 3)}


def main(name: str) -> None:
    TASK.update(json.loads(sys.stdin.readline()))
    prompts = json.loads(Path(TASK["prompts"]).read_text(encoding="utf-8"))
    mine = iter(prompts[TASK["place"] :: TASK["places"]])
    print(json.dumps(asyncio.run(contend(CONTENDERS[name](), mine))), flush=True)
    os._exit(0)  # threads of clients that wait for a retry


if __name__ == "__main__":
    main(sys.argv[1])
