package org.kerasseqattn.picture

import java.io.File
import java.nio.ByteBuffer
import kotlin.random.Random
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.kerasseqattn.fixture

class BareTest {
    @Test
    fun `EXIF, XMP and profiles are left out`() {
        val endings = listOf("jpg", "png", "webp")
        for (name in endings.map { "turn-6.$it" } + endings.map { "profile.$it" } + listOf("turn-xmp.jpg", "turn-xmp.webp")) {
            val text = text(bare(file(name).readBytes()).bytes)
            for (word in listOf("Exif", "eXIf", "EXIF", "ICC_PROFILE", "iCCP", "ICCP", "tiff:")) assertFalse("$name: $word", word in text)
        }
    }

    @Test
    fun `the orientation is told`() {
        for (turn in 1..8) for (ending in listOf("jpg", "png", "webp")) {
            assertEquals("$ending, $turn", turn, bare(file("turn-$turn.$ending").readBytes()).orientation)
        }
    }

    @Test
    fun `a file with nothing around its pixels stays byte for byte`() {
        for (name in listOf("rgb.png", "lossless.webp", "rgb-75.webp", "rgb.bmp", "palette.gif", "text.jpg", "empty.jpg")) {
            val bytes = file(name).readBytes()
            assertEquals(name, ByteBuffer.wrap(bytes), bare(bytes).bytes)
        }
    }

    @Test
    fun `the length at the head of a WebP file is mended`() {
        val bytes = bare(file("profile-turned.webp").readBytes()).bytes
        assertEquals(bytes.limit() - 8, bytes.order(java.nio.ByteOrder.LITTLE_ENDIAN).getInt(4))
    }

    @Test
    fun `damage never throws and never makes a file longer`() {
        val random = Random(11)
        for (name in listOf("turn-6.jpg", "turn-raw-True.png", "turn-xmp-True.png", "profile-turned.webp", "turn-both.jpg")) {
            val whole = file(name).readBytes()
            repeat(500) {
                val bytes = whole.copyOf(random.nextInt(whole.size + 1))
                repeat(if (bytes.isEmpty()) 0 else random.nextInt(6)) {
                    bytes[random.nextInt(minOf(bytes.size, 200))] = random.nextInt().toByte()
                }
                assertTrue(bare(bytes).bytes.limit() <= bytes.size)
            }
        }
    }

    @Test
    fun `damage of 16-bit PNG never throws`() {
        val random = Random(13)
        val whole = file("deep-filters.png").readBytes()
        repeat(300) {
            val bytes = whole.copyOf(random.nextInt(30, whole.size))
            bytes[random.nextInt(16, bytes.size)] = random.nextInt().toByte()
            bare(bytes)
        }
    }

    @Test
    fun `blocks become their means, small ones at the edges`() {
        val values = listOf(10, 20, 30, 30, 40, 50, 200, 101, 7)
        val shrunk = Shrunk(Picture(3, 3, bytes(values.flatMap { listOf(it, it, it) })), 2)
        assertEquals(2 to 2, shrunk.width to shrunk.height)
        // (10 + 20 + 30 + 40) / 4, (30 + 50) / 2, (200 + 101) / 2 upwards, 7
        assertEquals(listOf(25, 40, 151, 7), numbers(shrunk.upright(1).rgb).chunked(3) { it.distinct().single() })
    }

    private fun file(name: String): File = fixture("pictures/$name")

    private fun text(bytes: ByteBuffer) = String(bytes.array(), 0, bytes.limit(), Charsets.ISO_8859_1)
}
