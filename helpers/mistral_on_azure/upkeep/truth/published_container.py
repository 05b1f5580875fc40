"""The container: Microsoft's own server for these models, in front of an engine that runs already.

As a module, it lays out a model folder as the package in Azure's catalog does, and starts this same file with the
environment's Python. As a program, it replaces the clients that need Azure or a GPU by stand-ins, and runs the server.
Nothing that handles a request is replaced.
"""

from __future__ import annotations

import json
import runpy
import shutil
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # run as a file, this module has no neighbours
    from mistral_on_azure.upkeep.truth.tiny_engine import Child, Home

UNSAFE = "forbidden-word"
SERVER = "llm.optimized.inference.api_server"


def lay_out(home: Home, model: Path, name: str, base_model: str, provider: str) -> tuple[Path, Path]:
    """Make a model's folder in the layout of the catalog's packages. Returns it, and the engine's folder in it.

    Args:
        provider: it chooses the adapter; empty for none. /info answers the rest of the metadata.
    """
    folder = home.folder / name
    inner = folder / "mlflow_model_folder"
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("model", "components/tokenizer"):
        shutil.copytree(model, inner / part)
    flavors = {"python_function": {"loader_module": "none"}}
    metadata = {"base_model_name": base_model, "base_model_task": "chat-completion", "is_common_api_enabled": True}
    metadata |= {"model_provider_name": provider} if provider else {}
    # A file of YAML; JSON is YAML too.
    (inner / "MLmodel").write_text(json.dumps({"flavors": flavors, "metadata": metadata}, indent=2))
    return folder, inner / "model"


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
    """Send one chat: a server that cannot use its engine reports that it is healthy, and fails every chat.

    Raises:
        RuntimeError: when the chat fails.
    """
    from mistral_on_azure.upkeep.truth.questions_and_answers import Question, ask

    body = {"messages": [{"role": "user", "content": "Hello."}], "max_tokens": 1}
    row = {"id": "ready", "method": "POST", "route": "/v1/chat/completions", "body": body}
    reply = ask(Question.from_row(row), child.port)
    if reply.status != 200:
        raise RuntimeError(f"{child.name} answers {reply.status} to a chat; see {child.log}")


class _Silent:
    """A client that accepts any argument and does nothing."""

    def __init__(self, *_: object, **__: object) -> None:
        self.accounts = SimpleNamespace(list_keys=lambda **_: SimpleNamespace(key1="none"))

    def collect(self, *_: object, **__: object) -> None:
        """Do nothing."""


class _ContentSafety(_Silent):
    """A content filter for which one word is hateful and everything else harmless."""

    def analyze_text(self, options: SimpleNamespace) -> SimpleNamespace:
        """The severity in each of the four categories, with the names of the real client."""
        found = SimpleNamespace(severity=6 if UNSAFE in options.text else 0)
        calm = SimpleNamespace(severity=0)
        return SimpleNamespace(hate_result=found, self_harm_result=calm, sexual_result=calm, violence_result=calm)


def stand_in(name: str, **names: object) -> None:
    """Make a module of this name importable, and its parents unless they are installed."""
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        path = ".".join(parts[:count])
        if path == "azure":
            continue  # it is installed, and its other modules are used
        module = sys.modules.setdefault(path, ModuleType(path))
        module.__path__ = []
        module.__spec__ = ModuleSpec(path, None)  # libraries look for it to see whether the module exists
    for key, value in names.items():
        setattr(sys.modules[name], key, value)


def hand_over(port: str) -> None:
    """Replace the parts that need Azure or a GPU, then run the server as its own command line would."""
    stand_in("azure.ai.contentsafety", ContentSafetyClient=_ContentSafety)
    stand_in("azure.ai.contentsafety.models", AnalyzeTextOptions=SimpleNamespace)
    stand_in("azure.ai.contentsafety.models", AnalyzeImageOptions=SimpleNamespace, ImageData=SimpleNamespace)
    stand_in("azure.mgmt.cognitiveservices", CognitiveServicesManagementClient=_Silent)
    stand_in("azureml.ai.monitoring", Collector=_Silent)
    # MLflow's helper turns arrays and tables into lists; a chat completion has neither.
    stand_in("mlflow.pyfunc.scoring_server", _get_jsonable_obj=lambda data, **_: data)

    from llm.optimized.inference import replica_manager
    from llm.optimized.inference.engine import vllm_engine

    replica_manager.verify_model_fits_in_gpu = lambda *_, **__: None
    # The engine runs already, so that several containers can share one.
    vllm_engine.VLLMEngine._start_server = lambda *_, **__: None
    sys.argv = [SERVER, "--host", "127.0.0.1", "--port", port]
    runpy.run_module(SERVER, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    # Python puts this file's folder first on the import path; its modules must not hide those of the server.
    sys.path.remove(str(Path(__file__).resolve().parent))
    hand_over(sys.argv[1])
