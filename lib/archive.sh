#!/bin/sh
# archive.sh OUT LD OBJCOPY AR OBJECT...: a static library of one object in which only sipar_* can be seen, so that it takes no
# names from the program that it is linked into.
set -eu
out=$1 ld=$2 objcopy=$3 ar=$4
shift 4
$ld -r -o "$out.o" "$@"
$objcopy --localize-hidden "$out.o"
rm -f "$out"
$ar rcs "$out" "$out.o"
rm -f "$out.o"
