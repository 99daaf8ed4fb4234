package org.kerasseqattn.runtime

import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test

class VersionTest {
    private fun of(text: String) = checkNotNull(Version.of(text))

    @Test
    fun `releases compare by number, not by digit`() {
        assertTrue(of("2.9.0") < of("2.16.1"))
        assertTrue(of("2.16") < of("2.16.1"))
        assertEquals(0, of("2.16").compareTo(of("2.16.0")))
    }

    @Test
    fun `LiteRT names a release of TensorFlow Lite that was still to come`() {
        val names = mapOf("1.4" to "2.20.0-dev0", "2.0" to "2.21.0-dev0", "2.3" to "2.22.0-dev0") // as their libraries do
        val stands = mapOf("1.4" to "2.19.0", "2.0" to "2.20.0", "2.3" to "2.21.0")
        for ((release, name) in names) {
            assertTrue(release, of(name) >= of(stands.getValue(release)))
            assertTrue(release, of(name) < of(name.substringBefore('-')))
        }
    }

    @Test
    fun `what is no release is none`() =
        listOf("", "2", "two", "2.x", "2.16.1x", "99999999999.1").forEach { assertNull(it, Version.of(it)) }

    @Test
    fun `a release is shown as it is`() = assertEquals(
        listOf("2.16.1", "2.20.0-dev"), listOf(of("2.16.1"), of("2.20.0-dev0")).map { "$it" },
    )
}
