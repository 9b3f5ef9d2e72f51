"""The one place that starts external programs and waits for them; and what a program of luna's own may use."""

import os
import resource
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from luna_core.errors import CommandFailed

LAST_LINES = 20
# The death of luna is the death of unshare, and that of unshare ends all that it started, and with them the mounts.
_CONTAINED = (
    *("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private"),
    *("--pid", "--fork", "--kill-child", "--mount-proc"),
)


def allow_most_files() -> None:
    """Let this process have as many files and connections open as its hard limit says (getrlimit(2))."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def run(
    command: Sequence[str | Path],
    *,
    stdin: str | None = None,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
) -> str:
    """Run a command to its end and return its standard output; `environment` is added to luna's own.

    Secrets go through `stdin` or `environment`, for any user can read a command line in /proc.
    Raises CommandFailed with the command's name, exit status and last lines if it can't start, fails or takes too long.
    """
    name = Path(command[0]).name
    try:
        done = subprocess.run(  # noqa: S603 - every caller passes a list, so no shell reads it
            [str(word) for word in command],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            cwd=directory,
            env={**os.environ, **environment} if environment else None,
            timeout=timeout_s,
            check=False,
        )
    except FileNotFoundError as error:
        raise CommandFailed(f"{name} is not installed: {error.filename!r} was not found.") from error
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(f"{name} did not finish within {timeout_s:g} s.") from error
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-LAST_LINES:])
        raise CommandFailed(f"{name} exited with status {done.returncode}{':' if said else '.'}\n{said}".strip())
    return done.stdout


def run_contained(
    command: Sequence[str | Path],
    told: Callable[[str], object] = lambda line: None,
    *,
    environment: Mapping[str, str] | None = None,
    accepted: Collection[int] = (0,),
) -> None:
    """Run a long command in mount and process namespaces of its own, telling each line that it prints on either stream.

    Its mounts and processes end with it, also if luna is interrupted or killed. Needs root. Raises CommandFailed with
    its last lines for an exit status that isn't among the `accepted`.
    """
    name = Path(command[0]).name
    if shutil.which(command[0]) is None:
        raise CommandFailed(f"{name} is not installed: {str(command[0])!r} was not found.")
    last: deque[str] = deque(maxlen=LAST_LINES)
    with subprocess.Popen(  # noqa: S603 - every caller passes a list, so no shell reads it
        [*_CONTAINED, *(str(word) for word in command)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, **environment} if environment else None,
    ) as process:
        output = process.stdout or ()
        try:
            for line in output:
                last.append(line.rstrip())
                told(last[-1])
        except BaseException:
            process.kill()
            # The end of the output is the end of everything that could still write to files.
            for _ in output:
                pass
            raise
    if process.returncode not in accepted:
        said = "\n".join(last).strip()
        raise CommandFailed(f"{name} exited with status {process.returncode}{':' if said else '.'}\n{said}".strip())
