#!/bin/sh
# The GPU kit: sh run.sh take FOLDER  |  sh run.sh STAGE  (docs/GPU.md). It lives in $KIT, /tmp/lunette-kit unless that says
# otherwise; results go to $OUT too, where that is set.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
export KIT="${KIT:-/tmp/lunette-kit}"
mkdir -p "$KIT"
exec python3 "$here/kit.py" "$@"
