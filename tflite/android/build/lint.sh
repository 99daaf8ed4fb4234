#!/usr/bin/env bash
# Android's lint over the app and the library, after compile.sh. Any remark ends it.
. "$(dirname "$0")/paths.sh"
tool=$out/lint source=$android/app/src/main
cmp -s "$android/build/lint/pom.xml" "$tool/pom.xml" || {
    rm -rf "$tool" && mkdir -p "$tool/jars" "$tool/sdk"
    mvn -B -q -ntp -f "$android/build/lint/pom.xml" dependency:copy-dependencies -DoutputDirectory="$tool/jars"
    cp "$android/build/lint/pom.xml" "$tool/pom.xml"
}
# What Gradle puts into the manifest.
sed -e "s/<manifest /<manifest package=\"$(setting namespace)\" android:versionCode=\"$(setting versionCode)\" android:versionName=\"$(setting versionName)\" /" \
    -e "s#<application#<uses-sdk android:minSdkVersion=\"$(setting minSdk)\" android:targetSdkVersion=\"$(setting targetSdk)\"/>\n    <application#" \
    "$source/AndroidManifest.xml" > "$tool/AndroidManifest.xml"
{
    echo "<project><sdk dir=\"$tool/sdk\"/><root dir=\"$android/app\"/>"
    echo "<module name=\"app\" android=\"true\" library=\"false\" compile-sdk-version=\"$(setting compileSdk)\">"
    echo "<manifest file=\"$tool/AndroidManifest.xml\"/>"
    find "$android/library/src/main/kotlin" "$android/library/src/bytedeco/kotlin" "$source/kotlin" -name '*.kt' -printf '<src file="%p"/>\n'
    find "$source/res" -type f -printf '<resource file="%p"/>\n'
    for jar in ${libraries//:/ } "$sdk" "$out/r.jar"; do echo "<classpath jar=\"$jar\"/>"; done
    echo '</module></project>'
} > "$tool/project.xml"
# NewApi needs Google's SDK: check.sh looks at levels, of which 36 is the newest here. ButtonOrder finds a lone "Cancel" in the wrong order.
brief -Xmx2g -cp "$tool/jars/*" com.android.tools.lint.Main --project "$tool/project.xml" --quiet --exitcode \
    -Werror --disable NewApi,OldTargetApi,ButtonOrder,Overdraw,PluralsCandidate --text stdout
