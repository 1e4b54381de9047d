#!/bin/sh
# python.sh MODULE SCRIPT ARGS...: runs a test in Python, with the interpreter that RESLAB_PYTHON names
# (python3 when unset). Exit status 77, aloud, when there is none or it lacks the module; nothing is
# ever installed.
python=${RESLAB_PYTHON:-python3}
module=$1
shift
if ! command -v "$python" >/dev/null 2>&1; then
    echo "SKIPPED: no $python; RESLAB_PYTHON names another interpreter"
    exit 77
fi
if ! "$python" -c "import $module" >/dev/null 2>&1; then
    echo "SKIPPED: $python lacks the package $module; RESLAB_PYTHON names another interpreter"
    exit 77
fi
exec "$python" "$@"
