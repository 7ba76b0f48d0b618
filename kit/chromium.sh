#!/bin/sh
# Chromium out of the kit, with the libraries and the font that it brings.
here=$(cd "$(dirname "$0")" && pwd)
export LD_LIBRARY_PATH="$here/libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
fonts="${TMPDIR:-/tmp}/lunette-fonts.conf"
printf '<?xml version="1.0"?><fontconfig><dir>%s/fonts</dir><cachedir>/tmp/lunette-fonts</cachedir></fontconfig>' "$here" >"$fonts"
export FONTCONFIG_FILE="$fonts"
exec "$here/chromium/chromium" "$@"
