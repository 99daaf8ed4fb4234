package org.kerasseqattn.android

import java.io.ByteArrayInputStream
import java.io.DataInputStream
import java.io.File
import kotlin.math.abs
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.kerasseqattn.EdgeException
import org.kerasseqattn.PhoneTestRunner
import org.kerasseqattn.fixture
import org.kerasseqattn.picture.fit

/** Every fixture against `keras_seqattn.data.images.decode`. */
@RunWith(PhoneTestRunner::class)
class PicturesEqualPythonTest {
    /** Where a phone and Python differ, and why. Nothing else may. */
    private val exceptions = mapOf(
        "cut-end.gif" to "the last byte, the end of the frames, is missing: Python reads the first, the phone refuses half files",
        "rgb.ppm" to "Android does not read PPM",
        "rgb.tiff" to "Android does not read TIFF",
    )

    @Test
    fun `every picture is Python's byte for byte, but for the exceptions`() {
        val files = fixture("pictures").listFiles()!!.filter { it.extension != "pixels" }.sorted()
        assertTrue("${files.size} fixtures", files.size >= 100)
        val differences = files.mapNotNull { file -> difference(file)?.let { file.name to it } }.toMap()
        differences.filterKeys { it !in exceptions }.forEach { println("DIFFERS $it") }
        assertEquals(exceptions.keys, differences.keys)
    }
}

private class Expected(val width: Int, val height: Int, val channels: Int, val bytes: ByteArray)

private fun expected(file: File): List<Expected> {
    val data = DataInputStream(ByteArrayInputStream(File("$file.pixels").readBytes()))
    return buildList {
        while (data.available() > 0) {
            val (width, height, channels) = List(3) { data.readInt() }
            add(Expected(width, height, channels, data.readNBytes(width * height * channels)))
        }
    }
}

/** What differs, or nothing. */
private fun difference(file: File): String? {
    val wanted = expected(file)
    val found = try {
        picture(file.readBytes())
    } catch (error: EdgeException) {
        return if (wanted.isEmpty()) null else "refused: ${error.message}"
    }
    if (wanted.isEmpty()) return "not refused: ${found.width} x ${found.height}"
    val own = wanted.first()
    if (own.width != found.width || own.height != found.height) return "${found.width} x ${found.height} for ${own.width} x ${own.height}"
    val most = wanted.maxOf { size ->
        val bytes = found.fit(size.width, size.height, size.channels)
        bytes.indices.maxOf { abs((bytes[it].toInt() and 255) - (size.bytes[it].toInt() and 255)) }
    }
    return if (most == 0) null else "$most of 255"
}
