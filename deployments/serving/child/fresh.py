"""Begins a model that is code, in an interpreter of its own; run by path.

Old interpreters must be able to read this file, and say what they are.
"""

import importlib.util
import json
import os
import sys
import traceback
import types

OLDEST = (3, 11)


def main() -> int:
    with os.fdopen(int(sys.argv[1])) as file:
        order = json.load(file)
    reason = unfit()
    if reason:
        with os.fdopen(order["descriptors"]["report"], "w") as pipe:
            json.dump({"refused": reason}, pipe)
        return 1
    # Of all that lies beside this package the model shall see nothing.
    package = os.path.abspath(__file__)  # noqa: PTH100 - as above
    for _ in range(3):
        package = os.path.dirname(package)  # noqa: PTH120
    for name in ("deployments", "mlops"):
        ours = types.ModuleType(name)
        ours.__path__ = [os.path.join(os.path.dirname(package), name)]  # noqa: PTH118, PTH120
        sys.modules[name] = ours
    from deployments.serving.child import process_log, sandbox_dir  # noqa: PLC0415
    from mlops import memory, tracing  # noqa: F401, PLC0415 - unreadable from inside
    from mlops.sandbox import isolation  # noqa: PLC0415

    process_log.log_to_stderr()
    # Before anything is imported that may start threads: those would be outside.
    isolation.enter(sandbox_dir.rules_of(order["job"]["sandbox_dir"]))
    from deployments.serving.child import fresh_interpreter  # noqa: PLC0415

    # A model may bring a package of its own of this name.
    for name in [each for each in sys.modules if each.split(".")[0] == "mlops"]:
        del sys.modules[name]
    return fresh_interpreter.run(order["run"], order["job"], order["descriptors"])


def unfit() -> str:
    """Return why this interpreter will not do, or an empty text."""
    if sys.version_info < OLDEST:
        return "The interpreter %s is Python %d.%d; 3.11 or newer is needed." % (  # noqa: UP031
            sys.executable,
            sys.version_info[0],
            sys.version_info[1],
        )
    if importlib.util.find_spec("numpy") is None:
        return "The interpreter %s has no numpy; install it there." % sys.executable  # noqa: UP031
    return ""


if __name__ == "__main__":
    status = 1
    try:
        status = main()
    except BaseException:  # noqa: BLE001 - a model's code may raise SystemExit
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    # What the model leaves running in threads or at exit holds nothing up.
    os._exit(status)
