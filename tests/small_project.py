"""A copy of the project with one small package in its lock, and that package: set up in seconds, without a network."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_SCRIPTS = ("helpers/mistral_on_azure/setup_environment.py", "helpers/mistral_on_azure/package_index.py")
_FILES = ("Makefile", "pyproject.toml", "LICENSE", *_SCRIPTS)


def make(*arguments: str, folder: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments], cwd=folder, capture_output=True, text=True, timeout=200, env=_environment(variables)
    )


def _environment(variables: dict[str, str]) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "PYTHON"))}
    return {**clean, **variables}


_INSTALLERS = ("uv", "hatchling", "packaging", "pathspec", "pluggy", "trove-classifiers")  # and what they need


class Wheels:
    """uv and the build backend, as they are installed here, and two versions of a package named small.

    Attributes:
        hashes: SHA-256 by name and version, as `small-1.0`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.hashes = folder, {}
        self.uv = Path(sys.executable).with_name("uv")
        for version in ("1.0", "2.0"):
            self._write(f"small-{version}", "py3-none-any", {"small.py": f"version = {version!r}\n".encode()})
        self._installers = {name: self._again(name) for name in _INSTALLERS}

    def _again(self, name: str) -> str:
        """Make a wheel of a package that is installed here; returns its version."""
        found, file = distribution(name), name.replace("-", "_")
        stem = f"{file}-{found.version}"
        contents = {
            f"{stem}.data/scripts/{path.name}" if "bin" in path.parts else str(path): path.locate().read_bytes()
            for path in found.files
            if path.suffix != ".pyc" and path.name not in ("RECORD", "INSTALLER", "REQUESTED")
        }
        tag = found.read_text("WHEEL").split("Tag: ")[1].split()[0] if name == "uv" else "py3-none-any"
        self._write(stem, tag, contents)
        return found.version

    def _write(self, name: str, tag: str, contents: dict[str, bytes]) -> None:
        package, version = name.split("-")
        information = f"{name}.dist-info"
        metadata = f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
        wheel = f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n"
        contents = {f"{information}/METADATA": metadata.encode(), f"{information}/WHEEL": wheel.encode(), **contents}
        record = io.StringIO()
        rows = csv.writer(record, lineterminator="\n")
        for path, content in contents.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            rows.writerow([path, f"sha256={digest}", len(content)])
        rows.writerow([f"{information}/RECORD", "", ""])
        file = self.folder / f"{name}-{tag}.whl"
        with zipfile.ZipFile(file, "w") as archive:
            for path, content in {**contents, f"{information}/RECORD": record.getvalue().encode()}.items():
                entry = zipfile.ZipInfo(path)
                entry.external_attr = (0o100755 if ".data/scripts/" in path else 0o100644) << 16
                archive.writestr(entry, content)
        self.hashes[name] = hashlib.sha256(file.read_bytes()).hexdigest()

    def lock(self, small: str = "1.0") -> str:
        """A lock that pins the installers and the small package."""
        pins = {"small": small, **self._installers}
        hashes = {name: self.hashes[f"{name.replace('-', '_')}-{version}"] for name, version in pins.items()}
        return "".join(f"{name}=={pins[name]} \\\n    --hash=sha256:{digest}\n" for name, digest in hashes.items())

    def set_up(self, project: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        return make("setup", folder=project, **self._only_these(variables))

    def start(self, project: Path) -> subprocess.Popen[str]:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(["make", "setup"], cwd=project, env=_environment(self._only_these({})), **pipes)

    def _only_these(self, variables: dict[str, str]) -> dict[str, str]:
        return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.folder), "PIP_CONFIG_FILE": os.devnull, **variables}

    def installed(self, project: Path) -> str:
        """The version of the small package in a project's environment."""
        command = [project / ".venv" / "bin" / "python", "-I", "-c", "import small; print(small.version)"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def write_project(folder: Path, lock: str) -> None:
    """Write the files of the small project, over those that a test has changed."""
    package = folder / "helpers" / "mistral_on_azure"
    package.mkdir(parents=True, exist_ok=True)
    for name in _FILES:
        shutil.copy(ROOT / name, folder / name)
    (package / "__init__.py").touch()
    (package / "cli.py").write_text("def main():\n    print('the cookbook')\n")
    (folder / "requirements.lock").write_text(lock)
