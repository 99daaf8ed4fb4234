package org.kerasseqattn.runtime

import org.junit.Assert.assertEquals
import org.junit.Test

/** `org.tensorflow.lite.Interpreter` of the last .aar on Maven Central, whose library was linked for Android. */
class LiteRtRuntimeTest : RuntimeContract(
    LiteRtRuntimes,
    mapOf(
        "dynamic_wi8_afp32" to "minimum_runtime=\"2.17.0\"", "mixed_wi8_ai8" to "minimum_runtime=\"2.17.0\"",
        "dynamic_wi4_afp32" to "minimum_runtime=\"2.21.0\"", "static_wi8_ai16" to "minimum_runtime=\"2.21.0\"",
    ),
) {
    @Test
    fun `the library tells its release`() = assertEquals(Version.of("2.16.1"), LiteRtRuntimes.version)
}
