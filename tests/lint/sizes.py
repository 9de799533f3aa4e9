"""At most 400 lines a file and 60 a function: what is longer has two things in it."""
import re

import sources

MAX_FILE = 400
MAX_FUNCTION = 60
# A line at the beginning of a body: ends with "{", has a parameter list, is no statement.
OPENING = re.compile(r"^(?P<indent>\s*)(?!(?:if|else|for|while|switch|do|return|namespace|struct|class|enum|union|"
                     r"TEST_CASE|SECTION|case|extern)\b)[^=;]*\)[^=;]*\{$")


def functions(text):
    """(first line, length) of each function, told by clang-format's layout: "}" stands under the beginning."""
    lines = sources.code_only(text).split("\n")
    for number, line in enumerate(lines):
        match = OPENING.match(line)
        if not match:
            continue
        first = number
        while first > 0 and lines[first - 1].strip() and not re.search(r"[;{}:]\s*$", lines[first - 1]):
            first -= 1
        indent = re.match(r"\s*", lines[first]).group(0)
        closing = indent + "}"
        for end in range(number + 1, len(lines)):
            if lines[end] == closing or lines[end].startswith((closing + ";", closing + ",", closing + ")")):
                yield first + 1, end - first + 1
                break


def check(name, text):
    findings = []
    length = text.count("\n")
    if length > MAX_FILE:
        findings.append(f"{name}:{MAX_FILE}: the file has {length} lines, at most {MAX_FILE} are allowed")
    for line, size in functions(text):
        if size > MAX_FUNCTION:
            findings.append(f"{name}:{line}: the function has {size} lines, at most {MAX_FUNCTION} are allowed")
    return findings


def main():
    findings = []
    for name in sources.files(".cc", ".h"):
        if not name.startswith("tests/"):
            findings += check(name, sources.read(name))
    sources.report(findings)


if __name__ == "__main__":
    main()
