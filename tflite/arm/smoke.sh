#!/usr/bin/env bash
# Runs exported files with the 64-bit ARM wheel of ai-edge-litert, emulated, and holds their answers against this
# machine's. No root, nothing outside build/arm is written. Exits 1 when a file does not agree.
#
#   tflite/arm/smoke.sh [FILE.tflite …]     without files: vit_eurosat in float32 and dynamic_wi8_afp32
#
# PYTHON: interpreter that has keras_seqattn[all]. CPUS: CPUs to emulate. EXAMPLES: test images of DATA to compare
# on. MIRROR: Debian's packages, by default those of this machine.
set -euo pipefail
cd "$(dirname "$0")/../.."
PYTHON=${PYTHON:-.venv/bin/python}
CPUS=${CPUS:-cortex-a53 cortex-a76 max}     # plain NEON; with dot products; with all that the emulator knows
DATA=${DATA:-sample:eurosat}
EXAMPLES=${EXAMPLES:-50}
MIRROR=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -1)}
KEYS=/usr/share/keyrings/debian-archive-keyring.gpg
ARM=$PWD/build/arm
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH} TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=-1

# apt with a package state and sources of its own, for one architecture. Older emulators than Debian 13's show programs
# the host's /proc/cpuinfo, on which LiteRT ends with a segmentation fault.
debian() {
    local state=$ARM/apt/$1
    mkdir -p "$state"/state/lists/partial "$state"/cache/archives/partial
    touch "$state/status"
    echo "deb [signed-by=$KEYS] $MIRROR trixie main" > "$state/sources.list"
    apt-get -qq -o Debug::NoLocking=true -o APT::Sandbox::User=root -o APT::Architecture="$1" \
        -o APT::Architectures::="$1" -o Dir::State="$state/state" -o Dir::State::status="$state/status" \
        -o Dir::Cache="$state/cache" -o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=- "${@:2}"
}

# Python and its libraries for ARM, unpacked and not installed.
unpack_python() {
    debian arm64 update
    debian arm64 install --yes --download-only --no-install-recommends python3 libstdc++6
    rm -rf "$ARM/partial" && mkdir -p "$ARM"/partial/usr/{bin,lib}
    ln -s usr/bin usr/lib "$ARM/partial"
    for package in "$ARM"/apt/arm64/cache/archives/*.deb; do dpkg-deb -x "$package" "$ARM/partial"; done
    mv "$ARM/partial" "$ARM/debian"
}

# The emulator, a static program.
unpack_emulator() {
    local host
    host=$(dpkg --print-architecture)
    debian "$host" update
    debian "$host" install --yes --download-only --no-install-recommends qemu-user
    rm -rf "$ARM/partial" && mkdir "$ARM/partial"
    dpkg-deb -x "$ARM"/apt/"$host"/cache/archives/qemu-user_*.deb "$ARM/partial"
    mv "$ARM/partial" "$ARM/emulator"
}

# What a device installs: the runtime of setup.cfg's version, NumPy and Pillow.
install_wheels() {
    local version
    version=$("$ARM"/run -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    rm -rf "$ARM/wheels.partial"
    "$PYTHON" -m pip install --quiet --target "$ARM/wheels.partial" --only-binary=:all: --python-version "$version" \
        --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 --platform manylinux2014_aarch64 \
        "$(grep -o 'ai-edge-litert==[0-9.]*' setup.cfg)" numpy pillow
    mv "$ARM/wheels.partial" "$ARM/wheels"
}

mkdir -p "$ARM"
cat > "$ARM/run" <<RUN
#!/bin/sh
PYTHONPATH=$PWD:$ARM/wheels exec "$ARM/emulator/usr/bin/qemu-aarch64" -L "$ARM/debian" "$ARM/debian/usr/bin/python3" "\$@"
RUN
chmod +x "$ARM/run"
[ -d "$ARM/debian" ] || unpack_python
[ -d "$ARM/emulator" ] || unpack_emulator
[ -d "$ARM/wheels" ] || install_wheels

files=("$@")
if [ ${#files[@]} = 0 ]; then
    for precision in float32 dynamic_wi8_afp32; do
        files+=("$ARM/vit_eurosat_$precision.tflite")
        "$PYTHON" -m keras_seqattn.cli export vit_eurosat --precision $precision --out "${files[-1]}" >&2
    done
fi
"$PYTHON" tflite/arm/compare write "$ARM/record.npz" --data "$DATA" --examples "$EXAMPLES" "${files[@]}"
status=0
for QEMU_CPU in $CPUS; do
    export QEMU_CPU
    "$ARM/run" tflite/arm/compare check "$ARM/record.npz" "${files[@]}" || status=1
done
exit $status
