"""The batch of a-million-prompts.ipynb on many machines: `python on_ray.py WORKERS`.

It needs `pip install openai pyarrow ray`, and beside it the recipe's modules (letters.py, labelling.py, journal.py) and
letters.parquet. Each Worker is a process that Ray starts on some machine. It runs `work`, the recipe's coroutine, with
the methods of one shared journal, which stays on the machine where you start this program. If a worker dies, Ray starts
it again and gives it the same letters; it first asks the journal which of them are done.

With RAY_ADDRESS set, the program is to join that cluster and send its modules there; start it on a machine of the
cluster. Without it, Ray starts on this machine alone.

Tried: a start on one machine, and killing a worker with signal 9 during the run. Every letter got its answer, and no
more calls were paid twice than were in flight. Not tried: several machines, and joining a running cluster, which ended
in `InvalidAuthToken` for a reason that was not found. Try both with a hundred letters first.
"""

import compileall
import json
import os
import sys

import ray
from journal import Journal
from labelling import work
from letters import opened
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy


@ray.remote(max_restarts=10, max_task_retries=10)
class Worker:
    def __init__(self, variables):
        os.environ.update(variables)

    async def run(self, shared, part, settings):
        rows = await shared.unanswered.remote(part)
        return await work(rows, shared.reserve.remote, shared.keep.remote, **settings)


def start(workers):
    """Join the cluster, or start Ray here.

    That start is delicate: Ray gives a node thirty seconds to come up, and a busy machine spends them compiling Python.
    So this compiles first, gives Ray's agent more time, and tries three times.
    """
    if os.environ.get("RAY_ADDRESS"):  # ray.init finds the cluster by this variable
        ray.init(runtime_env={"working_dir": ".", "excludes": ["*.parquet", "*.sqlite*"]})
        return
    compileall.compile_dir(os.path.dirname(ray.__file__), quiet=2, workers=2)
    os.environ.setdefault("RAY_agent_register_timeout_ms", "120000")
    for attempt in (1, 2, 3):
        try:
            ray.init("local", num_cpus=workers, _node_ip_address="127.0.0.1", include_dashboard=False)
            return
        except Exception as error:
            print(f"Ray did not start, try {attempt} of 3: {error}")
            ray.shutdown()
    sys.exit(3)  # the reasons are printed


def main():
    """Hand out the letters a thousand at a time. A worker that has finished its part gets the next."""
    count, settings = int(sys.argv[1]), json.loads(os.environ["BATCH"])
    variables = {name: value for name, value in os.environ.items() if name.startswith("AZURE_INFERENCE_")}
    in_flight, every = count * settings["work"]["in_flight"], settings["work"]["every"]
    total, parts = opened("letters.parquet", settings.get("part", 1_000))
    start(count)
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)  # where the file is
    once = {"num_cpus": 0, "max_concurrency": in_flight + 10, "scheduling_strategy": here}
    shared = ray.remote(**once)(Journal).remote(os.path.abspath(settings["journal"]), *settings["quota"])
    workers = [Worker.remote(variables) for _ in range(count)]
    first = zip(workers, parts, strict=False)
    busy = {worker.run.remote(shared, part, settings["work"]): worker for worker, part in first}
    while busy:  # the run has no limit of time; each wait ends after `every` seconds with a line of progress
        ready, _ = ray.wait(list(busy), timeout=every)
        print(ray.get(shared.progress.remote(total, in_flight), timeout=60), flush=True)
        for task in ready:
            worker, stopped = busy.pop(task), ray.get(task)
            if stopped:
                sys.exit(stopped)
            if part := next(parts, None):
                busy[worker.run.remote(shared, part, settings["work"])] = worker


if __name__ == "__main__":
    main()
