package org.kerasseqattn.picture

private const val EXTENDED = 20 // where the flags of an extended file stand
private const val PROFILE_EXIF_XMP = 0x20 or 0x08 or 0x04

/** Keeps the chunks that the pixels need, and mends the flags and the length at the head. */
internal fun Copy.webp() {
    val size = size(4)
    var dropped = 0
    keep(12)
    while (left >= 8) {
        val data = size(4)
        val chunk = 8 + data + data % 2
        if (data < 0 || chunk > left) break
        if (startsWith("EXIF", 0)) exif(part(8, 8 + data))
        if (startsWith("XMP ", 0)) xmp(part(8, 8 + data))
        if (startsWith("ICCP", 0) || startsWith("EXIF", 0) || startsWith("XMP ", 0)) {
            leave(chunk)
            dropped += chunk
        } else {
            keep(chunk)
        }
    }
    if (dropped > 0) {
        set(EXTENDED, file[EXTENDED].toInt() and PROFILE_EXIF_XMP.inv())
        for (i in 0..3) set(4 + i, size - dropped shr 8 * i)
    }
}

private fun Copy.size(ahead: Int) = byte(ahead) or (byte(ahead + 1) shl 8) or (byte(ahead + 2) shl 16) or (byte(ahead + 3) shl 24)
