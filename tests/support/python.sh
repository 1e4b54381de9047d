#!/bin/sh
# python.sh MODULE SCRIPT ARGS...: runs a test in Python, with the interpreter that RESLAB_PYTHON names;
# when it is unset with python3, or with Debian's where that lacks the module. Exit status 77, aloud,
# when there is none or it lacks the module; nothing is ever installed.
module=$1
shift
has_module() {
    command -v "$1" >/dev/null 2>&1 && "$1" -c "import $module" >/dev/null 2>&1
}
if [ -n "$RESLAB_PYTHON" ]; then
    python=$RESLAB_PYTHON
elif has_module python3; then
    python=python3
else
    python=/usr/bin/python3
fi
if ! command -v "$python" >/dev/null 2>&1; then
    echo "SKIPPED: no $python; RESLAB_PYTHON names another interpreter"
    exit 77
fi
if ! has_module "$python"; then
    echo "SKIPPED: $python lacks the package $module; RESLAB_PYTHON names another interpreter"
    exit 77
fi
exec "$python" -B "$@"
