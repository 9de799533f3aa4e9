"""What does not belong into a tree that others clone: paths of one machine, notes to oneself, stray blanks, empty
files, tests that nobody runs."""
import re

import sources

RULES = [
    (re.compile(r"(?<![\w.$}/-])/(?:home|Users|work)/(?!me\b|user\b)[\w.-]+"), "a path of one machine"),
    (re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b"), "a note to oneself: do it, or say what does not work in docs/"),
    (re.compile(r"^(?:<{7}|>{7}|={7})(?: |$)", re.MULTILINE), "a merge conflict"),
    (re.compile(r"[ \t]+$", re.MULTILINE), "blanks at the end of a line"),
    (re.compile(r"\r"), "a carriage return"),
]
TEXT = (".cc", ".h", ".in", ".py", ".md", ".cmake", ".txt", ".json", ".sh", "vialdev", ".ci/run", "make")
# The rules' own words, and data that is somebody else's bytes.
EXEMPT = ("tests/lint/hygiene.py", "tests/lint/self_test.py", "LICENSE")


def check(name, text):
    findings = []
    for pattern, what in RULES:
        for match in pattern.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            findings.append(f"{name}:{line}: {what}: {match.group(0).strip()!r}")
    if name.startswith("tests/") and not name.endswith("_test.cc") and re.search(r"^TEST_CASE\(", text, re.MULTILINE):
        findings.append(f"{name}: has tests, which ctest runs in files *_test.cc")
    if text and not text.endswith("\n"):
        findings.append(f"{name}: no newline at the end")
    return findings


def main():
    # A redirection that went wrong leaves one.
    findings = [f"{name}: an empty file" for name in sources.files() if (sources.ROOT / name).stat().st_size == 0]
    for name in sources.files(*TEXT):
        if name not in EXEMPT and "/data/" not in name:
            findings += check(name, sources.read(name))
    sources.report(findings)


if __name__ == "__main__":
    main()
