package org.kerasseqattn.picture

import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Test

class OrientationTest {
    // 1 2 3
    // 4 5 6
    private val picture = Picture(3, 2, bytes((1..6).flatMap { listOf(it, it, it) }))

    @Test
    fun `each orientation by hand`() {
        val turned = mapOf(
            1 to listOf(listOf(1, 2, 3), listOf(4, 5, 6)),
            2 to listOf(listOf(3, 2, 1), listOf(6, 5, 4)),
            3 to listOf(listOf(6, 5, 4), listOf(3, 2, 1)),
            4 to listOf(listOf(4, 5, 6), listOf(1, 2, 3)),
            5 to listOf(listOf(1, 4), listOf(2, 5), listOf(3, 6)),
            6 to listOf(listOf(4, 1), listOf(5, 2), listOf(6, 3)),
            7 to listOf(listOf(6, 3), listOf(5, 2), listOf(4, 1)),
            8 to listOf(listOf(3, 6), listOf(2, 5), listOf(1, 4)),
        )
        for ((orientation, rows) in turned) assertEquals("orientation $orientation", rows, rows(picture.upright(orientation)))
    }

    @Test
    fun `numbers that are no orientation turn nothing`() {
        for (orientation in listOf(-1, 0, 9, 255)) assertEquals(rows(picture), rows(picture.upright(orientation)))
    }

    @Test
    fun `a turn and its opposite leave the picture`() {
        val large = noise(17, 29)
        for ((turn, back) in listOf(2 to 2, 3 to 3, 4 to 4, 5 to 5, 6 to 8, 7 to 7, 8 to 6)) {
            assertArrayEquals("$turn", large.rgb, large.upright(turn).upright(back).rgb)
        }
    }

    @Test
    fun `one pixel has no step`() = assertEquals(listOf(7, 8, 9), numbers(Picture(1, 1, byteArrayOf(7, 8, 9)).upright(6).rgb))

    @Test
    fun `EXIF in either byte order, as a short or a long`() {
        assertEquals(6, exifOrientation(exif("II*\u0000", listOf(8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0))))
        assertEquals(6, exifOrientation(exif("MM\u0000*", listOf(0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0))))
        assertEquals(6, exifOrientation(exif("MM\u0000*", listOf(0, 0, 0, 8, 0, 1, 1, 0x12, 0, 4, 0, 0, 0, 1, 0, 0, 0, 6))))
    }

    @Test
    fun `half of EXIF data tells nothing`() {
        val whole = exif("II*\u0000", listOf(8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0))
        for (size in whole.indices) assertEquals("$size bytes", null, exifOrientation(whole.copyOf(size)))
    }

    @Test
    fun `XMP as an attribute or an element`() {
        assertEquals(8, xmpOrientation("<rdf tiff:Orientation=\"8\"/>".toByteArray()))
        assertEquals(3, xmpOrientation("<tiff:Orientation>3</tiff:Orientation>".toByteArray()))
        assertEquals(null, xmpOrientation("<tiff:Make>3</tiff:Make>".toByteArray()))
    }

    private fun exif(head: String, rest: List<Int>) = "Exif\u0000\u0000$head".toByteArray(Charsets.ISO_8859_1) + bytes(rest)

    private fun rows(picture: Picture) = numbers(picture.rgb).chunked(3) { it.distinct().single() }.chunked(picture.width)
}
