"""Who may include whom: cli -> engine -> image, network, runtime -> namespaces, cgroups, security -> base."""
import re

import sources

LEVELS = [["base"], ["namespaces", "cgroups", "security"], ["image", "network", "runtime"], ["engine"], ["cli"]]
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}
BANNED_NAMES = {"util", "utils", "common", "helper", "helpers", "manager", "misc", "internal"}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def check(name, text):
    findings = []
    room = sources.room_of(name)
    stem = name.rsplit("/", 1)[-1].split(".")[0]
    if set(stem.split("_")) & BANNED_NAMES:
        findings.append(f"{name}:1: a file's name says what is in it; '{stem}' does not")
    for match in INCLUDE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        target = match.group(1)
        other = target.split("/", 1)[0] if "/" in target else None
        if target.startswith(".") or other is None:
            findings.append(f"{name}:{line}: include paths begin at the project's root: {target}")
        elif room and other in LEVEL and other != room and LEVEL[other] >= LEVEL[room]:
            findings.append(f"{name}:{line}: {room} may not include {other}: what two need goes down to base or up "
                            f"to the caller")
        elif room and other == "tests":
            findings.append(f"{name}:{line}: {room} may not include tests")
    return findings


def main():
    findings = []
    for name in sources.files(".cc", ".h"):
        findings += check(name, sources.read(name))
    sources.report(findings)


if __name__ == "__main__":
    main()
