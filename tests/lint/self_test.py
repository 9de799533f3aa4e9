"""Each check finds what it is there for, and lets pass what is right."""
import banned
import hygiene
import layering
import sizes

EXPECTED = [
    (layering, "runtime/a.cc", '#include "engine/run.h"\n', 1),
    (layering, "runtime/a.cc", '#include "image/store.h"\n', 1),
    (layering, "cgroups/a.cc", '#include "security/filter.h"\n', 1),
    (layering, "engine/a.cc", '#include "runtime/plan.h"\n#include "base/fd.h"\n', 0),
    (layering, "cli/a.cc", '#include "help.h"\n', 1),
    (layering, "base/string_util.cc", "", 1),
    (sizes, "cli/a.cc", "int f() {\n" + "  x();\n" * 58 + "}\n", 0),
    (sizes, "cli/a.cc", "int f() {\n" + "  x();\n" * 59 + "}\n", 1),
    (sizes, "cli/a.cc", "class A {\n  int f() {\n" + "    x();\n" * 59 + "  }\n};\n", 1),
    (sizes, "cli/a.cc", "int f(int a,\n      int b) {\n" + "  x();\n" * 58 + "}\n", 1),
    (sizes, "cli/a.cc", "\n" * 401, 1),
    (sizes, "cli/a.cc", "\n" * 400, 0),
    (banned, "cli/a.cc", 'void f() { system("ls"); }\n', 1),
    (banned, "cli/a.cc", '// system("ls")\nconst char* s = "popen(x)";\n', 0),
    (banned, "cli/a.cc", "auto p = getpwnam(name);\n", 1),
    (banned, "cli/a.cc", "int x = std::stoi(text);\n", 1),
    (banned, "cli/a.cc", "#include <iostream>\n", 1),
    (banned, "cli/a.cc", 'auto x = R"(system(1))";\n', 0),
    (banned, "base/json.cc", "auto x = Json::parse(text);\n", 0),
    (banned, "cli/a.cc", "void f() { throw 1; }\n", 1),
    (banned, "engine/a.cc", "namespaces::Mount mount(source, target); sys::mount(a, b);\n", 0),
    (banned, "engine/a.cc", "::mount(a, b, c, 0, d);\n", 1),
    (hygiene, "cli/a.cc", "// TODO: x\n", 1),
    (hygiene, "cli/a.cc", "// see /home/somebody/x\n", 1),
    (hygiene, "cli/a.cc", "x  \n", 1),
    (hygiene, "cli/a.cc", "x", 1),
    (hygiene, "tests/integration/a.cc", 'TEST_CASE("x") {}\n', 1),
    (hygiene, "tests/integration/a_test.cc", 'TEST_CASE("x") {}\n', 0),
    (hygiene, "cli/a.cc", "mount --bind /proc/self/ns x\n", 0),
]


def main():
    wrong = 0
    for module, name, text, count in EXPECTED:
        found = module.check(name, text)
        if len(found) != count:
            wrong += 1
            print(f"{module.__name__}: {text[:60]!r}: expected {count}, found {found}")
    print(f"{len(EXPECTED)} cases, {wrong} wrong")
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
