#!/bin/bash
# fuzz.sh [SECONDS] [NAME...]: drive fuzz targets of build-fuzz; what is found is kept as fuzz/NAME/crash-*.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds=60
if [[ ${1:-} =~ ^[0-9]+$ ]]; then
	seconds=$1
	shift
fi
for target in $(find build-fuzz -name '*_fuzz' -type f | sort); do
	name=$(basename "${target%_fuzz}")
	if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then continue; fi
	echo "== $name"
	mkdir -p "build-fuzz/corpus/$name"
	"$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="fuzz/$name/" \
		"build-fuzz/corpus/$name" "fuzz/$name" 2>&1 | grep -E '^(stat::|SUMMARY|==)|crash|artifact' || true
done
