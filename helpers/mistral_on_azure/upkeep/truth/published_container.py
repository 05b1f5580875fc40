"""The container: Microsoft's own server for these models, in front of an engine that runs already.

Imported, it lays out a model folder as the package in Azure's catalog does and starts this same file with the
environment's Python. Run as a file, it puts stand-ins where Azure or a GPU would be needed and hands over to the
server's own start. Nothing on a request's way is replaced.
"""

from __future__ import annotations

import json
import runpy
import shutil
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # run as a file, this module has no neighbours
    from mistral_on_azure.upkeep.truth.tiny_engine import Child, Home

UNSAFE = "forbidden-word"
SERVER = "llm.optimized.inference.api_server"


def lay_out(home: Home, model: Path, name: str, metadata: dict[str, Any]) -> tuple[Path, Path]:
    """Make the folder of a model as the catalog's packages have it; returns it and the engine's folder in it."""
    folder = home.folder / name
    inner = folder / "mlflow_model_folder"
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("model", "components/tokenizer"):
        shutil.copytree(model, inner / part)
    flavors = {"python_function": {"loader_module": "none"}}
    # A file of YAML; JSON is YAML too.
    (inner / "MLmodel").write_text(json.dumps({"flavors": flavors, "metadata": metadata}, indent=2))
    return folder, inner / "model"


def metadata_of(name: str, provider: str) -> dict[str, Any]:
    """What a package's MLmodel says of itself: the provider decides the adapter, the rest is shown by /info."""
    base = {"base_model_name": name, "base_model_task": "chat-completion", "is_common_api_enabled": True}
    return {**base, "model_provider_name": provider} if provider else base


def start_container(home: Home, folder: Path, engine_port: int, *, name: str, safety: bool = False) -> Child:
    """Start the server on a port of loopback, in front of the engine, and wait until it answers."""
    from mistral_on_azure.azure.children import reserved_port
    from mistral_on_azure.upkeep.truth.tiny_engine import start

    port = reserved_port()
    scratch = folder / "tmp"  # the server keeps a lock file there, which must not outlive a run
    scratch.mkdir()
    extra = {
        "AZUREML_MODEL_DIR": str(folder),
        "AZUREML_LOG_LEVEL": "warning",
        "WORKER_COUNT": "1",
        "ENGINE_NAME": "vllm",
        "HOST": "127.0.0.1",
        "PORT": str(engine_port),
        "TENSOR_PARALLEL": "1",
        "CUDA_VISIBLE_DEVICES": "0",
        "ENFORCE_CUDA_VISIBLE_DEVICES": "true",
        "TMPDIR": str(scratch),
    }
    if safety:
        # Any value will do: the clients that would use them are stand-ins.
        keys = ("UAI_CLIENT_ID", "SUBSCRIPTION_ID", "RESOURCE_GROUP_NAME", "CONTENT_SAFETY_ACCOUNT_NAME")
        extra |= dict.fromkeys(keys, "none") | {"CONTENT_SAFETY_ENDPOINT": "none"}
    command = [str(home.python), str(Path(__file__).resolve()), str(port)]
    child = start(name, command, home, port, ready="/", extra=extra)
    try:
        _answers_a_chat(child)
    except BaseException:
        child.stop()
        raise
    return child


def _answers_a_chat(child: Child) -> None:
    """Ask once: when the server cannot use its engine it says it is healthy all the same, and fails every chat."""
    from mistral_on_azure.upkeep.truth.truth_questions import Question, ask

    body = {"messages": [{"role": "user", "content": "Hello."}], "max_tokens": 1}
    row = {"id": "ready", "method": "POST", "route": "/v1/chat/completions", "body": body}
    reply = ask(Question.from_row(row), child.port)
    if reply.status != 200:
        raise RuntimeError(f"{child.name} answers {reply.status} to a chat; see {child.log}")


class _Silent:
    """A client that takes every argument and does nothing."""

    def __init__(self, *_: object, **__: object) -> None:
        self.accounts = SimpleNamespace(list_keys=lambda **_: SimpleNamespace(key1="none"))

    def collect(self, *_: object, **__: object) -> None:
        """Keep nothing."""


class _ContentSafety(_Silent):
    """A judge of texts that finds one word hateful and everything else harmless."""

    def analyze_text(self, options: SimpleNamespace) -> SimpleNamespace:
        """The four categories' findings, as the real client names them."""
        found = SimpleNamespace(severity=6 if UNSAFE in options.text else 0)
        calm = SimpleNamespace(severity=0)
        return SimpleNamespace(hate_result=found, self_harm_result=calm, sexual_result=calm, violence_result=calm)


def stand_in(name: str, **names: object) -> None:
    """Put a module of that name in place, with its parents unless they are installed."""
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        path = ".".join(parts[:count])
        if path == "azure":
            continue  # installed: other parts of it are the real ones
        module = sys.modules.setdefault(path, ModuleType(path))
        module.__path__ = []
        module.__spec__ = ModuleSpec(path, None)  # libraries ask whether it is there, and expect one
    for key, value in names.items():
        setattr(sys.modules[name], key, value)


def hand_over(port: str) -> None:
    """Replace what needs Azure or a GPU, then run the server as its own command line would."""
    stand_in("azure.ai.contentsafety", ContentSafetyClient=_ContentSafety)
    stand_in("azure.ai.contentsafety.models", AnalyzeTextOptions=SimpleNamespace)
    stand_in("azure.ai.contentsafety.models", AnalyzeImageOptions=SimpleNamespace, ImageData=SimpleNamespace)
    stand_in("azure.mgmt.cognitiveservices", CognitiveServicesManagementClient=_Silent)
    stand_in("azureml.ai.monitoring", Collector=_Silent)
    # MLflow's helper turns arrays and tables into lists; an answer of a chat has neither.
    stand_in("mlflow.pyfunc.scoring_server", _get_jsonable_obj=lambda data, **_: data)

    from llm.optimized.inference import replica_manager
    from llm.optimized.inference.engine import vllm_engine

    replica_manager.verify_model_fits_in_gpu = lambda *_, **__: None
    # The engine runs already, so that several containers can share one.
    vllm_engine.VLLMEngine._start_server = lambda *_, **__: None
    sys.argv = [SERVER, "--host", "127.0.0.1", "--port", port]
    runpy.run_module(SERVER, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    # Python puts this file's folder first on its path; a module here must not hide one of theirs.
    sys.path.remove(str(Path(__file__).resolve().parent))
    hand_over(sys.argv[1])
