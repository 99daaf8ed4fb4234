#!/usr/bin/env bash
# Compiles the library and the app, with bytedeco's runtime: out/classes.jar, out/r.jar, out/base.apk (resources, and the
# models that the fixtures have).
. "$(dirname "$0")/paths.sh"
fetch
[ -d "$out/fixtures/models" ] || { echo "make fixtures first: python tflite/android/build/fixtures" >&2; exit 1; }
work=$out/made
rm -rf "$work" && mkdir -p "$work"/{java,r} "$out/assets/models"
package=$(setting namespace) source=$android/app/src/main
"$jars/aapt2" compile --dir "$source/res" -o "$work/res.zip"
for model in vit_eurosat captioner_emoji translate_fra_eng; do
    cp "$out/fixtures/models/$model.dynamic_wi8_afp32.tflite" "$out/assets/models/$model.tflite"
done
# What Gradle does for `namespace` and `useLegacyPackaging`.
sed -e "s/<manifest /<manifest package=\"$package\" /" -e 's/<application/<application android:extractNativeLibs="true"/' \
    "$source/AndroidManifest.xml" > "$work/AndroidManifest.xml"
"$jars/aapt2" link -I "$resources" -A "$out/assets" -0 .tflite --manifest "$work/AndroidManifest.xml" \
    --min-sdk-version "$(setting minSdk)" --target-sdk-version "$(setting targetSdk)" \
    --version-code "$(setting versionCode)" --version-name "$(setting versionName)" \
    --java "$work/java" --proguard "$work/aapt.pro" -o "$out/base.apk" "$work/res.zip"
find "$work/java" -name '*.java' -print0 | xargs -0 javac -nowarn --release 11 -d "$work/r"
(cd "$work/r" && zip -qrX "$out/r.jar" .)
kotlinc "$out/classes.jar" "$sdk:$libraries:$out/r.jar" \
    "$android/library/src/main/kotlin" "$android/library/src/bytedeco/kotlin" "$source/kotlin"
