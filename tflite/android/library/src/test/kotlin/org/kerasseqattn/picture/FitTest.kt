package org.kerasseqattn.picture

import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.kerasseqattn.EdgeException
import kotlin.random.Random

class FitTest {
    @Test
    fun `four pixels become two by a triangle of two pixels to each side`() {
        // Weights of the first: 3/4, 3/4, 1/4 of 7/4.
        assertEquals(listOf(50, 160), across(listOf(0, 70, 140, 210), 2))
    }

    @Test
    fun `two pixels become four by lines between their centres`() = assertEquals(listOf(40, 80, 160, 200), across(listOf(40, 200), 4))

    @Test
    fun `columns are filtered as rows are`() {
        val picture = Picture(1, 4, bytes(listOf(0, 70, 140, 210).flatMap { listOf(it, it, it) }))
        assertEquals(listOf(50, 50, 50, 160, 160, 160), numbers(picture.fit(1, 2, 3)))
    }

    @Test
    fun `a picture of the right size stays as it is`() {
        val picture = noise(13, 7)
        assertArrayEquals(picture.rgb, picture.fit(13, 7, 3))
    }

    @Test
    fun `one colour stays one colour at every size`() {
        val picture = Picture(31, 17, ByteArray(31 * 17 * 3) { byteArrayOf(7, -56, -1)[it % 3] })
        for ((width, height) in listOf(1 to 1, 5 to 3, 3 to 41, 61 to 2, 67 to 71)) {
            val fitted = picture.fit(width, height, 3)
            assertTrue("$width x $height", fitted.indices.all { fitted[it] == picture.rgb[it % 3] })
        }
    }

    @Test
    fun `grey has the weights of ITU-R 601`() {
        val picture = Picture(4, 1, bytes(listOf(255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9)))
        assertEquals(listOf(76, 150, 29, 9), numbers(picture.fit(4, 1, 1)))
    }

    @Test
    fun `grey is made before the filter`() {
        val picture = noise(23, 11)
        val grey = picture.fit(23, 11, 1)
        val three = Picture(23, 11, ByteArray(grey.size * 3) { grey[it / 3] })
        assertArrayEquals(picture.fit(7, 5, 1), three.fit(7, 5, 1))
    }

    @Test
    fun `what a fitter keeps of one picture does not reach the next`() {
        val fitter = Fitter(11, 13, 3)
        for ((width, height) in listOf(37 to 5, 37 to 5, 5 to 97, 11 to 13, 1 to 1, 37 to 5)) {
            val picture = noise(width, height)
            assertArrayEquals("$width x $height", picture.fit(11, 13, 3), fitter.fit(picture))
        }
    }

    @Test
    fun `a fitter gives the same array again`() {
        val fitter = Fitter(3, 2, 3)
        assertTrue(fitter.fit(noise(5, 7)) === fitter.fit(noise(7, 5)))
    }

    @Test
    fun `bytes that are no picture are refused`() {
        for ((width, height, size) in listOf(Triple(0, 5, 0), Triple(5, 0, 0), Triple(2, 3, 17), Triple(-1, -1, 3))) {
            val error = assertThrows(EdgeException::class.java) { Picture(width, height, ByteArray(size)) }
            assertEquals(mapOf("width" to width, "height" to height, "bytes" to size), error.received)
        }
    }

    private fun across(pixels: List<Int>, newWidth: Int): List<Int> {
        val fitted = Picture(pixels.size, 1, bytes(pixels.flatMap { listOf(it, it, it) })).fit(newWidth, 1, 3)
        return numbers(fitted).chunked(3) { it.distinct().single() }
    }
}

internal fun noise(width: Int, height: Int) = Picture(width, height, Random(width * 1000 + height).nextBytes(3 * width * height))

internal fun bytes(numbers: List<Int>) = ByteArray(numbers.size) { numbers[it].toByte() }

internal fun numbers(bytes: ByteArray) = bytes.map { it.toInt() and 255 }
