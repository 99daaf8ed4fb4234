package org.kerasseqattn.android

import android.content.ContentResolver
import android.graphics.Bitmap
import android.graphics.Color
import android.net.Uri
import java.io.ByteArrayInputStream
import java.io.ByteArrayOutputStream
import java.io.FileNotFoundException
import java.io.IOException
import java.io.InputStream
import kotlin.math.abs
import kotlin.math.sin
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.kerasseqattn.EdgeException
import org.kerasseqattn.PhoneTestRunner
import org.kerasseqattn.fixture
import org.kerasseqattn.picture.Picture
import org.kerasseqattn.picture.fit
import org.kerasseqattn.picture.noise
import org.kerasseqattn.picture.numbers
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf

@RunWith(PhoneTestRunner::class)
class PicturesTest {
    private val resolver: ContentResolver = RuntimeEnvironment.getApplication().contentResolver
    private val document = Uri.parse("content://pictures/7")

    @Test
    fun `what is no picture is refused with its size and a remedy`() {
        for (name in listOf("empty.jpg", "text.jpg", "cut-50.jpg", "cut-90.png", "cut-50.webp", "wireless.jpg", "page.svg")) {
            val bytes = fixture("pictures/$name").readBytes()
            val error = assertThrows(name, EdgeException::class.java) { picture(bytes) }
            assertEquals("${bytes.size} bytes", error.received["picture"])
            assertTrue(error.fix, error.fix.startsWith("choose another picture"))
        }
    }

    @Test
    fun `a file that promises too many pixels is refused before they are made`() {
        val error = assertThrows(EdgeException::class.java) { picture(fixture("pictures/huge.png").readBytes()) }
        assertEquals(20_000, error.received["width"])
        assertEquals(20_000, error.received["height"])
    }

    @Test
    fun `a provider that dies is refused in each of its ways`() {
        val deaths = listOf<() -> InputStream?>(
            { throw SecurityException("no permission") }, { throw IllegalStateException("gone") },
            { null }, { Broken(FileNotFoundException("gone")) }, { Broken(IOException("half way")) },
            { Broken(SecurityException("withdrawn")) },
        )
        for (death in deaths) {
            shadowOf(resolver).registerInputStreamSupplier(document, death)
            val error = assertThrows(EdgeException::class.java) { picture(resolver, document) }
            assertEquals(document.toString(), error.received["picture"])
        }
    }

    @Test
    fun `a document without a size is decoded whole`() {
        val bytes = fixture("pictures/photo.jpg").readBytes()
        serve(bytes)
        assertArrayEquals(picture(bytes).rgb, picture(resolver, document).rgb)
    }

    @Test
    fun `a large photo is decoded only as large as it is needed, and nearly the same comes of it`() {
        for (format in listOf(Bitmap.CompressFormat.JPEG, Bitmap.CompressFormat.WEBP_LOSSY, Bitmap.CompressFormat.PNG)) {
            val bytes = compressed(smooth(1201, 803), format)
            serve(bytes)
            val small = picture(resolver, document, 97, 61)
            assertTrue("$format: ${small.width} x ${small.height}", small.width in 2 * 97..400 && small.height in 2 * 61..400)
            val (found, exact) = small.fit(97, 61, 3) to picture(bytes).fit(97, 61, 3)
            val mean = found.indices.map { abs((found[it].toInt() and 255) - (exact[it].toInt() and 255)) }.average()
            assertTrue("$format: $mean", mean < 1)
        }
    }

    @Test
    fun `a photo that lies on its side is measured upright`() {
        serve(fixture("pictures/turn-6.jpg").readBytes()) // 61 x 47 in the file, 47 x 61 upright
        assertEquals(24 to 31, picture(resolver, document, 7, 10).let { it.width to it.height })
        assertEquals(47 to 61, picture(resolver, document, 10, 7).let { it.width to it.height })
    }

    @Test
    fun `an opaque bitmap of any kind gives its colours`() {
        val kinds = listOf(Bitmap.Config.ARGB_8888, Bitmap.Config.RGB_565, Bitmap.Config.RGBA_F16)
        for (kind in kinds) {
            val bitmap = Bitmap.createBitmap(3, 2, kind)
            bitmap.eraseColor(Color.rgb(255, 0, 255))
            bitmap.setPixel(2, 1, Color.rgb(0, 255, 0))
            assertEquals("$kind", List(5) { listOf(255, 0, 255) }.flatten() + listOf(0, 255, 0), numbers(picture(bitmap).rgb))
        }
    }

    @Test
    fun `a bitmap in the GPU's memory is copied first`() {
        val bitmap = bitmap(noise(5, 3))
        assertArrayEquals(picture(bitmap).rgb, picture(bitmap.copy(Bitmap.Config.HARDWARE, false)).rgb)
    }

    @Test
    fun `transparency is white`() {
        val bitmap = Bitmap.createBitmap(2, 1, Bitmap.Config.ARGB_8888)
        bitmap.setPixel(1, 0, Color.argb(51, 0, 0, 0)) // a fifth of black
        assertEquals(listOf(255, 255, 255, 204, 204, 204), numbers(picture(bitmap).rgb))
    }

    @Test
    fun `a mask of transparency is black on white`() {
        val mask = Bitmap.createBitmap(1, 1, Bitmap.Config.ALPHA_8)
        mask.eraseColor(Color.argb(255, 0, 0, 0))
        assertEquals(listOf(0, 0, 0), numbers(picture(mask).rgb))
    }

    @Test
    fun `bands of rows meet`() {
        val tall = noise(3, 53)
        assertArrayEquals(tall.rgb, picture(bitmap(tall)).rgb)
    }

    @Test
    fun `a recycled bitmap is refused`() {
        val bitmap = bitmap(noise(2, 2)).also { it.recycle() }
        assertEquals("A bitmap must have its pixels", assertThrows(EdgeException::class.java) { picture(bitmap) }.rule)
    }

    private fun serve(bytes: ByteArray) = shadowOf(resolver).registerInputStreamSupplier(document) { ByteArrayInputStream(bytes) }

    private fun compressed(picture: Picture, format: Bitmap.CompressFormat) =
        ByteArrayOutputStream().also { bitmap(picture).compress(format, 95, it) }.toByteArray()

    private fun smooth(width: Int, height: Int) = Picture(width, height, ByteArray(3 * width * height) {
        val x = it / 3 % width
        val y = it / 3 / width
        abs((x / 7 + y / 5 + 40 * (it % 3)).toByte().toInt()).toByte()
    })
}

internal fun bitmap(picture: Picture): Bitmap {
    val colours = numbers(picture.rgb).chunked(3) { (red, green, blue) -> Color.rgb(red, green, blue) }
    return Bitmap.createBitmap(colours.toIntArray(), picture.width, picture.height, Bitmap.Config.ARGB_8888)
}

/** Some bytes, then the end of the provider. */
private class Broken(private val error: Exception) : InputStream() {
    private var given = 0

    override fun read(): Int = if (given++ < 100) 0xFF else throw error
}
