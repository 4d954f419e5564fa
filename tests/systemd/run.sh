#!/usr/bin/env bash
# Boots a real systemd in a container tree, installs the built wheel there, and plays an operator's day: tests/systemd/scenario.py.
#
# Needs root, debootstrap, systemd-nspawn (Debian: systemd-container), unshare and script; says so and does nothing where one is
# missing, which is a failure only with SYSTEMD_TEST=required. The bare tree is kept in $SYSTEMD_TEST_CACHE between runs.
set -euo pipefail
root="$(cd "$(dirname "$0")/../.." && pwd)"
cache="${SYSTEMD_TEST_CACHE:-/var/tmp/syncd-systemd-test}"
base="$cache/base"
tree="$cache/tree"

missing() {
    echo "systemd-test: not run: $1" >&2
    if [ "${SYSTEMD_TEST:-}" = required ]; then exit 1; fi
    exit 0
}
[ "$(id -u)" = 0 ] || missing "it needs root"
for tool in debootstrap systemd-nspawn unshare script; do
    command -v "$tool" >/dev/null 2>&1 || missing "$tool is not here (apt-get install debootstrap systemd-container)"
done

step() { printf '\n== %s\n' "$1"; }

step "a bare Debian with systemd"
if [ ! -e "$base/.complete" ]; then
    rm -rf "$base"
    mkdir -p "$cache"
    debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,python3-venv,ca-certificates bookworm "$base" \
        >"$cache/debootstrap.log" 2>&1 || { tail -20 "$cache/debootstrap.log" >&2; exit 1; }
    touch "$base/.complete"
fi
rm -rf "$tree"
cp -a "$base" "$tree"

step "the wheel, built and installed into /opt/syncd"
"$root/.venv/bin/python" -m build --wheel --outdir "$tree/root/dist" "$root" >"$cache/build.log" 2>&1 \
    || { tail -20 "$cache/build.log" >&2; exit 1; }
wheel="$(basename "$tree"/root/dist/*.whl)"
# What the wheel needs is fetched here, by the interpreter version of the tree: inside there is no network.
version="$(chroot "$tree" python3 -c 'import sys; print(f"{sys.version_info[0]}.{sys.version_info[1]}")')"
"$root/.venv/bin/python" -m pip download -qq --disable-pip-version-check -c "$root/constraints.txt" --only-binary=:all: \
    --python-version "$version" --dest "$tree/root/dist" "$tree/root/dist/$wheel[sandbox]"
chroot "$tree" python3 -m venv /opt/syncd
chroot "$tree" env -i PATH=/usr/bin:/bin /opt/syncd/bin/pip install --quiet --disable-pip-version-check --no-index \
    --find-links /root/dist "/root/dist/$wheel[sandbox]"

step "boot, and the scenario inside"
cp "$root/tests/systemd/scenario.py" "$tree/root/scenario.py"
cat >"$tree/etc/systemd/system/scenario.service" <<'UNIT'
[Unit]
After=multi-user.target
[Service]
Type=exec
ExecStart=/bin/sh -c "/opt/syncd/bin/python /root/scenario.py >/root/scenario.log 2>&1; echo $? >/root/scenario.rc; systemctl poweroff"
[Install]
WantedBy=multi-user.target
UNIT
chroot "$tree" systemctl --quiet enable scenario.service
command="unshare -m sh -c 'mount -t tmpfs tmpfs /run && exec systemd-nspawn --quiet --boot --private-network --register=no \
--keep-unit --machine=syncd-test -D \"$tree\"'"
timeout --kill-after=10 "${SYSTEMD_TEST_LIMIT:-300}" script -qec "$command" /dev/null >"$cache/boot.log" 2>&1 </dev/null || true
cat "$tree/root/scenario.log" 2>/dev/null || { echo "systemd-test: it did not boot; see $cache/boot.log" >&2; tail -20 "$cache/boot.log" >&2; exit 1; }
[ "$(cat "$tree/root/scenario.rc" 2>/dev/null)" = 0 ] || { echo "systemd-test: failed" >&2; exit 1; }
echo "systemd-test: passed"
