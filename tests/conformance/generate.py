"""docs/spec-conformance.md from tests/conformance/requirements.txt and the tags in the tests.

A test says what it shows by comments above it: "spec: config.md#mounts.order". Without arguments the document is
written; with --check it is an error when the document is not what would be written, when a tag names no demand of
the list, stands above no test, or when a demand has neither a test nor a reason."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIST = "tests/conformance/requirements.txt"
DOCUMENT = "docs/spec-conformance.md"
HEAD = """# Conformance with the OCI runtime specification

Every demand that version 1.3 of the specification makes on a runtime on Linux, in our words, and the tests that show
it. Written by `tests/conformance/generate.py` from the list in `tests/conformance/requirements.txt` and the tags
(`spec: FILE#ID`) in the tests; `ctest -R lint.conformance` fails when this page is not what they say.

"""


def read_demands(text):
    """{id: (what, why there is no test or None)}, in order."""
    demands = {}
    for line in text.split("\n"):
        if not line or line.startswith("#"):
            continue
        name, rest = line.split("  ", 1)
        what, _, reason = rest.partition("  = ")
        demands[name] = (what.strip(), reason.strip() or None)
    return demands


def read_tags(text):
    """[(id, test's name or None)] of one file."""
    tags = []
    pending = []
    pattern = re.compile(r'^\s*// spec: (\S+)|^\s*TEST_CASE\(\s*"((?:[^"\\]|\\.)*)"|^\s*TEST_CASE\(\s*$|^\s*"((?:[^"\\]|\\.)*)"')
    opened = False
    for line in text.split("\n"):
        match = pattern.match(line)
        if match and match.group(1):
            pending.append(match.group(1))
        elif match and (match.group(2) is not None or (opened and match.group(3) is not None)):
            name = match.group(2) if match.group(2) is not None else match.group(3)
            tags += [(tag, name.replace('\\"', '"')) for tag in pending]
            pending = []
            opened = False
        elif match and match.group(3) is None:
            opened = True
    return tags + [(tag, None) for tag in pending]


def collect():
    demands = read_demands((ROOT / LIST).read_text(encoding="utf-8"))
    shown = {name: [] for name in demands}
    findings = []
    for path in sorted((ROOT / "tests").rglob("*_test.cc")):
        name = str(path.relative_to(ROOT))
        for tag, test in read_tags(path.read_text(encoding="utf-8")):
            if tag not in demands:
                findings.append(f"{name}: spec: {tag} is not in {LIST}")
            elif test is None:
                findings.append(f"{name}: spec: {tag} stands above no test")
            else:
                shown[tag].append((test, name))
    for name, (_, reason) in demands.items():
        if not shown[name] and not reason:
            findings.append(f"{LIST}: {name} has no test")
        if shown[name] and reason:
            findings.append(f"{LIST}: {name} has a test and a reason to have none")
    return demands, shown, findings


def document(demands, shown):
    text = HEAD
    section = ""
    for name, (what, reason) in demands.items():
        file, item = name.split("#", 1)
        if file != section:
            section = file
            text += f"{'' if text == HEAD else chr(10)}## {file}\n\n| demand | | tests |\n|---|---|---|\n"
        tests = "<br>".join(f"{test} (`{path}`)" for test, path in shown[name]) or f"none: {reason}"
        text += f"| {item} | {what} | {tests.replace('|', chr(92) + '|')} |\n"
    return text


def main():
    demands, shown, findings = collect()
    text = document(demands, shown)
    path = ROOT / DOCUMENT
    if "--check" not in sys.argv:
        path.write_text(text, encoding="utf-8")
    elif not path.is_file() or path.read_text(encoding="utf-8") != text:
        findings.append(f"{DOCUMENT}: is not what tests/conformance/generate.py writes")
    for finding in findings:
        print(finding)
    print(f"{len(demands)} demands, {len(findings)} finding(s)")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
