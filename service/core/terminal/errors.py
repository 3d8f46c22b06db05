"""Exit statuses and error messages of the command line.

=====  ==================================================
0      done
1      some rows were rejected: with ``--strict``, or by an import of lists
2      wrong use, invalid rules or mapping
3      an input cannot be read
4      a bundle is refused
5      a check of ``doctor``, ``audit verify`` or ``audit sign`` failed
70     any other error: a fault of the program or the machine
130    stopped with Ctrl-C
143    stopped with SIGTERM, or by a closed terminal (SIGHUP)
=====  ==================================================
"""

from __future__ import annotations

import sys
from typing import Final

SOME_REJECTED: Final = 1
WRONG_USE: Final = 2
UNREADABLE: Final = 3
BUNDLE_REFUSED: Final = 4
CHECK_FAILED: Final = 5
FAILED: Final = 70
INTERRUPTED: Final = 130
TERMINATED: Final = 143

_NO_OPENMP: Final = (
    "LightGBM does not start because the system library libgomp (OpenMP) is missing. Install it: "
    "`apt-get install libgomp1` (Debian, Ubuntu), `dnf install libgomp` (Fedora), `apk add libgomp` (Alpine), "
    "`brew install libomp` (macOS)."
)


class WrongUse(ValueError):
    """Error for options of a command that are invalid or contradict each other."""


def status_and_message(error: BaseException) -> tuple[int, str]:
    """Return the exit status and the message of an error.

    Error types are looked up only in loaded modules, because other modules cannot have raised the error.
    """
    for status, module, name in _STATUSES:
        kind = getattr(sys.modules.get(module), name, None)
        if isinstance(kind, type) and isinstance(error, kind):
            if isinstance(error.__cause__, Exception) and name == "PromotionRefused":
                return _status_of_cause(error.__cause__, status), str(error)
            return status, str(error)
    text = str(error)
    if isinstance(error, OSError) and ("libgomp" in text or "libomp" in text):
        return FAILED, _NO_OPENMP
    if isinstance(error, ModuleNotFoundError):
        extra = "train" if error.name in _TRAINING_PACKAGES else None
        hint = f"; it belongs to the extra `{extra}`: pip install '.[{extra}]' in the checkout" if extra else ""
        return WRONG_USE, f"The Python package {error.name!r} is not installed{hint}."
    if isinstance(error, BrokenPipeError):
        return 0, ""
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return UNREADABLE, f"{where}{error.strerror}."
    return FAILED, f"{type(error).__name__}: {text} (run it again with --debug for the traceback)"


def _status_of_cause(cause: Exception, default: int) -> int:
    """Return `BUNDLE_REFUSED` if ``cause`` is a refused bundle, otherwise ``default``."""
    refused = getattr(sys.modules.get("models.bundle.bundle"), "BundleRefused", None)
    return BUNDLE_REFUSED if isinstance(refused, type) and isinstance(cause, refused) else default


_TRAINING_PACKAGES: Final = frozenset({"faker", "jinja2", "matplotlib", "mlflow", "pandera", "scipy", "sklearn"})
_STATUSES: Final = (
    (WRONG_USE, "service.core.terminal.errors", "WrongUse"),
    (WRONG_USE, "features.readers.errors", "MappingError"),
    (WRONG_USE, "models.rules.rule", "RulesError"),
    (WRONG_USE, "models.permits", "RegisterError"),
    (WRONG_USE, "models.bundle.signature", "BadKey"),
    (WRONG_USE, "service.audit.heads", "BadHead"),
    (UNREADABLE, "features.readers.errors", "Unreadable"),
    (WRONG_USE, "service.files.output", "OutputRefused"),
    (FAILED, "service.files.output", "OutputFailed"),
    (BUNDLE_REFUSED, "models.bundle.bundle", "BundleRefused"),
    (BUNDLE_REFUSED, "models.bundle.store", "StoreError"),
    (WRONG_USE, "service.core.database.engine", "BadDatabase"),
    (WRONG_USE, "service.history.sealing", "WrongKey"),
    (WRONG_USE, "service.history.key", "BadKeyFile"),
    (UNREADABLE, "service.core.database.away", "NoDatabase"),
    (FAILED, "service.core.errors", "DatabaseAway"),
    (UNREADABLE, "service.keys.keys_file", "BadKeysFile"),
    (WRONG_USE, "service.backup.content", "NotEmpty"),
    (UNREADABLE, "service.backup.content", "BadBackup"),
    (UNREADABLE, "training.data.dataset", "BadData"),
    (UNREADABLE, "training.data.labels", "BadLabels"),
    (UNREADABLE, "training.data.windows", "TooLittleData"),
    (WRONG_USE, "training.worlds.own.priors", "BadPrior"),
    (WRONG_USE, "training.registry.promotion", "PromotionRefused"),
    (WRONG_USE, "training.registry.runs", "UnknownRun"),
)
