"""clang-tidy over all sources, as .clang-tidy says. A file that was clean is not looked at again until it, a header
of ours, .clang-tidy or its compile command changes. --seconds N: begin no file after that time."""
import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys
import time

import sources

BUILD = sources.ROOT / "build" / "lint"
CACHE = BUILD / "clean"
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def included(name, seen):
    """`name` and every header of ours below it."""
    if name in seen or not (sources.ROOT / name).is_file():
        return
    seen.add(name)
    for target in INCLUDE.findall(sources.read(name)):
        included(target, seen)


def fingerprint(name, command):
    seen = set()
    included(name, seen)
    text = sources.read(".clang-tidy") + command + "".join(n + sources.read(n) for n in sorted(seen))
    return hashlib.sha256(text.encode()).hexdigest()


def tidy(name):
    command = ["clang-tidy", "-p", str(BUILD), "--quiet", str(sources.ROOT / name)]
    result = subprocess.run(command, capture_output=True, text=True)
    return result.returncode, result.stdout


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("files", nargs="*", help="only these")
    arguments = parser.parse_args()
    configure = ["cmake", "--preset", "lint"]
    subprocess.run(configure, cwd=sources.ROOT, check=True, stdout=subprocess.DEVNULL)
    # What is included and generated.
    subprocess.run(["cmake", "--build", str(BUILD), "--target", "generated/security/default_profile.inc"], check=True,
                   stdout=subprocess.DEVNULL)
    CACHE.mkdir(exist_ok=True)
    commands = {}
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        path = os.path.relpath(entry["file"], sources.ROOT)
        if not path.startswith(("..", "build/")) and (not arguments.files or path in arguments.files):
            commands[path] = entry["command"]
    marks = {name: CACHE / fingerprint(name, command) for name, command in commands.items()}
    waiting = [name for name in commands if not marks[name].exists()]
    waiting.sort(key=lambda name: -(sources.ROOT / name).stat().st_mtime)
    deadline = time.monotonic() + arguments.seconds
    failed = left = 0

    def one(name):
        return (name, None, "") if time.monotonic() > deadline else (name, *tidy(name))

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, code, text in pool.map(one, waiting):
            if code is None:
                left += 1
            elif code == 0:
                marks[name].touch()
            else:
                failed += 1
                print(text)
    print(f"{len(commands)} files: {len(waiting) - failed - left} looked at, {len(commands) - len(waiting)} clean before, "
          f"{left} left for the next run, {failed} with findings")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
