package org.kerasseqattn.picture

import java.io.ByteArrayOutputStream
import java.nio.ByteBuffer

/**
 * A picture's file without what surrounds its pixels, and the orientation that was found there.
 *
 * Decoders of Android differ by format and release in what they turn and which colour profile they follow. Without EXIF, XMP,
 * profiles, gamma and further frames they all give the numbers that are stored.
 */
internal class Bare(val bytes: ByteBuffer, val orientation: Int)

/** Leaves out what surrounds the pixels of a JPEG, PNG or WebP file; PNG becomes 8-bit. The rest stays as it is. */
internal fun bare(file: ByteArray): Bare {
    val copy = Copy(file)
    when {
        file.startsWith("\u00FF\u00D8\u00FF") -> copy.jpeg()
        file.startsWith("\u0089PNG\r\n\u001A\n") -> copy.png()
        file.startsWith("RIFF") && file.startsWith("WEBP", 8) -> copy.webp()
    }
    return copy.bare()
}

internal fun ByteArray.startsWith(text: String, at: Int = 0): Boolean =
    size - at >= text.length && text.indices.all { this[at + it] == text[it].code.toByte() }

/** A copy that grows along a file. */
internal class Copy(val file: ByteArray) {
    private val kept = ByteArray(file.size)
    private val exif = ByteArrayOutputStream()
    private var xmp: ByteArray? = null
    private var from = 0 // of the file: what stands before was kept or left out
    private var length = 0

    /** Bytes of the file that are still ahead. */
    val left: Int get() = file.size - from

    val hasExif: Boolean get() = exif.size() > 0

    fun byte(ahead: Int): Int = file[from + ahead].toInt() and 255

    fun startsWith(text: String, ahead: Int): Boolean = file.startsWith(text, from + ahead)

    /** Bytes ahead; none where a damaged file lets them end before they start. */
    fun part(ahead: Int, end: Int): ByteArray = file.copyOfRange(from + minOf(ahead, end), from + end)

    fun keep(bytes: Int) {
        file.copyInto(kept, length, from, from + bytes)
        length += bytes
        from += bytes
    }

    fun leave(bytes: Int) {
        from += bytes
    }

    /** Changes a byte that was kept. */
    fun set(at: Int, value: Int) {
        kept[at] = value.toByte()
    }

    fun exif(data: ByteArray) = exif.write(data)

    fun xmp(data: ByteArray) {
        xmp = data
    }

    fun bare(): Bare {
        keep(left)
        val bytes = withEightBits(kept)?.let(ByteBuffer::wrap) ?: ByteBuffer.wrap(kept, 0, length)
        return Bare(bytes, exifOrientation(exif.toByteArray()) ?: xmp?.let(::xmpOrientation) ?: 1)
    }
}
