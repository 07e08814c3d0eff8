#!/bin/bash
# Every header compiles alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
n=0
for header in $(find src lib include -name '*.h' | sort); do
	[ "$header" = src/base/banned.h ] && continue
	gcc -std=gnu17 -D_GNU_SOURCE -Isrc -Ilib -Iinclude -Wall -Wextra -Werror -Wno-unused-parameter -fsyntax-only -x c "$header"
	n=$((n + 1))
done
echo "$n headers compile alone"
