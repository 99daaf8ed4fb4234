#!/usr/bin/env bash
# Runs the tests of the library and of the app on the JVM, after compile.sh. `test.sh WORD` runs the classes that have
# WORD in their names.
. "$(dirname "$0")/paths.sh"
"$android/build/bionic/make.sh"
run=$out/test
rm -rf "$run" && mkdir -p "$run/com/android/tools"
printf 'android_resource_apk=%s\nandroid_merged_manifest=%s\nandroid_custom_package=org.kerasseqattn.app\n' \
    "$out/base.apk" "$out/made/AndroidManifest.xml" > "$run/com/android/tools/test_config.properties"
printf 'sdk=34\ngraphicsMode=NATIVE\n' > "$run/robolectric.properties"
# The SDK comes last: the JSON of a plain JVM stands before that of Android.
jvm=$(find "$jars" -maxdepth 1 -name '*.jar' ! -name '*compiler*' ! -name '*r8*' ! -name '*android-all*' ! -name '*kotlin-daemon*' | sort | tr '\n' :)
litert=$android/library/src/litert/kotlin/org/kerasseqattn/runtime/LiteRtRuntime.kt
kotlinc "$run/tests.jar" "$out/classes.jar:$out/r.jar:$resources:$jvm" -Xfriend-paths="$out/classes.jar" \
    "$litert" "$android/library/src/test/kotlin" "$android/app/src/test/kotlin"
cd "$out"
brief -Xmx3g --add-opens=java.base/java.io=ALL-UNNAMED -Drobolectric.offline=true -Drobolectric.dependency.dir="$jars/sdk" \
    -Dfixtures="$out/fixtures" -Djava.library.path="$out/bionic" -cp "$run:$run/tests.jar:$out/classes.jar:$out/r.jar:$jvm$(echo "$jars"/sdk/*.jar)" \
    "$android/build/RunTests.java" "$run/tests.jar" "${1:-}"
