package org.kerasseqattn.runtime

import org.junit.Assert.assertEquals
import org.junit.Test

/** bytedeco's TensorFlow Lite. It would open files of 4-bit weights, and compute them wrongly. */
class TfLiteRuntimeTest : RuntimeContract(
    TfLiteRuntimes,
    mapOf("dynamic_wi4_afp32" to "minimum_runtime=\"2.21.0\"", "static_wi8_ai16" to "minimum_runtime=\"2.21.0\""),
) {
    @Test
    fun `the library tells its release`() = assertEquals(Version.of("2.20.0"), TfLiteRuntimes.version)
}
