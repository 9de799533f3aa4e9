"""shellcheck warns of nothing in our shell scripts, and Python compiles."""
import subprocess
import sys

import sources


def is_shell(name):
    try:
        with open(sources.ROOT / name, "rb") as file:
            first = file.readline(80)
    except OSError:
        return False
    return first.startswith(b"#!") and first.rstrip().endswith((b"bash", b"/sh", b"dash"))


def main():
    scripts = [name for name in sources.files() if is_shell(name)]
    code = subprocess.run(["shellcheck", "--severity=warning", *scripts], cwd=sources.ROOT).returncode if scripts else 0
    for name in sources.files(".py"):
        compile(sources.read(name), name, "exec")
    print(f"{len(scripts)} scripts")
    sys.exit(code)


if __name__ == "__main__":
    main()
