"""An offline run is offline, whatever variables and files of the user's there are: nothing leaves the machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

from commanding import COOKBOOK, Cookbook
from mistral_on_azure.azure.addresses import CREDENTIAL
from mistral_on_azure.azure.children import (
    apply,
    around_proxies,
    at_local_endpoint,
    away_from_others,
    own_kernel,
    own_python,
)
from mistral_on_azure.azure.deployments import default_name
from mistral_on_azure.catalog.clients import clients

ROOT = Path(__file__).resolve().parent.parent.parent
SECRET = "s3cr3t~Of~A~Users~Own~1dentity"
NOWHERE = "http://nowhere.invalid:1"
FOREIGN = {
    "AZURE_TOKEN_CREDENTIALS": "dev", "AZURE_CLIENT_ID": "0" * 8, "AZURE_TENANT_ID": "t", "AZURE_CLIENT_SECRET": SECRET,
    "AZURE_FEDERATED_TOKEN_FILE": "/nowhere", "AZURE_AUTHORITY_HOST": NOWHERE, "MSI_ENDPOINT": NOWHERE,
    "MSI_SECRET": SECRET, "IDENTITY_ENDPOINT": NOWHERE, "IDENTITY_HEADER": SECRET, "IDENTITY_SERVER_THUMBPRINT": "aa",
    "IMDS_ENDPOINT": NOWHERE, "HTTP_PROXY": NOWHERE, "https_proxy": "socks5://nowhere.invalid:1",
    "ALL_PROXY": "http://u:p@[bad", "NO_PROXY": "[::1],localhost,*.x y", "SSL_CERT_FILE": "/nowhere",
    "REQUESTS_CA_BUNDLE": "/nowhere", "CURL_CA_BUNDLE": "/nowhere", "NODE_EXTRA_CA_CERTS": "/nowhere",
    "SSLKEYLOGFILE": "/nowhere/x", "OPENAI_BASE_URL": NOWHERE, "LANGSMITH_TRACING": "true", "LANGSMITH_API_KEY": SECRET,
    "FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": "20", "MPLBACKEND": "TkAgg", "PYTHONWARNINGS": "error",
    "CUSTOM_TIKTOKEN_CACHE_DIR": "/nowhere", "TIKTOKEN_CACHE_DIR": "/nowhere", "DATA_GYM_CACHE_DIR": "/nowhere",
    "CI": "true", "JUPYTER_PLATFORM_DIRS": "1",
}  # fmt: skip
_KERNELS = ("NO_PROXY", "TERM", "FORCE_COLOR", "MPLBACKEND", "CI")  # a kernel has its own
# Loaded by each Python of the run. It writes down who is looked up or connected to, but for this machine.
WATCH = """
import ipaddress, os, socket, sys

def note(event, arguments):
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    try:
        away = not ipaddress.ip_address(host).is_loopback
    except ValueError:
        away = host not in (None, "", "localhost")
    if away:
        with open({seen!r}, "a") as file:
            print(event, host, file=file)

sys.addaudithook(note)
"""
DISTURBS = "print('a profile'); get_ipython().display_formatter.formatters['text/plain'].for_type(str, None)"


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> dict[str, str]:
    """The variables of a user with a profile, a netrc file, a kernel and modules of their own."""
    home = tmp_path_factory.mktemp("home")
    files = {
        ".netrc": "default login a password bbbbbbbb\n",
        ".ipython/profile_default/startup/a.py": DISTURBS,
        "start.py": "1 / 0",
        "modules/requests.py": "raise ImportError('not the library')",
        "jupyter/kernels/python3/kernel.json": json.dumps(
            {"argv": [shutil.which("false")], "display_name": "Another", "language": "python"}
        ),
    }
    for name, text in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    (home / ".netrc").chmod(0o600)
    own = {"HOME": str(home), "PYTHONSTARTUP": str(home / "start.py"), "JUPYTER_PATH": str(home / "jupyter")}
    path = os.pathsep.join(filter(None, [str(home / "modules"), os.environ.get("PYTHONPATH")]))
    inherited = {name: value for name, value in os.environ.items() if name != "IPYTHONDIR"}
    return {**inherited, **FOREIGN, **own, "PYTHONPATH": path}


def no_route() -> list[str]:
    """A command in whose namespace only loopback is there."""
    wrapped = ["unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    if not shutil.which("unshare") or not shutil.which("ip"):
        return []
    return wrapped if subprocess.run([*wrapped, "true"], capture_output=True).returncode == 0 else []


@pytest.mark.parametrize("names", [["start-here"], pytest.param(list(clients()), marks=pytest.mark.all)])
def test_notebooks_pass_where_there_is_no_way_out(home, tmp_path, names):
    if not (command := no_route()):
        pytest.skip("no network namespace of one's own here")
    command += [str(COOKBOOK), "run", *names, "--reports", str(tmp_path / "reports")]
    done = subprocess.run(command, env=home, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\x1b" not in done.stdout and f"{len(names)} of {len(names)} passed" in done.stdout
    assert SECRET not in "".join(path.read_text() for path in (tmp_path / "reports").rglob("*.*"))


@pytest.mark.all
@pytest.mark.parametrize("way", ["papermill", "pytest -q -n0"])
def test_papermill_and_nbval_pass_where_there_is_no_way_out(home, tmp_path, way):
    """With the user's identity, proxies, certificates and profile. Which kernel papermill starts, Jupyter decides."""
    if not (command := no_route()):
        pytest.skip("no network namespace of one's own here")
    environment = {name: value for name, value in home.items() if name not in ("PYTHONPATH", "PYTHONWARNINGS")}
    command += [sys.executable, "-m", *way.split(), "notebooks/start-here.ipynb"]
    if way == "papermill":
        command.append(str(tmp_path / "executed.ipynb"))
        del environment["JUPYTER_PATH"]
        if any(each.name == "azure-storage-blob" for each in distributions()):
            # It is of the group langchain. With it papermill itself makes a TLS context before it runs anything.
            del environment["SSLKEYLOGFILE"]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr


USES = f"""
import mistral_on_azure as cookbook
cookbook.connect(model={default_name()!r})
import os, requests, httpx
from azure.identity import DefaultAzureCredential
cookbook.use_entra_id()
token = DefaultAzureCredential().get_token("https://ml.azure.com/.default").token
url = os.environ["AZURE_INFERENCE_ENDPOINT"] + "/info?api-version=2024-05-01-preview"
for client in (requests, httpx):
    assert client.get(url, headers={{"Authorization": "Bearer " + token}}).status_code == 200
cookbook.use_key()
url = os.environ["AZURE_INFERENCE_ENDPOINT"] + "/info?api-version=2024-05-01-preview"
for client in (requests, httpx):
    headers = {{"Authorization": "Bearer " + os.environ["AZURE_INFERENCE_CREDENTIAL"]}}
    assert client.get(url, headers=headers).status_code == 200
"""
AGAIN = """
from mistral_on_azure.notebook.connecting import _leave_local
_leave_local("https://another.inference.ml.azure.com")
assert {name: os.environ.get(name) for name in before} == before
"""


def test_a_program_with_a_connection_of_its_own_reaches_nobody_else(home, tmp_path):
    """As plain papermill, nbval and JupyterLab start a kernel: with all that the user has set."""
    (tmp_path / "sitecustomize.py").write_text(WATCH.format(seen=str(tmp_path / "seen")))
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    environment = {**home, "PYTHONPATH": path, "PYTHONWARNINGS": "default"}
    before = "import os\nbefore = dict(os.environ)\nbefore.pop('AZURE_INFERENCE_CREDENTIAL', None)"
    command = [sys.executable, "-c", f"{before}\n{USES}\n{AGAIN}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "seen").exists(), (tmp_path / "seen").read_text()


def test_what_watches_sees(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(WATCH.format(seen=str(tmp_path / "seen")))
    ask = "import socket\ntry: socket.getaddrinfo('nowhere.invalid', 1)\nexcept OSError: pass"
    subprocess.run([sys.executable, "-c", ask], env={**os.environ, "PYTHONPATH": str(tmp_path)}, timeout=250)
    assert (tmp_path / "seen").read_text() == "socket.getaddrinfo nowhere.invalid\n"


LOOKS = """
import os, sys
print(os.path.samefile(sys.prefix, {prefix!r}), [name for name in {names!r} if name in os.environ])
"""


def test_a_kernel_is_this_environments_own(cookbook: Cookbook, home):
    names = [name for name in FOREIGN if name not in _KERNELS]
    names = [name for name in names if "CERT" not in name and "CA_" not in name]
    path = cookbook.write("a", LOOKS.format(prefix=sys.prefix, names=[*names, "PYTHONSTARTUP"]), "'text'")
    done = subprocess.run(cookbook.command("--save"), env=home, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stdout + done.stderr
    printed, shown = [cell["outputs"][0] for cell in json.loads(path.read_text())["cells"][1:]]
    assert printed["text"] == ["True []\n"] and shown["data"]["text/plain"] == ["'text'"]


def test_changes_are_undone():
    environ = {**FOREIGN, "PATH": "p", "HTTPS_PROXY": NOWHERE, "AZURE_INFERENCE_ENDPOINT": "e"}
    before = dict(environ)
    session = {"identity_endpoint": "i", "identity_header": "h", "authorities": "a"}
    undo = apply(at_local_endpoint(session, environ), environ)
    assert SECRET not in environ.values() and environ["IDENTITY_ENDPOINT"] == "i" and environ["SSL_CERT_FILE"] == "a"
    assert environ["AZURE_INFERENCE_ENDPOINT"] == "e" and environ["PIP_PROXY"] == NOWHERE and environ["PATH"] == "p"
    apply(undo, environ)
    assert environ == before


def test_only_this_package_stays_of_python_path(tmp_path):
    ours = str(ROOT / "helpers")
    environ = {"PYTHONPATH": os.pathsep.join(["/x", ours]), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": ""}
    assert own_python(environ) == {"PYTHONPATH": ours, "PYTHONHASHSEED": None, "PYTHONDONTWRITEBYTECODE": None}
    assert own_python({"PYTHONPATH": "/x"}) == {"PYTHONPATH": None}
    assert own_kernel(tmp_path, {"BASH_FUNC_curl%%": "x"})["BASH_FUNC_curl%%"] is None


def test_a_vocabulary_is_not_downloaded():
    """With the user's folder LiteLLM would not look into its own."""
    names = [name for name in FOREIGN if "CACHE_DIR" in name]
    assert away_from_others(FOREIGN).items() >= dict.fromkeys(names).items() and len(names) == 3


def test_the_key_of_the_endpoint_is_no_variable_of_an_identity():
    assert CREDENTIAL not in away_from_others({CREDENTIAL: "k", "LITELLM_LOCAL_MODEL_COST_MAP": "True"})


@pytest.mark.parametrize("value", ["[::1],localhost", "10.0.0.0/8, .corp.example", "*", "*.x y,[::1", "http://a,,"])
def test_what_no_proxy_says_breaks_no_client(monkeypatch, value):
    import httpx

    monkeypatch.setenv("HTTP_PROXY", NOWHERE)
    monkeypatch.setenv("NO_PROXY", value)
    apply(around_proxies())
    httpx.Client(verify=False).close()
    assert os.environ["NO_PROXY"].endswith("127.0.0.1,localhost")
