#!/usr/bin/env bash
# Looks at what apk.sh built: API levels, manifest and signature, and the settings that Gradle reads.
. "$(dirname "$0")/paths.sh"
need zipalign=zipalign apksigner=apksigner
apk=$out/app.apk minimum=$(setting minSdk)

fault() { echo "$1" >&2 && exit 1; }

api() {
    brief -cp "$jars/org.codehaus.mojo.animal-sniffer.jar:$jars/org.ow2.asm.asm.jar" "$android/build/api/ApiCheck.java" \
        "$jars/com.toasttab.android.gummy-bears-api-26.signature" "$out/classes.jar" "$android/build/api/newer.txt" "$minimum"
}

# The blocks `android { … }` against AGP's own types. Gradle's few lie beside, as Maven Central does not have them.
gradle() {
    local of check=$out/made/gradle
    rm -rf "$check" && mkdir -p "$check"
    for of in Application:app Library:library; do
        {
            echo "package ${of#*:}"
            echo 'import org.gradle.api.JavaVersion'
            echo "private fun android(configure: com.android.build.api.dsl.${of%:*}Extension.() -> Unit) = Unit"
            echo 'private val block ='
            sed -n '/^android {/,/^}/p' "$android/${of#*:}/build.gradle.kts"
        } > "$check/${of#*:}.kt"
    done
    kotlinc "$check/classes" "$jars/com.android.tools.build.gradle-api.jar:$jars/org.jetbrains.kotlin.kotlin-stdlib.jar" \
        -nowarn "$android"/build/gradle/*.kt "$check"/*.kt
}

manifest() {
    local found=$out/made/badging.txt
    "$jars/aapt2" dump badging "$apk" > "$found"
    grep -q "^package: name='$(setting applicationId)' " "$found" || fault 'the package must have its name'
    grep -q "^launchable-activity: name='$(setting namespace).MainActivity'" "$found" || fault 'the launcher must find the main screen'
    grep -qE "^(minSdkVersion|sdkVersion):'$minimum'" "$found" || fault "minSdk must be $minimum"
    grep -q "^targetSdkVersion:'$(setting targetSdk)'" "$found" || fault "targetSdk must be $(setting targetSdk)"
    ! grep -E '^(uses-permission|application-debuggable)' "$found" || fault 'the app must ask for no permission, and not be debuggable'
    unzip -Z "$apk" 'assets/models/*' | awk '$NF ~ /tflite$/ { n++; if ($6 != "stor") bad = 1 } END { exit !n || bad }' ||
        fault 'models must be stored as they are'
    zipalign -c 16384 "$apk" || fault 'what is stored must be aligned'
}

signature() {
    local found
    found=$(apksigner verify --verbose --min-sdk-version 24 "$apk") # from 28 on v2 is not looked at
    grep -q 'v2 scheme.*: true' <<< "$found" && grep -q 'v3 scheme.*: true' <<< "$found" || fault "$found"
}

api && gradle && manifest && signature
