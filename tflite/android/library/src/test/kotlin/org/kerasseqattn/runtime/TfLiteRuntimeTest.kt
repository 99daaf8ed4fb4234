package org.kerasseqattn.runtime

import org.bytedeco.javacpp.Pointer
import org.junit.Assert.assertEquals
import org.junit.Test

/** bytedeco's TensorFlow Lite. It would open files of 4-bit weights, and compute them wrongly. */
class TfLiteRuntimeTest : RuntimeContract(
    TfLiteRuntimes,
    mapOf("dynamic_wi4_afp32" to "minimum_runtime=\"2.21.0\"", "static_wi8_ai16" to "minimum_runtime=\"2.21.0\""),
) {
    @Test
    fun `the library tells its release`() = assertEquals(Version.of("2.20.0"), TfLiteRuntimes.version)

    /** JavaCPP's own limit is four times the heap: a file of 300 MB and a heap of 64 MB were refused. */
    @Test
    fun `memory of the process beside the heap is no reason to refuse`() {
        TfLiteRuntimes.version
        assertEquals(0, Pointer.maxPhysicalBytes())
    }
}
