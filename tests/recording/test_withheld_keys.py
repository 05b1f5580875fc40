"""Where there is a door no kernel can read the real key; where there is none, what is written is masked."""

from __future__ import annotations

import hashlib
import sys

import pytest

from commanding import Cookbook
from mistral_on_azure.azure.addresses import CREDENTIAL, ENDPOINT
from mistral_on_azure.azure.credentials import new_key
from mistral_on_azure.endpoint.starting import start

LOOK = """
import hashlib, os, psutil
def ours():
    for each in psutil.Process().parents():
        yield each
        if any("cookbook" in word for word in each.cmdline()):
            yield from each.children(recursive=True)
            return
seen = 0
for process in ours():
    try:
        variables = open(f"/proc/{process.pid}/environ", "rb").read().split(b"\\0")
    except OSError:
        continue
    seen += 1
    for variable in [*variables, *(f"{n}={v}".encode() for n, v in os.environ.items())]:
        assert hashlib.sha256(variable.partition(b"=")[2]).hexdigest() != DIGEST, (process, variable.partition(b"=")[0])
print("looked at", seen)
"""
CALL = """
import os, requests
headers = {"Authorization": f"Bearer {os.environ['AZURE_INFERENCE_CREDENTIAL']}"}
body = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8}
answer = requests.post(os.environ["AZURE_INFERENCE_ENDPOINT"] + "/chat/completions", json=body, headers=headers)
answer.raise_for_status()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is of Linux")
def test_a_kernel_behind_a_door_cannot_read_the_key_in_any_process_of_the_run(tmp_path):
    cookbook, key = Cookbook(tmp_path), new_key()
    cookbook.write("look", CALL, f"DIGEST = {hashlib.sha256(key.encode()).hexdigest()!r}\n{LOOK}")
    with start([key]) as endpoint:
        done = cookbook.run(**{ENDPOINT: endpoint.url, CREDENTIAL: key})
    assert cookbook.status == {"look": "passed"}, done.stdout + done.stderr
    looked = (cookbook.reports / "executed").rglob("*.ipynb") if (cookbook.reports / "executed").exists() else None
    texts = [path.read_text() for path in looked or cookbook.reports.rglob("*.ipynb")]
    assert any("looked at " in text and "looked at 0" not in text for text in texts)


SHELL = """
import base64, os, subprocess, sys
key = os.environ["AZURE_INFERENCE_CREDENTIAL"]
program = '''
import base64, os, sys, time
key = os.environ["AZURE_INFERENCE_CREDENTIAL"]
for file in (1, 2):
    os.write(file, f"child {key}\\\\nhalf {key[:20]}\\\\n{base64.b64encode(key.encode()).decode()}\\\\n".encode())
'''
with open("/proc/%d/fd/2" % os.getppid(), "wb", buffering=0) as console:
    subprocess.run([sys.executable, "-c", program], stdout=console, stderr=console, check=True)
os.write(2, f"kernel {key}\\n".encode())
raise ValueError("x" * OFFSET + key + "y" * 100)
"""


OFFSETS = (0, 370, 385, 391)  # of a key in an error's text: in its middle, and about the place where it is cut


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is of Linux")
def test_with_direct_no_part_of_a_key_is_printed_or_kept(tmp_path):
    """The error's text is cut at 400 characters, within the key; a child writes to the runner's own console."""
    cookbook, key = Cookbook(tmp_path), new_key()
    for offset in OFFSETS:
        cookbook.write(f"shell-{offset}", CALL, f"OFFSET = {offset}\n{SHELL}")
    with start([key]) as endpoint:
        done = cookbook.run("--direct", **{ENDPOINT: endpoint.url, CREDENTIAL: key})
    printed = done.stdout + done.stderr
    assert cookbook.status == {f"shell-{offset}": "failed" for offset in OFFSETS}, printed
    assert printed.count("child ***") >= len(OFFSETS), printed
    files = [path for path in cookbook.reports.rglob("*") if path.is_file()]
    assert {"junit.xml", "results.json", "summary.md"} <= {path.name for path in files}
    for text in (printed, *(path.read_text(errors="replace") for path in files)):
        assert not any(key[at : at + 8] in text for at in range(len(key) - 7))
