#!/usr/bin/env bash
# Build the kernels with AddressSanitizer and UndefinedBehaviorSanitizer, apart from everything else, and run the tests
# that call them. Takes the Python to run with, which has the dependencies and pytest:   sanitize.sh .venv/bin/python
set -euo pipefail
python=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
shift
cd "$(dirname "$0")/.."
folder=build/sanitize
compiler=${CC:-cc}

# a compiler without the library prints the bare name
library() { "$compiler" -print-file-name="$1" 2>/dev/null || true; }
if [ ! -e "$(library libasan.so)" ] || [ ! -e "$(library libubsan.so)" ]; then
    echo "skipped: $compiler has no AddressSanitizer or no UndefinedBehaviorSanitizer"
    exit 0
fi

rm -rf "$folder"
mkdir -p "$folder/source"
cp -R pyproject.toml setup.py MANIFEST.in README.md LICENSE distribution fastsed share "$folder/source"
rm -f "$folder"/source/fastsed/_ext/*.c "$folder"/source/fastsed/_ext/*.so
echo "building the kernels with sanitizers ..."
# Python's own flags make signed overflow defined, and so unseen
CFLAGS="${CFLAGS:-} -fno-wrapv" FASTSED_SANITIZE=address,undefined "$python" -m pip --disable-pip-version-check --quiet install --no-deps \
    --target "$folder/installed" "$folder/source"

# the sanitizer comes before everything else, and libstdc++ must be there when it starts
export LD_PRELOAD="$(library libasan.so):$(library libstdc++.so.6)"
export ASAN_OPTIONS=detect_leaks=0
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export PYTHONPATH="$PWD/$folder/installed"
# Python's own allocator would hide its objects
export PYTHONMALLOC=malloc

# --capture=sys: what the sanitizers write when they end the process must get through
exec "$python" -P -m pytest -q --capture=sys -p no:cacheprovider \
    tests/test_kernels_edge.py tests/fitting tests/models tests/outputs/test_chi2grid.py "$@"
