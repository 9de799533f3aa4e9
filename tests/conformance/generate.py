"""docs/spec-conformance.md from tests/conformance/requirements.txt and the tags in the tests.

A test says what it shows by comments above it: "spec: config.md#mounts.order", or the name of a section of the
specification and its own words: "spec: config.md#mounts bind and rbind". Without arguments the document is
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
    """{id: (what, why there is no test or None)}, in order, and the set of sections."""
    demands = {}
    sections = set()
    for line in text.split("\n"):
        if line.startswith("@ "):
            sections.add(line[2:].strip())
        if not line or line[0] in "#@":
            continue
        name, rest = line.split("  ", 1)
        what, _, reason = rest.partition("  = ")
        demands[name] = (what.strip(), reason.strip() or None)
    return demands, sections


def read_tags(text):
    """[(id, the words behind it, test's name or None)] of one file."""
    tags = []
    pending = []
    tag_line = re.compile(r"^\s*// spec: (\S+?)[,;]?(?:\s+(.*))?$")
    test_line = re.compile(r'TEST_CASE\(\s*"((?:[^"\\]|\\.)*)"')
    lines = text.split("\n")
    for index, line in enumerate(lines):
        match = tag_line.match(line)
        if match:
            pending.append([match.group(1), match.group(2) or ""])
        elif pending and line.startswith("// "):
            pending[-1][1] += " " + line[3:]
        elif "TEST_CASE(" in line:
            name = test_line.search("\n".join(lines[index:index + 2]))
            tags += [(tag, words, name.group(1).replace('\\"', '"') if name else None) for tag, words in pending]
            pending = []
    return tags + [(tag, words, None) for tag, words in pending]


def collect():
    demands, sections = read_demands((ROOT / LIST).read_text(encoding="utf-8"))
    shown = {name: [] for name in demands}
    more = []
    findings = []
    for path in sorted((ROOT / "tests").rglob("*_test.cc")):
        name = str(path.relative_to(ROOT))
        for tag, words, test in read_tags(path.read_text(encoding="utf-8")):
            if test is None:
                findings.append(f"{name}: spec: {tag} stands above no test")
            elif tag in demands:
                shown[tag].append((test, name))
            elif tag in sections and words:
                more.append((tag, words, test, name))
            else:
                findings.append(f"{name}: spec: {tag} is not in {LIST}")
    for name, (_, reason) in demands.items():
        if not shown[name] and not reason:
            findings.append(f"{LIST}: {name} has no test")
        if shown[name] and reason:
            findings.append(f"{LIST}: {name} has a test and a reason to have none")
    return demands, shown, sorted(more), findings


def document(demands, shown, more):
    text = HEAD
    section = ""
    for name, (what, reason) in demands.items():
        file, item = name.split("#", 1)
        if file != section:
            section = file
            text += f"{'' if text == HEAD else chr(10)}## {file}\n\n| demand | | tests |\n|---|---|---|\n"
        tests = "<br>".join(f"{test} (`{path}`)" for test, path in shown[name]) or f"none: {reason}"
        text += f"| {item} | {what} | {tests.replace('|', chr(92) + '|')} |\n"
    text += "\n## More of its sections, in the tests' own words\n\n| section | shown | test |\n|---|---|---|\n"
    for tag, words, test, path in more:
        text += f"| {tag} | {words.replace('|', chr(92) + '|')} | {test.replace('|', chr(92) + '|')} (`{path}`) |\n"
    return text


def main():
    demands, shown, more, findings = collect()
    text = document(demands, shown, more)
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
