# Sourced by the other scripts: where things lie, and the jars of pom.xml.
set -euo pipefail
export TZ=UTC LC_ALL=C.UTF-8
android=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
out=$android/out jars=$android/out/jars

# apt packages of tools that are missing.
need() { # TOOL=PACKAGE ...
    local missing=() each
    for each in "$@"; do command -v "${each%%=*}" >/dev/null || missing+=("${each##*=}"); done
    if ((${#missing[@]})); then
        echo "asks apt for what is missing: ${missing[*]}"
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    fi
}

fetch() {
    need mvn=maven javac=openjdk-17-jdk-headless unzip=unzip zip=zip
    cat "$android"/build/{pom.xml,paths.sh} | cmp -s - "$jars/made-of" && return
    rm -rf "$jars" && mkdir -p "$jars"
    mvn -B -q -ntp -f "$android/build/pom.xml" dependency:copy-dependencies -Dmdep.stripVersion=true -Dmdep.prependGroupId=true -DoutputDirectory="$jars"
    # Robolectric looks for the SDK under its full name.
    mkdir "$jars/sdk"
    mvn -B -q -ntp -f "$android/build/pom.xml" dependency:copy-dependencies -DincludeArtifactIds=android-all-instrumented -DoutputDirectory="$jars/sdk"
    rm "$jars/org.robolectric.android-all-instrumented.jar"
    unzip -qoj "$jars/org.apktool.apktool-lib.jar" prebuilt/linux/aapt2 -d "$jars" && chmod +x "$jars/aapt2"
    # Java reads no .aar.
    for aar in "$jars"/*.aar; do
        unzip -qop "$aar" classes.jar > "${aar%.aar}.jar"
    done
    platform
    cat "$android"/build/{pom.xml,paths.sh} > "$jars/made-of"
}

# Classes of a phone: those of android-all that an app can name, and java.base. Android has no other module of Java. R8 is
# three times as fast with these few.
platform() {
    local jdk classes
    mkdir "$jars/platform"
    jdk=$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")
    classes=$(mktemp -d)
    jimage extract --include 'regex:/java.base/.*' --dir "$classes" "$jdk/lib/modules"
    (cd "$classes/java.base" && zip -qr1X "$jars/platform/java.base.jar" .)
    rm -r "$classes"
    zip -qU "$resources" 'android/*' 'org/json/*' 'org/xml/*' 'org/w3c/*' 'javax/*' -x 'android/icu/*' --out "$sdk"
}

# The whole system: aapt2 links resources with it, and tests may name hidden parts.
resources=$jars/org.robolectric.android-all.jar
# What the library and the app are compiled against.
sdk=$jars/platform/android.jar
libraries=$jars/org.jetbrains.kotlin.kotlin-stdlib.jar:$jars/org.bytedeco.javacpp.jar:$jars/org.bytedeco.tensorflow-lite.jar

setting() { sed -nE "s/^ *$1 *= *\"?([^\" ]+)\"?.*/\1/p" "$android/app/build.gradle.kts" | head -1; } # NAME

# Java for programs of a few minutes at most. The JVM's second compiler would cost them more CPU time than it saves.
brief() { java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC "$@"; }

kotlinc() { # OUT.jar CLASSPATH SOURCES...
    local to=$1 with=$2
    shift 2
    brief -Xmx2g -cp "$(echo "$jars"/org.jetbrains*.jar | tr ' ' :)" org.jetbrains.kotlin.cli.jvm.K2JVMCompiler \
        -no-stdlib -no-reflect -jvm-target 17 -language-version 2.2 -api-version 2.2 -cp "$with" -d "$to" "$@"
}

shrink() { # OUT RULES... -- INPUTS AND OPTIONS...: the library and the app by R8, with the libraries
    local to=$1 rules=()
    shift
    while [ "$1" != -- ]; do rules+=(--pg-conf "$1") && shift; done
    brief -Xmx3g -cp "$jars/com.android.tools.r8.jar" com.android.tools.r8.R8 --release --no-data-resources \
        --lib "$sdk" --lib "$jars/platform/java.base.jar" --output "$to" --pg-conf "$android/library/consumer-rules.pro" \
        --pg-conf "$android/build/platform.pro" "${rules[@]}" \
        "${@:2}" "$out/classes.jar" "$out/r.jar" ${libraries//:/ } "$jars/org.jetbrains.annotations.jar"
}
