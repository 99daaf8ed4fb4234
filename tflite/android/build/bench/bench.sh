#!/usr/bin/env bash
# Runs a measurement of this folder, such as `bench.sh PictureTime`, after compile.sh and test.sh. PYTHON names the
# interpreter that has keras_seqattn.
. "$(dirname "$0")/../paths.sh"
bench=$android/build/bench python=${PYTHON:-python} photos=$out/bench/photos
export PYTHONPATH=$android/../..
[ -d "$photos" ] || "$python" "$bench/photos.py" "$photos"
jvm=$(find "$jars" -maxdepth 1 -name '*.jar' ! -name '*compiler*' ! -name '*r8*' ! -name '*android-all*' ! -name '*kotlin-daemon*' | sort | tr '\n' ':')
classes=$out/classes.jar:$out/test/tests.jar:$out/r.jar
kotlinc "$out/bench/bench.jar" "$classes:$sdk:$jvm" -Xfriend-paths="$out/classes.jar" "$bench"
java -Xmx3g --add-opens=java.base/java.io=ALL-UNNAMED -Drobolectric.offline=true -Drobolectric.dependency.dir="$jars/sdk" \
    -Dfixtures="$out/fixtures" -Dbench="$photos" -Dpython="$python" -Dbench.python="$bench/picture_time.py" \
    -cp "$out/test:$out/bench/bench.jar:$classes:$jvm$(echo "$jars"/sdk/*.jar)" org.junit.runner.JUnitCore "org.kerasseqattn.bench.$1"
