"""The compiler's tests in a process whose machine code is built with sanitizers.

    python -m tests.compiler.sanitized address|thread [arguments of pytest; all of tests/compiler by default]

"address" is the address and the undefined-behaviour sanitizer, "thread" that of threads: gcc's, on Linux. They are loaded before
all else, and kernels are in a cache folder of their own. What they report is printed after the tests, with figures as the last
line.
"""

import glob
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

from autonet.compiler.c.runtime import toolchain

BUILT = {  # what is asked of gcc, the libraries that come first, and what these are told
    "address": (
        "gcc -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer",
        ("libasan.so", "libubsan.so"),
        {"ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1", "PYTHONMALLOC": "malloc"},
    ),
    "thread": (
        "gcc -fsanitize=thread",
        ("libtsan.so",),
        {"TSAN_OPTIONS": "halt_on_error=1:report_signal_unsafe=0:history_size=4:suppressions={cache}.txt"},
    ),
}
RUNTIME = "tests/compiler/c/runtime"
APART = {  # tests that are left out, and what they ask for
    f"{RUNTIME}/test_pointwise.py::test_chains_are_vectorised": "vectors",
    f"{RUNTIME}/test_pool.py::test_the_number_of_threads_is_the_environments": "another number of threads",
    f"{RUNTIME}/test_toolchain.py::test_a_compiler_that_hangs_is_asked_once": "patience of 0.3 s",
    f"{RUNTIME}/test_toolchain.py::test_commands_end_together_and_are_waited_for_no_longer_than_they_take": "likewise",
    f"{RUNTIME}/test_toolchain.py::test_unknown_flags_are_left_out": "a compiler of its own",
    f"{RUNTIME}/test_cache.py::test_a_truncated_library_is_never_loaded": "the same bytes from each run of the compiler",
}
SUPPRESSED = "race:openblas\n"  # whose threads this sanitizer does not see waiting for each other
REPORT = re.compile(r"^.*(?:WARNING: ThreadSanitizer|ERROR: AddressSanitizer|runtime error): .*$", re.M)


def pytest_configure() -> None:
    """As a plugin of pytest's: compilers may take long."""
    toolchain._run.__defaults__ = (3600.0,)  # seconds


def sanitized(kind: str, cache: str) -> dict[str, str]:
    """The environment of a process whose kernels are built with the sanitizers."""
    compiler, libraries, options = BUILT[kind]
    found = [subprocess.check_output(["gcc", f"-print-file-name={name}"], text=True).strip() for name in libraries]
    with open(f"{cache}.txt", "w", encoding="utf-8") as file:
        file.write(SUPPRESSED)
    options = {name: value.replace("{cache}", cache) for name, value in options.items()}
    threads = {"AUTONET_THREADS": "2", "OPENBLAS_NUM_THREADS": "1"}
    named = {"AUTONET_CC": compiler, "AUTONET_CACHE": cache, "AUTONET_NATIVE": "1", "LD_PRELOAD": " ".join(found)}
    return {**os.environ, **options, **threads, **named}


def command(kind: str, *arguments: str) -> list[str]:
    """What runs Python there: with addresses where the sanitizer of threads wants them."""
    return [*(["setarch", "-R"] if kind == "thread" else []), sys.executable, *arguments]


def run(kind: str, arguments: list[str], folder: str) -> tuple[int, dict[str, int], list[str]]:
    """Run tests. Returns: pytest's exit code, its figures, and the texts in which something is reported."""
    environment, logs = sanitized(kind, os.path.join(folder, "cache")), os.path.join(folder, "report")
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
        if name in BUILT[kind][2]:
            goes_on = ":halt_on_error=0:exitcode=0:die_after_fork=0" if name == "TSAN_OPTIONS" else ""
            environment[name] += f":log_path={logs}{goes_on}"
    figures = os.path.join(folder, "figures.xml")
    plain = ["-p", __spec__.name, "-p", "no:cacheprovider", "-p", "no:xdist", f"--junitxml={figures}"]
    plain += [f"--deselect={name}" for name in APART]
    code = subprocess.run(command(kind, "-m", "pytest", *plain, *arguments), env=environment).returncode
    counted = next(iter(xml.etree.ElementTree.parse(figures).getroot())).attrib if os.path.exists(figures) else {}
    counts = {name: int(counted.get(name, 0)) for name in ("tests", "skipped", "failures", "errors")}
    texts = []
    for name in sorted(glob.glob(f"{logs}.*")):
        with open(name, encoding="utf-8", errors="replace") as file:
            texts.append(file.read())
    return code, counts, texts


def main() -> int:
    """Run tests with sanitizers, and print the figures."""
    if len(sys.argv) < 2 or sys.argv[1] not in BUILT:
        sys.exit(__doc__)
    kind, arguments = sys.argv[1], sys.argv[2:] or ["-q", "tests/compiler"]
    with tempfile.TemporaryDirectory() as folder:
        code, counts, texts = run(kind, arguments, folder)
    reports = sum(len(REPORT.findall(text)) for text in texts)
    print(*texts, sep="\n", end="")
    done = counts["tests"] - counts["skipped"]
    bad = counts["failures"] + counts["errors"]
    print(f"{done} tests with {kind} sanitizers, {counts['skipped']} skipped: {reports} reports, {bad} failed")
    return code or reports > 0


if __name__ == "__main__":
    sys.exit(main())
