package org.kerasseqattn.picture

import java.io.ByteArrayInputStream
import java.io.IOException
import java.util.zip.InflaterInputStream

private const val AROUND = 12 // bytes of a chunk beside its data: length, type, checksum
private const val RAW = "Raw profile type exif\u0000" // ImageMagick's EXIF
private const val XMP = "XML:com.adobe.xmp\u0000"

/** Keeps the chunks that the pixels need: the critical ones, and transparency. */
internal fun Copy.png() {
    keep(8)
    while (left >= AROUND) {
        val data = (byte(0) shl 24) or (byte(1) shl 16) or (byte(2) shl 8) or byte(3)
        if (data < 0 || data > left - AROUND) return
        when {
            startsWith("eXIf", 4) -> exif(part(8, 8 + data))
            startsWith("zTXt$RAW", 4) && !hasExif -> exif(hexadecimal(inflated(part(8 + RAW.length + 1, 8 + data))))
            startsWith("tEXt$RAW", 4) && !hasExif -> exif(hexadecimal(part(8 + RAW.length, 8 + data)))
            startsWith("iTXt$XMP", 4) -> xmp(text(part(8 + XMP.length, 8 + data)))
        }
        val critical = byte(4) and 0x20 == 0
        if (critical || startsWith("tRNS", 4)) keep(AROUND + data) else leave(AROUND + data)
    }
}

/** The text of an iTXt chunk after its keyword: two flags, language, translated keyword. */
private fun text(data: ByteArray): ByteArray {
    val language = data.indexOf(0, 2) ?: return data
    val keyword = data.indexOf(0, language + 1) ?: return data
    val text = data.copyOfRange(keyword + 1, data.size)
    return if (data[0].toInt() == 1) inflated(text) else text
}

private fun ByteArray.indexOf(value: Byte, from: Int): Int? = (from until size).find { this[it] == value }

private fun inflated(data: ByteArray): ByteArray = try {
    InflaterInputStream(ByteArrayInputStream(data)).use { it.readBytes() }
} catch (_: IOException) { // damaged: tells nothing
    ByteArray(0)
}

/** The bytes of a raw profile: three lines that say what and how long, then hexadecimal digits. */
private fun hexadecimal(profile: ByteArray): ByteArray {
    val digits = profile.decodeToString().split('\n').drop(3).joinToString("")
    return ByteArray(digits.length / 2) { (digits.substring(2 * it, 2 * it + 2).toIntOrNull(16) ?: return ByteArray(0)).toByte() }
}
