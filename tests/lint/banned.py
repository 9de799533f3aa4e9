"""Calls that the project does not make, each with its reason and the places where it is right."""
import re

import sources

ROOM_SOURCES = tuple(room + "/" for room in sources.ROOMS)
# (pattern in code, reason, files or folders that may)
RULES = [
    (r"\bsystem\s*\(", "runs a shell: use run_command()", ()),
    (r"\bpopen\s*\(", "runs a shell: use run_command()", ()),
    (r"\bgetpw(nam|uid|ent)(_r)?\s*\(|\bgetgr(nam|gid|ent|ouplist)(_r)?\s*\(|\binitgroups\s*\(",
     "NSS loads the container's libraries after pivot_root, and does not link statically: see engine/users.h", ()),
    (r"\bstd::filesystem\b", "follows symbolic links: base/file.h and namespaces/rootfs.h do not", ()),
    (r"\bstd::(stoi|stol|stoll|stoul|stoull|stod|stof)\b", "throws: use parse_int() or parse_uint()", ()),
    (r"\b(atoi|atol|atoll|atof)\s*\(", "does not report errors: use parse_int()", ()),
    (r"\bstd::(thread|jthread|async)\b", "the process that clones has one thread", ()),
    (r"\brealpath\s*\(", "races with whoever renames on the way", ()),
    (r"(?<![:\w])(u?sleep|nanosleep)\s*\(|this_thread::sleep", "waits for time, not for the event", ()),
    (r"\bstrerror\s*\(", "has a locale and is not thread-safe: use errno_text()", ("base/result.",)),
    (r"\bjson::parse\s*\(|\bJson::parse\s*\(", "throws: use parse_json()", ("base/json.cc", "tests/")),
    (r"#\s*include\s*<(iostream|fstream|sstream|locale|regex|filesystem|format|thread|future)>",
     "brings locale, static constructors or threads into a small static program", ()),
    (r"(?<![\w.>:])(strcpy|strcat|sprintf|vsprintf|gets)\s*\(", "writes without a limit", ()),
    (r"(?<![\w>])::(u?mount2?|pivot_root|unshare|setns)\s*\(", "is called through sys::", ("base/",)),
    (r"\btmpnam\s*\(|\bmktemp\s*\(", "races for the name", ()),
    (r"\bvfork\s*\(", "shares memory with a child that allocates", ()),
    (r"\b(throw)\b(?!\s*\(\s*\))", "our functions return Result", ()),
]


def check(name, text):
    findings = []
    code = sources.code_only(text)
    # Includes in <> are code; quoted ones were blanked and need no look.
    for pattern, reason, allowed in RULES:
        if any(name.startswith(place) for place in allowed):
            continue
        for match in re.finditer(pattern, code):
            line = code.count("\n", 0, match.start()) + 1
            findings.append(f"{name}:{line}: {match.group(0).strip()} {reason}")
    return findings


def main():
    findings = []
    for name in sources.files(".cc", ".h"):
        if name.startswith(ROOM_SOURCES):
            findings += check(name, sources.read(name))
    sources.report(findings)


if __name__ == "__main__":
    main()
