"""What the checks share: the project's files as git knows them, and how findings are reported."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROOMS = ["base", "namespaces", "security", "cgroups", "network", "image", "runtime", "engine", "cli"]


def files(*suffixes):
    """Tracked and new files (not ignored) with one of the suffixes, as paths relative to the root."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\n")
    found = [n for n in names if n and (not suffixes or n.endswith(suffixes)) and (ROOT / n).is_file()]
    return sorted(set(found))


def read(name):
    return (ROOT / name).read_text(encoding="utf-8", errors="replace")


def room_of(name):
    first = name.split("/", 1)[0]
    return first if first in ROOMS else None


def code_only(text):
    """The text with comments and string literals blanked, line structure kept."""
    pattern = re.compile(
        r'R"(?P<d>[^()\s\\]{0,16})\(.*?\)(?P=d)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|//[^\n]*|/\*.*?\*/',
        re.DOTALL)
    return pattern.sub(lambda match: '""' + "\n" * match.group(0).count("\n"), text)


def report(findings):
    """Prints file:line: what, and ends the program: 1 if there is anything."""
    for finding in findings:
        print(finding)
    print(f"{len(findings)} finding(s)")
    sys.exit(1 if findings else 0)
