"""`python tests/endpoint/load.py [SECONDS]`: 256 clients that come and go as they please, and what is left of them.

The server is a process of its own; it is asked for its tasks, its connections, its sockets and its memory while the
load runs and after it has ended. Ends with status 1 if anything is left or grows, or if others wait for too long.
`test_processes` asks only for what is left: a busy machine has longer waits.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import random
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[2])]

from raw import EVENTS, KEY, ROUTE, Peer, chat, get, post  # noqa: E402

from mistral_on_azure.endpoint.application import Application  # noqa: E402
from mistral_on_azure.endpoint.gateway.quota import Limits  # noqa: E402
from mistral_on_azure.endpoint.local.sessions import Sessions  # noqa: E402
from mistral_on_azure.endpoint.server import Server, run  # noqa: E402
from mistral_on_azure.endpoint.transport.connection import Connection  # noqa: E402
from mistral_on_azure.endpoint.transport.writer import Stream  # noqa: E402

CLIENTS = 256
PACED = {"x-local-timing": "first-token=0.05; tokens-per-second=200"}
REQUESTS = {
    "info": get("/info"),
    "whole": chat(),
    "streamed": chat(stream=True),
    "paced": chat(stream=True, headers=PACED),
    "late": chat(headers=PACED),
    "wrong": chat(temperature="hot"),
    "reset": chat(stream=True, headers={"x-local-fault": "reset=within"}),
}
DELAY, MEMORY = 0.05, 100  # seconds that a hostile request delays others, MB over the start: a quiet machine's figures
HOSTILE = [
    post(ROUTE, body, {"authorization": f"Bearer {KEY}"})
    for body in (
        b'{"messages":[' + b"0," * 1_900_000 + b"0]}",
        b'{"a":"' + b'\\"' * 260_000 + b'"}',
        b'{"stop":[' + b'"a",' * 900_000 + b'"a"]}',
        json.dumps({"messages": [{"role": "user", "content": " ".join(f"w{at:x}" for at in range(20_000))}]}).encode(),
        json.dumps({"messages": [{"role": "user", "content": "a" * 3_000_000}]}).encode(),
    )
]
GROWTH = 1.05  # of memory, from a third of the time to its end


def serve() -> None:
    """The server process: says its address, then what it holds each time a line comes in."""
    server = Server(Application(Sessions([KEY], Limits(10**9, 10**12))))

    async def main() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()

        def asked() -> None:
            if os.read(0, 100):
                print(json.dumps(held(server)), flush=True)
            else:
                stop.set()

        loop.add_reader(0, asked)
        await server.run(lambda url: print(url, flush=True), stop)

    run(main())


def held(server: Server) -> dict[str, int]:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    alive = Counter(type(each) for each in gc.get_objects())
    return {
        "tasks": len(asyncio.all_tasks()),
        "peers": len(server.peers),
        "connections": alive[Connection],
        "streams": alive[Stream],
        "sockets": sum(os.readlink(f"/proc/self/fd/{each}").startswith("socket:") for each in _files()),
        "memory, KiB": pages * os.sysconf("SC_PAGE_SIZE") // 1024,
    }


def _files() -> list[str]:
    return [each for each in os.listdir("/proc/self/fd") if os.path.islink(f"/proc/self/fd/{each}")]


async def client(port: int, dice: random.Random, until: float, seen: Counter) -> None:
    """One client: connects, asks a few times, leaves properly or not, and comes back."""
    loop = asyncio.get_running_loop()
    while loop.time() < until:
        peer = Peer(*await asyncio.open_connection("127.0.0.1", port))
        while loop.time() < until and dice.random() < 0.8 and await once(peer, dice, seen):
            pass
        if dice.random() < 0.5:
            peer.close()
        else:
            peer.writer.close()


async def once(peer: Peer, dice: random.Random, seen: Counter) -> bool:
    """One request, or part of one. Tells whether the connection is good for another."""
    name, way = dice.choice(list(REQUESTS)), dice.random()
    data = REQUESTS[name]
    if way < 0.1:
        peer.send(data[: dice.randrange(1, len(data))])
        seen["left half-way through a request"] += 1
        return False
    peer.send(data)
    if way < 0.3:
        await asyncio.sleep(dice.random() * 0.3)
        seen["left half-way through an answer"] += 1
        return False
    if way < 0.4:
        await asyncio.sleep(dice.random())  # reads late
    try:
        got = await asyncio.wait_for(peer.get(), 20)
    except (OSError, EOFError) as error:
        seen[name if name == "reset" else f"UNEXPECTED: {name} {error!r}"] += 1
        return False
    right = got.status == {"wrong": 422}.get(name, 200) and got.complete is (name != "reset")
    whole = name not in ("streamed", "paced") or len(got.events) == EVENTS
    seen[name if right and whole else f"UNEXPECTED: {name} {got.status} {len(got.body)}"] += 1
    return name != "reset"


async def hostile(port: int, ask: Callable[[], Awaitable[dict[str, int]]]) -> tuple[float, float]:
    """The longest wait of another client while hostile requests come, in seconds; the memory they leave, in MB."""
    before, loop, slowest = await ask(), asyncio.get_running_loop(), 0.0
    other = Peer(*await asyncio.open_connection("127.0.0.1", port))
    for data in HOSTILE * 5:
        peer = Peer(*await asyncio.open_connection("127.0.0.1", port))
        coming = asyncio.ensure_future(peer.send(data).get())
        while not coming.done():
            began = loop.time()
            await other.send(REQUESTS["info"]).get()
            slowest = max(slowest, loop.time() - began)
        peer.close()
    other.close()
    await asyncio.sleep(2.5)
    return slowest, ((await ask())["memory, KiB"] - before["memory, KiB"]) / 1024


async def load(seconds: float) -> bool:
    """Run the load and judge what is left. Prints as it goes."""
    pipe = asyncio.subprocess.PIPE
    server = await asyncio.create_subprocess_exec(sys.executable, __file__, "serve", stdin=pipe, stdout=pipe)

    async def ask() -> dict[str, int]:
        server.stdin.write(b"\n")
        return json.loads(await server.stdout.readline())

    port = int((await server.stdout.readline()).strip().rpartition(b":")[2])
    loop, seen = asyncio.get_running_loop(), Counter()
    await client(port, random.Random(0), loop.time() + 1, seen)
    await asyncio.sleep(0.5)
    print("before   ", before := await ask(), flush=True)
    until = loop.time() + seconds
    clients = [loop.create_task(client(port, random.Random(seed), until, seen)) for seed in range(CLIENTS)]
    third = before
    for place in range(6):
        await asyncio.sleep(seconds / 6)
        now = await ask()
        third = now if place == 1 else third
        print(f"{(place + 1) * seconds / 6:6.0f} s ", now, flush=True)
    await asyncio.gather(*clients)
    await asyncio.sleep(2.5)
    print("after    ", after := await ask(), dict(seen), sep="\n", flush=True)
    slowest, more = await hostile(port, ask)
    server.stdin.close()
    ended = await asyncio.wait_for(server.wait(), 10)
    # The event loop may hold on to the last connection until the next one ends.
    same = all(after[name] <= before[name] + (name == "connections") for name in before if not name.startswith("mem"))
    grew = after["memory, KiB"] / third["memory, KiB"]
    print(f"others waited {slowest * 1000:.0f} ms for a hostile request; memory over the start: {more:.0f} MB")
    print(f"memory after / memory at a third: {grew:.3f}; left over: {'nothing' if same else 'SOMETHING'}")
    return (
        slowest <= DELAY
        and more <= MEMORY
        and same
        and grew < GROWTH
        and ended == 0
        and not any("UNEXPECTED" in name for name in seen)
    )


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve()
    else:
        kept: list[bool] = []

        async def main() -> None:
            kept.append(await load(float(sys.argv[1]) if sys.argv[1:] else 60))

        run(main())
        sys.exit(not kept[0])
