"""clang-format leaves every file as it is; ./vialdev fmt makes it so."""
import subprocess
import sys

import sources


def main():
    names = sources.files(".cc", ".h")
    result = subprocess.run(["clang-format", "--dry-run", "-Werror", *names], cwd=sources.ROOT)
    sys.exit(result.returncode)


if __name__ == "__main__":
    main()
