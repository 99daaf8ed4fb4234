#!/usr/bin/env bash
# Builds out/app.apk, and one for each ABI, after compile.sh: signed, and the same bytes each time. `apk.sh --write` also
# writes the sizes into README.md.
. "$(dirname "$0")/paths.sh"
need zipalign=zipalign apksigner=apksigner readelf=binutils
work=$out/made/apk minimum=$(setting minSdk)
abis=(arm64-v8a x86_64)
declare -A classifiers=([arm64-v8a]=android-arm64 [x86_64]=android-x86_64)
rm -rf "$work" && mkdir -p "$work"/{shrunk,dex,so}

# The rules are held against native code: what R8 leaves of the library, with its names changed, answers on the JVM. On a
# phone the loader looks as here: for `android-…`, among no resources, then by System.loadLibrary.
prove() {
    kotlinc "$work/proof.jar" "$sdk:$libraries:$out/classes.jar" "$android/build/proof/Main.kt"
    shrink "$work/shrunk" "$android/build/proof/rules.pro" -- --classfile "$work/proof.jar"
    local artefact
    for artefact in javacpp tensorflow-lite; do
        unzip -qoj "$jars/org.bytedeco.$artefact-linux-x86_64.jar" '*.so' -d "$work/so"
    done
    java -Dorg.bytedeco.javacpp.platform=android-x86_64 -Djava.library.path="$work/so" \
        -cp "$work/shrunk:$jars/org.json.json.jar" MainKt "$out/assets/models"
}

natives() { # ABI: its .so, each of which must load on phones with pages of 16 KB
    local to=$work/stage/lib/$1 artefact so align
    mkdir -p "$to"
    for artefact in javacpp tensorflow-lite; do
        unzip -qoj "$jars/org.bytedeco.$artefact-${classifiers[$1]}.jar" "lib/$1/*.so" -d "$to"
    done
    for so in "$to"/*.so; do
        for align in $(readelf -lW "$so" | awk '$1 == "LOAD" { print $NF }'); do
            ((align >= 16384)) || { echo "$so: a segment is aligned to $align, must be to 0x4000" >&2; exit 1; }
        done
    done
}

package() { # APK ABIS...
    local to=$1 abi
    shift
    rm -rf "$work/stage" && mkdir "$work/stage"
    cp "$work/dex/"classes*.dex "$work/stage/"
    for abi in "$@"; do natives "$abi"; done
    find "$work/stage" -exec touch -d '1981-01-01 01:01:02' {} +
    cp "$out/base.apk" "$work/unaligned.apk"
    (cd "$work/stage" && find . -type f -printf '%P\n' | sort | zip -qX9@ "$work/unaligned.apk")
    zipalign -f 16384 "$work/unaligned.apk" "$work/aligned.apk"
    apksigner sign --ks "$keystore" --ks-pass pass:android --min-sdk-version "$minimum" --v3-signing-enabled true --out "$to" "$work/aligned.apk"
    rm -f "$to.idsig"
}

# A key of this machine. APKs of two machines differ in their signatures alone.
keystore=$out/debug.keystore
[ -f "$keystore" ] || keytool -genkeypair -keystore "$keystore" -storetype PKCS12 -storepass android -alias debug \
    -keyalg RSA -keysize 2048 -validity 10000 -dname 'CN=Debug' 2>/dev/null

prove
shrink "$work/dex" "$android/app/proguard-rules.pro" "$out/made/aapt.pro" -- --min-api "$minimum" --pg-map-output "$out/mapping.txt"
package "$out/app.apk" "${abis[@]}"
for abi in "${abis[@]}"; do package "$out/app-$abi.apk" "$abi"; done
package "$work/again.apk" "${abis[@]}"
cmp "$out/app.apk" "$work/again.apk"
python3 "$android/build/sizes.py" "$@"
