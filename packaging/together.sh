#!/usr/bin/env bash
# Writes packaging/together.ld anew: the functions that a gateway runs, from its start to a burst with and without clamd, so that the
# linker puts them beside one another (docs/decisions/0064). Wants valgrind, and what `cargo bench --bench load` wants.
#
#   packaging/together.sh [PROGRAM...]     what is looked at; target/release/portaria if nothing is said
#
# To be done before a release, and when `cargo bench --bench load -- stages=burst` says that memory has grown: a function that is not in
# the list costs no speed, and up to 64 KiB of memory. Build once more behind it.
set -euo pipefail
export LC_ALL=C
root=$(cd "$(dirname "$0")/.." && pwd)
traces=$(mktemp -d)
trap 'rm -rf "$traces"' EXIT

for program in "${@:-$root/target/release/portaria}"; do
    program=$(realpath "$program")
    cat >"$traces/traced" <<END
#!/bin/sh
exec valgrind --quiet --tool=callgrind --demangle=no --callgrind-out-file=$traces/%p.out $program "\$@"
END
    chmod +x "$traces/traced"
    (cd "$root" && cargo bench --locked --bench load -- stages=burst reps=1 quiet=0 out=none "gateway=traced:$traces/traced")
    # What callgrind names may also be a function of a library; and it counts how often a function stands in itself ('2).
    nm "$program" | awk '$2 ~ /^[tTwW]$/ { print $3 }' | sort -u >"$traces/own"
    sed -n -E "s/^c?fn=\([0-9]+\) (.*)$/\1/p" "$traces"/*.out | sed -E "s/'[0-9]+$//" | sort -u |
        comm -12 - "$traces/own" >>"$traces/ran"
    rm -f "$traces"/*.out
done

# Without what the compiler makes up anew for each version of a crate: a hash at the end (older names), one at each crate (newer ones).
sed -E 's/17h[0-9a-f]{16}E/17h*E/; s/Cs[0-9A-Za-z]{8,13}_/Cs*_/g; s/\.llvm\.[0-9]+$/*/' "$traces/ran" | sort -u >"$traces/names"
[ "$(wc -l <"$traces/names")" -gt 1000 ] || { echo "too few functions: was the program stripped?" >&2; exit 1; }
{
    echo '/* Functions that a gateway runs. Written by packaging/together.sh; docs/decisions/0064 says why. */'
    printf 'SECTIONS\n{\n  .text.together :\n  {\n'
    sed 's/.*/    *(.text.&)/' "$traces/names"
    printf '  }\n}\nINSERT BEFORE .text;\n'
} >"$root/packaging/together.ld"
echo "packaging/together.ld: $(wc -l <"$traces/names") names"
