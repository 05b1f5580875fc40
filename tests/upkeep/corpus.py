"""Files with a credential in each, and files that only look so. All are made from a fixed seed."""

from __future__ import annotations

import base64
import html
import json
import random
import re
import string
import uuid
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote

from written_keys import ASSIGNMENTS, SHORT_ALONE

from mistral_on_azure.upkeep.secrets.credential_rules import rules

CLASSES = {
    "alnum": string.ascii_letters + string.digits,
    "alpha": string.ascii_letters,
    "upper": string.ascii_uppercase,
    "digit": string.digits,
    "hex": "0123456789abcdef",
    "small32": string.ascii_lowercase + "234567",
    "base32": string.ascii_uppercase + "234567",
    "base64": string.ascii_letters + string.digits + "+/",
    "space": " ",
}


class Sample(NamedTuple):
    """A file of the corpus: what it is a sample of, which one, the file's name and what it holds."""

    family: str
    name: str
    file: str
    content: bytes


class Maker:
    """Random credentials, the same ones every time."""

    def __init__(self) -> None:
        self.random = random.Random(13)

    def of(self, example: str) -> str:
        """A credential for a rule's example."""
        return re.sub(r"<(\d+) of (\w+)>", lambda found: self.some(int(found[1]), found[2]), example)

    def some(self, count: int, kind: str) -> str:
        return "".join(self.random.choice(CLASSES[kind]) for _ in range(count))

    def key(self) -> str:
        return self.some(32, "hex")


def planted() -> Iterator[Sample]:
    """Files with a credential in each."""
    make = Maker()
    for rule in rules():
        secret = make.of(rule.example)
        yield Sample(
            "kinds with a mark", f"{rule.name}: {rule.prefixes[0].decode()}", "a.txt", f"x = {secret}\n".encode()
        )
        yield Sample("kinds with a mark", f"{rule.name}, alone", "b.txt", f"one\n{secret}\n".encode())
    for file, text in ASSIGNMENTS.items():
        yield Sample("32 hexadecimal digits", file, file, _written(text, make.key()).encode())
        other = make.some(84, "alnum") if len(file) % 2 else make.some(48, "alnum")
        if file not in SHORT_ALONE:
            yield Sample("48 and 84 characters", file, file, _written(text, other).encode())
    yield from _connection_strings(make)
    yield from _encoded(make)
    yield from _notebooks(make)


def _written(text: str, key: str) -> str:
    return re.sub(r"(?<!_)KEY", key, text)


def _connection_strings(make: Maker) -> Iterator[Sample]:
    password = f"{make.some(6, 'alnum')}7!{make.some(4, 'alpha')}"
    login = base64.b64encode(f"me:{make.some(12, 'alnum')}5".encode())
    texts = {
        "SQL": f"Server=tcp:a.database.windows.net;User ID=me;Password={password};Encrypt=True;",
        "PostgreSQL": f"postgresql://me:{password.replace('!', '')}@db.example:5432/app",
        "Redis": f"redis://:{make.some(44, 'alnum')}@cache.example:6380",
        "storage": f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={make.some(86, 'base64')}==;",
        "Event Hubs": f"Endpoint=sb://a.example/;SharedAccessKeyName=Root;SharedAccessKey={make.some(43, 'base64')}=",
        "SAS": f"https://a.blob.core.windows.net/c?sv=2024&sig={make.some(40, 'alnum')}%2Fx%3D&se=2027",
        "proxy": f"HTTPS_PROXY=http://me:{make.some(9, 'alnum')}1@proxy.example:8080",
        "git": f"url = https://me:{make.some(24, 'alnum')}@git.example/a.git",
        "netrc": f"machine host.example login me password {password}",
        "netrc in lines": f"machine host.example\n  login me\n  password {password}\n",
        "curl -u": f"curl -u me:{make.some(12, 'alnum')}4 https://host.example",
        "basic": f"Authorization: Basic {login.decode()}",
        "ODBC": f"Driver={{ODBC}};Uid=me;Pwd={{{password}}};Encrypt=yes;",
        "NuGet": f'<add key="ClearTextPassword" value="{make.some(10, "alnum")}9" />',
        "docker login": f"docker login -u me -p {make.some(12, 'alnum')}5 registry.example",
        "sshpass": f"sshpass -p {make.some(12, 'alnum')}5 ssh me@host.example",
        "MySQL": f"mysql -u me -p{make.some(12, 'alnum')}5 app",
        "refresh token": json.dumps({"refresh_token": f"0.AX{make.some(60, 'alnum')}.{make.some(300, 'alnum')}"}),
        "long secret": json.dumps({"secret": make.some(1200, "alnum")}),
        "password in a program": f'password = "{make.some(10, "alnum")}9"',
    }
    for name, text in texts.items():
        yield Sample("connection strings and logins", name, "a.txt", text.encode())


def _encoded(make: Maker) -> Iterator[Sample]:
    text = "api_key = '{}'\n"
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"):
        yield Sample("encodings", encoding, "a.py", text.format(make.key()).encode(encoding))
    for encoding in ("utf-32-le", "utf-32-be"):
        yield Sample("encodings", encoding, "a.py", text.format(make.key()).encode(encoding))
    yield Sample("encodings", "after a null character", "a.log", b"\0" + text.format(make.key()).encode())
    key = make.key()
    coloured = f"\x1b[32mapi_key\x1b[0m = \x1b[1;33m{key[:9]}\x1b[0m{key[9:]}"
    shown = {
        "coloured": coloured,
        "coloured, in JSON": json.dumps({"log": coloured}),
        "base64": base64.b64encode(text.format(make.key()).encode()).decode(),
        "base64 of UTF-16": base64.b64encode(f"$key = '{make.key()}'".encode("utf-16-le")).decode(),
        "base64 in lines": base64.encodebytes(
            (f"[azure]\n{'# settings' * 9}\n" + text.format(make.key())).encode()
        ).decode(),
        "base64 of a key": f"apiKey: {base64.b64encode(make.key().encode()).decode()}",
        "base64 in base64": base64.b64encode(base64.b64encode(text.format(make.key()).encode())).decode(),
        "URL-quoted": f"next=https%3A%2F%2Fhost.example%2F%3Fapi-key%3D{make.key()}%26x%3D1",
        "URL-quoted twice": quote(quote(f"https://host.example/?api-key={make.key()}", safe=""), safe=""),
        "hexadecimal digits": f"payload={text.format(make.key()).encode().hex()}",
        "two halves": f'api_key = "{make.some(16, "hex")}" + "{make.some(16, "hex")}"',
        "base64 of UTF-16 with a mark": base64.b64encode(text.format(make.key()).encode("utf-16")).decode(),
        "URL-quoted storage key": f"k={quote('AccountKey=' + make.some(86, 'base64') + '==', safe='')}",
        "HTML": f"<pre>{html.escape(repr({'api_key': make.key()}))}</pre>",
        "JSON in JSON": json.dumps({"body": json.dumps({"api_key": make.key()})}),
        "a line of JSON": json.dumps({"output": f"Your key:\n{make.key()}\n"}),
        "escaped": json.dumps({"header": f"api-key:\n{make.key()}"}).replace("-", "\\u002d"),
    }
    for name, content in shown.items():
        yield Sample("encodings", name, "a.txt", content.encode())


def _notebooks(make: Maker) -> Iterator[Sample]:
    def cell(kind: str = "code", source: str = "", **more: object) -> dict[str, object]:
        code = {"outputs": [], "execution_count": 1} if kind == "code" else {}
        return {"cell_type": kind, "source": source, "metadata": {}, **code, **more}

    def output(kind: str, **more: object) -> dict[str, object]:
        return cell(source="print(settings)", outputs=[{"output_type": kind, **more}])

    key, coloured = make.key(), "\x1b[0;32m"
    encoded = base64.b64encode(f"api_key={make.key()}".encode()).decode()
    password = {"model_name": "PasswordModel", "state": {"description": "API key", "value": make.key()}}
    text = {"model_name": "TextModel", "state": {"placeholder": "your token", "value": make.some(48, "alnum")}}
    widgets = {"application/vnd.jupyter.widget-state+json": {"state": {make.key(): password}}}
    cells: dict[str, dict[str, object]] = {
        "source": cell(source=f"api_key = '{make.key()}'"),
        "source in lines": cell(source=["import os\n", f"api_key = '{make.key()}'"]),
        "markdown": cell("markdown", f"My key is `{make.key()}`."),
        "raw": cell("raw", f"Authorization: Bearer {make.key()}"),
        "printed": output("stream", name="stdout", text=[f"key: {make.key()}\n"]),
        "printed alone": cell(
            source="print(client.credential)", outputs=[{"output_type": "stream", "text": f"{make.key()}\n"}]
        ),
        "result": output("execute_result", data={"text/plain": f"{{'api-key': '{make.key()}'}}"}, metadata={}),
        "HTML": output("display_data", data={"text/html": f"<td>api_key</td><td>{make.key()}</td>"}, metadata={}),
        "JSON": output("display_data", data={"application/json": {"headers": {"api-key": make.key()}}}, metadata={}),
        "coloured error": output(
            "error", ename="E", evalue="", traceback=[f"{coloured}api_key\x1b[0m=\x1b[31m{key[:20]}\x1b[0m{key[20:]}"]
        ),
        "error": output("error", ename="HTTPError", evalue=f"401 for api-key={make.key()}", traceback=[]),
        "metadata": cell(metadata={"papermill": {"parameters": {"api_key": make.key()}}}),
        "attachment": cell("markdown", "![](a.txt)", attachments={"a.txt": {"text/plain": f"api_key={make.key()}"}}),
        "attachment in base64": cell("markdown", "![](a)", attachments={"a": {"application/octet-stream": encoded}}),
        "no picture": output("display_data", data={"image/png": encoded}, metadata={}),
        "printed in two parts": cell(
            source="show()",
            outputs=[{"output_type": "stream", "text": each} for each in ("api_key: ", f"{make.key()}\n")],
        ),
        "coloured call": output(
            "error", ename="E", evalue="", traceback=[f'connect(\x1b[1m"\x1b[39m{make.key()}\x1b[39m"\x1b[0m)']
        ),
        "token printed": output(
            "stream", name="stdout", text=f"eyJ{make.some(30, 'alnum')}.eyJ{make.some(60, 'alnum')}.x\n"
        ),
    }
    for name, each in cells.items():
        notebook = {"cells": [each], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        yield Sample("notebooks", name, "a.ipynb", json.dumps(notebook).encode())
    for name, metadata in (
        ("widget", {"widgets": widgets}),
        ("password widget", {"widgets": {"a": {"model_name": "PasswordModel", "state": {"value": make.key()}}}}),
        ("HTML widget", {"widgets": {"a": {"state": {"value": f"<b>API key</b>: {make.key()}"}}}}),
        ("text widget", {"widgets": {"a": {"state": {"b": text}}}}),
    ):
        notebook = {"cells": [], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
        yield Sample("notebooks", name, "a.ipynb", json.dumps(notebook).encode())


def harmless() -> Iterator[Sample]:
    """Files in which only what looks like a credential is, and is none."""
    make = Maker()
    hexes = {"MD5": 32, "SHA-1": 40, "SHA-256": 64, "SHA-384": 96, "SHA-512": 128}
    logins = {
        "authors": 'authors = ["Mistral7BInstructV03 <a@host.example>"]',
        "a login as documents have it": "https://user:password1@host.example",
        "no real password": 'password = "not-a-real-1"',
    }
    for name, text in logins.items():
        yield Sample("words", name, "a.txt", text.encode())
    for name, length in hexes.items():
        digest = make.some(length, "hex")
        yield Sample("hashes", f"{name} alone", "a.txt", f"{digest}\n".encode())
        yield Sample("hashes", f"{name} of a file", "SUMS", f"{digest}  notebook.ipynb\n".encode())
        yield Sample("hashes", f"{name} in a program", "a.py", f'assert digest(text) == "{digest}"\n'.encode())
        yield Sample("hashes", f"{name} in JSON", "a.json", json.dumps({"hash": digest}).encode())
        yield Sample("hashes", f"{name} in a lock", "a.lock", f"    --hash={name.lower()}:{digest} \\\n".encode())
        yield Sample(
            "hashes", f"{name} in a list", "a.py", f'DIGESTS = ["{digest}", "{make.some(length, "hex")}"]'.encode()
        )
    for place, text in enumerate(
        ['"id": "chatcmpl-{}"', "x-request-id: {}", "ETag: {}", "trace_id={}", "commit {}", 'model_id="{}"', "{}.png"]
    ):
        yield Sample("ids", str(place), "a.txt", text.format(make.key()).encode())
    for place, text in enumerate(
        ['"client_id": "{}"', "{}", "tenant={}", "key id: {}", "subscription {}", "token_id={}"]
    ):
        identifier = uuid.UUID(int=make.random.getrandbits(128), version=4)
        yield Sample("UUIDs", str(place), "a.txt", text.format(identifier).encode())
    texts = [
        "key = os.environ['AZURE_INFERENCE_CREDENTIAL']",
        'api_key = "your-32-character-key-goes-right-here"',
        'api_key = "<your key>"',
        "Authorization: Bearer ***",
        "Authorization: Bearer $AZURE_INFERENCE_CREDENTIAL",
        "Authorization: Bearer ${{ secrets.GITHUB_TOKEN }}",
        'token = "<|endoftext|>"',
        "max_tokens=2048, token_count: 1234567890123456",
        "tokenizer: Mixtral-8x7B-Instruct-v0.1",
        "model_key = 'Mistral-7B-Instruct-v03'",
        "key=lambda each: each.name_of_the_2nd_deployment",
        'password = getpass("Password: ")',
        "def password_is_strong(password: str, rules2: Rules) -> bool:",
        "https://user:pass" + "word@host.example/",
        "https://{user}:{password}@host.example/",
        "sk-your-key-here and hf_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "-----BEGIN CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----",
        "ssh-rsa " + "AAAAB3NzaC1yc2EAAAADAQABAAABgQ" + make.some(90, "alnum") + " me@host",
        '"integrity": "sha512-' + make.some(86, "base64") + '=="',
        "Tokens: 12 prompt, 34 completion; keys: 2024-05-01-preview, x-ms-model-mesh-error2",
        "test_a_key_of_32_characters_is_found_2_times_in_3_files",
    ]
    for place, text in enumerate(texts):
        yield Sample("texts and programs", str(place), "a.txt", text.encode())
    picture = base64.b64encode(b"\x89PNG\r\n\x1a\n" + make.random.randbytes(4000)).decode()
    outputs = [
        {"output_type": "display_data", "data": {"image/png": picture, "text/plain": "<Figure>"}, "metadata": {}}
    ]
    printed = [{"output_type": "stream", "name": "stdout", "text": f"{make.key()}\n"}]
    code = {"cell_type": "code", "metadata": {}, "execution_count": 1}
    cells = [
        {**code, "id": make.some(8, "hex"), "source": "plot()", "outputs": outputs},
        {**code, "source": "print(hashlib.md5(text).hexdigest())", "outputs": printed},
    ]
    models = {make.key(): {"model_name": "LayoutModel", "state": {"layout": f"IPY_MODEL_{make.key()}"}}}
    notebook = {"cells": cells, "metadata": {"widgets": {"state": models}}, "nbformat": 4, "nbformat_minor": 5}
    yield Sample("notebooks", "pictures, widgets and a hash", "a.ipynb", json.dumps(notebook).encode())
    yield Sample("binary files", "random", "a.bin", make.random.randbytes(20_000))
    page = f'<img alt="key" src="data:image/png;base64,{picture}">'
    yield Sample("texts and programs", "picture in a page", "a.html", page.encode())
    yield Sample("texts and programs", "source map", "a.map", ("//# sourceMappingURL=data:" + picture).encode())
