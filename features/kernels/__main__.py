"""Says what could not be compiled, for the Makefile."""

import sys

from features.kernels.compiled import uncompiled

if names := uncompiled():
    sys.stderr.write(
        f"{len(names)} modules could not be compiled and run as Python, many times slower: {', '.join(names)}.\n"
        "Install a C compiler (Debian, Ubuntu: apt-get install gcc python3-dev; Fedora: dnf install gcc python3-devel; macOS: "
        "xcode-select --install) and say `make dev` again.\n"
    )
