"""The endpoint's own page: its commands do what it says they do."""

from __future__ import annotations

import re
import subprocess
from itertools import pairwise

from asking import agent, chat

POLICY = "What is our return policy?"


def test_every_command_prints_what_the_page_shows(local, root):
    page = (root / "helpers/mistral_on_azure/endpoint/README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(bash|text)\n(.*?)```", page, re.DOTALL)
    shown = [(command, output) for (kind, command), (other, output) in pairwise(blocks) if other == "text"]
    assert len(shown) == 6
    # One shell for all: later commands use what earlier ones define.
    script = "set -euo pipefail\n" + "\n".join(f"{command}echo ----" for command, _ in shown)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split("----\n")[:-1] == [output for _, output in shown]


def test_the_script_on_the_page_answers_as_it_says(served, root):
    page = (root / "helpers/mistral_on_azure/endpoint/README.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    application = served(script, strict=True)
    policy = [{"role": "system", "content": "You work for Contoso."}, {"role": "user", "content": POLICY}]
    assert chat(policy, application=application).text == "Thirty days."
    refused = chat(POLICY, application=application)
    assert (refused.status, refused.code) == (400, "unexpected_prompt") and "another system" in refused.message
    assert agent(application, "The weather in Oslo, please") == "It is -3 degrees outside."
    again = [chat("Try again?", application=application) for _ in range(3)]
    assert [each.status for each in again] == [429, 200, 200]
    assert again[2].json["choices"][0]["finish_reason"] == "length"
    spam = chat("Is this spam? Answer yes or no.", application=application, logprobs=True, top_logprobs=2)
    (token,) = spam.json["choices"][0]["logprobs"]["content"]
    assert [(each["token"], each["logprob"]) for each in token["top_logprobs"]] == [("yes", -0.36), ("no", -1.2)]
