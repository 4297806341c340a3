#!/usr/bin/env bash
# Runs all rings of tests, in order, and closes with the counts:
#
#   tests/run.sh                 everything
#   tests/run.sh unit fuzz       only these rings: unit doc integration end_to_end fuzz counts
#   tests/run.sh counts          instructions of the decoders beside those of benches/counts.toml: a table, and no number in it fails
#   PORTARIA_KEEP=1 tests/run.sh end_to_end      and keep the folders of the programs, to look at their logs
#
# On Debian it installs what the end-to-end ring needs and is not there (that takes root), and starts no service of the system: the
# tests start programs of their own, in folders and on ports of their own. A ring that cannot run is a failure; nothing is skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

RINGS=(unit doc integration end_to_end fuzz counts)
# The file that shows that a package is there, and the package.
NEEDED=(
    /usr/sbin/clamd:clamav-daemon
    /usr/lib/postfix/sbin/master:postfix
    /usr/bin/swaks:swaks
    /usr/bin/7z:p7zip-full                                  # opens what is exported as a ZIP
    /usr/share/doc/libnet-ssleay-perl:libnet-ssleay-perl    # swaks speaks TLS through it
    /usr/share/doc/libfaketime:libfaketime                  # sets the clock of a gateway, and of nobody else
    /usr/share/doc/postgresql:postgresql                    # started by the tests themselves, as the user of that name
    /usr/share/doc/python3-venv:python3-venv                # moto, a server that speaks S3 (tests/moto.txt)
)
export CARGO_TERM_COLOR=never

work=$(mktemp -d "${TMPDIR:-/tmp}/portaria-run.XXXXXX")
chmod 755 "$work"                           # Postfix's processes are not root and must get in
policy=
passed=0 failed=0

main() {
    local ring
    trap clean_up EXIT
    for ring; do
        [[ " ${RINGS[*]} " == *" $ring "* ]] || { echo "no ring $ring; there are: ${RINGS[*]}" >&2; exit 2; }
    done
    [ $# -gt 0 ] || set -- "${RINGS[@]}"
    local before broken=()
    for ring; do
        heading "$ring"
        before=$failed
        "ring_$ring"
        [ "$failed" = "$before" ] || broken+=("$ring")
    done
    [ ${#broken[@]} = 0 ] || printf '\nwith failures: %s\n' "${broken[*]}"
    printf '\n%d passed, %d failed\n' "$passed" "$failed"
    [ "$failed" = 0 ]
}

heading() { printf '\n== %s (%s)\n' "$1" "$(date +%T)"; }

# ── rings ──

ring_unit() { cargo_test --lib --bins; }

ring_doc() { counted cargo test --no-fail-fast --doc; }

ring_integration() {                        # every test program but those of the end-to-end ring
    local path name names=()
    for path in tests/*.rs tests/*/main.rs; do
        [ -e "$path" ] || continue
        name=${path%/main.rs}
        name=$(basename "$name" .rs)
        case $name in end_to_end | crash) ;; *) names+=(--test "$name") ;; esac
    done
    [ ${#names[@]} -gt 0 ] || { fault "tests/ holds no integration test"; return; }
    cargo_test "${names[@]}"
}

ring_end_to_end() {
    install_needed && make_moto || { fault "what the end-to-end ring needs is not there"; return; }
    [ "$(id -u)" = 0 ] || { fault "Postfix's master and small disks take root: sudo -E env PATH=\"\$PATH\" tests/run.sh"; return; }
    # Its profile lets the tests that sleep do so beside the others: .config/nextest.toml.
    TMPDIR=$work NEXTEST_PROFILE=end_to_end cargo_test --test end_to_end --test crash
    store_on_postgresql
    end_leftovers
}

store_on_postgresql() {                     # the store's own tests once more, on a server in a folder, behind a socket
    local programs folder=$work/pg as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
    programs=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -1)
    install -d -o postgres -m 700 "$folder"
    (cd / && "${as[@]}" "$programs/initdb" -D "$folder/data" -A trust -E UTF8 --locale=C --no-sync) >"$work/initdb.log" 2>&1 ||
        { tail -5 "$work/initdb.log" >&2; fault "initdb"; return; }
    (cd / && exec "${as[@]}" "$programs/postgres" -D "$folder/data" -k "$folder" -c listen_addresses= -c fsync=off \
        -c max_connections=500) >"$work/postgres.log" 2>&1 &
    local server=$!
    for _ in $(seq 100); do psql -qh "$folder" -U postgres -c 'SELECT 1' postgres >/dev/null 2>&1 && break; sleep 0.2; done
    # Only some of the library's tests are about the store: that the others are left out here is no gap.
    filtered=yes PORTARIA_TEST_POSTGRES="postgresql:///postgres?host=$folder&user=postgres" cargo_test --lib -- store:: door::loader
    kill -INT "$server" && wait "$server" || true
}

ring_fuzz() {                               # every fuzz body over its corpus, and seeded mutations, without a nightly compiler
    counted cargo test --quiet --manifest-path fuzz/Cargo.toml --target-dir target --lib
    counted cargo run --quiet --manifest-path fuzz/Cargo.toml --target-dir target --bin smoke -- --seconds 10
    counted cargo run --quiet --manifest-path fuzz/Cargo.toml --target-dir target --bin simulate -- --transactions 20000
}

ring_counts() {                             # built optimised; a count that has grown is said and fails nothing, a case that is gone fails
    local NEEDED=(/usr/bin/valgrind:valgrind)
    install_needed || { fault "valgrind is not there"; return; }
    counted cargo bench --quiet --locked --manifest-path benches/decoders/Cargo.toml --target-dir target -- --counts
}

# ── counting ──

cargo_test() {                              # cargo-nextest if it is there: it shows what fails at once, and isolates each test
    if cargo nextest --version >/dev/null 2>&1; then
        counted cargo nextest run --no-fail-fast "$@"
    else
        counted cargo test --no-fail-fast "$@"
    fi
}

counted() {                                 # runs a command and adds up what it says of itself; one that says nothing counts as one
    local status=0 good bad
    "$@" 2>&1 | tee "$work/output" || status=$?
    good=$(sum passed)
    bad=$(($(sum failed) + $(sum 'timed out') + $(sum 'exec failed') + $(sum ignored)))
    [ "${filtered:-}" = yes ] || bad=$((bad + $(sum skipped)))
    if [ "$status" != 0 ] && [ "$bad" = 0 ]; then bad=1; fi
    if [ "$status" = 0 ] && [ "$good" = 0 ] && [ "$bad" = 0 ] && ! summary | grep -q .; then good=1; fi
    passed=$((passed + good)) failed=$((failed + bad))
}

summary() { grep -E '^ *Summary \[|^test result: ' "$work/output" || true; }

sum() {                                     # all numbers before a word, in the lines that close a test program
    { summary | grep -oE "[0-9]+ $1" || true; } | awk '{ n += $1 } END { print n + 0 }'
}

fault() {
    echo "FAILED: $1" >&2
    failed=$((failed + 1))
}

# ── what the end-to-end ring needs ──

install_needed() {
    local entry missing=()
    for entry in "${NEEDED[@]}"; do
        [ -e "${entry%%:*}" ] || missing+=("${entry##*:}")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    local command="apt-get install --no-install-recommends --no-remove ${missing[*]}"
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "missing: ${missing[*]}; as root: $command" >&2
        return 1
    fi
    echo "installing ${missing[*]}"
    start_nothing
    export DEBIAN_FRONTEND=noninteractive
    echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
    # shellcheck disable=SC2086
    { apt-get -o DPkg::Lock::Timeout=300 update && apt-get -o DPkg::Lock::Timeout=300 -y ${command#apt-get }; } \
        >"$work/apt.log" 2>&1 || { tail -20 "$work/apt.log" >&2; return 1; }
    start_services_again
    if command -v systemctl >/dev/null; then    # nor at the next boot: they came for the tests alone
        systemctl disable "${missing[@]/%/.service}" clamav-freshclam.service clamav-daemon.socket >/dev/null 2>&1 || true
    fi
}

make_moto() {                               # from PyPI, each package with its version, into a folder of its own; once for each list of them
    export PORTARIA_MOTO=${PORTARIA_MOTO:-$PWD/target/moto/bin/moto_server}
    local folder=target/moto
    if [ "$PORTARIA_MOTO" != "$PWD/$folder/bin/moto_server" ] || cmp -s tests/moto.txt "$folder/made"; then return 0; fi
    echo "installing moto"
    { python3 -m venv --clear "$folder" && "$folder/bin/pip" install --quiet --no-deps --requirement tests/moto.txt; } \
        >"$work/moto.log" 2>&1 || { tail -20 "$work/moto.log" >&2; return 1; }
    cp tests/moto.txt "$folder/made"
}

start_nothing() {                           # packages ask this file whether to start their services; ours says no
    policy=/usr/sbin/policy-rc.d
    [ ! -e "$policy" ] || { policy=; return 0; }
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
}

start_services_again() {
    [ -z "$policy" ] || rm -f "$policy"
    policy=
}

# ── the end ──

end_leftovers() {                           # of tests that were killed and could not clean up: only what they started
    local file
    for file in "$work"/*/main.cf; do
        [ ! -e "$file" ] || postfix -c "$(dirname "$file")" stop >/dev/null 2>&1 || true
    done
    for file in "$work"/*/*.pid; do
        [ ! -e "$file" ] || kill "$(cat "$file")" 2>/dev/null || true
    done
    for file in "$work"/*/data; do              # the small disks of the crash cases; another folder is none and stays
        umount --lazy "$file" 2>/dev/null || true
    done
}

clean_up() {
    start_services_again
    end_leftovers
    [ -n "${PORTARIA_KEEP:-}" ] || rm -rf "$work"
}

main "$@"
