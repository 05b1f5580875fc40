"""The floor for clients: the same chat with the standard library's HTTP and JSON, and nothing between.

Its parts are marked as cells: the connection, a completion, a stream. Each client's come from its notebook.
"""

# %%
import json
import os
from http.client import HTTPConnection
from urllib.parse import urlsplit

connection = HTTPConnection(urlsplit(os.environ["AZURE_INFERENCE_ENDPOINT"]).netloc, timeout=30)
headers = {
    "Authorization": f"Bearer {os.environ['AZURE_INFERENCE_CREDENTIAL']}",
    "Content-Type": "application/json",
}
messages = [
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "How many languages are in the world?"},
]
body = {"model": "mistralai-Mistral-7B-Instruct-v01", "messages": messages, "max_tokens": 256}

# %%
connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
answer = json.load(connection.getresponse())
print(answer["choices"][0]["message"]["content"])
print("Model:", answer["model"])
print("Finish reason:", answer["choices"][0]["finish_reason"])

# %%
connection.request("POST", "/v1/chat/completions", json.dumps({**body, "stream": True}), headers)
for line in connection.getresponse():
    if line.startswith(b"data: {"):
        for choice in json.loads(line[6:])["choices"]:
            print(choice["delta"].get("content") or "", end="", flush=True)
