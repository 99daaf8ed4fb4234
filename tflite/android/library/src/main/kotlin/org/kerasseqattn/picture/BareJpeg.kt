package org.kerasseqattn.picture

private const val MARKER = 0xFF
private const val SCAN = 0xDA
private const val APP0 = 0xE0
private const val APP1 = 0xE1
private const val APP14 = 0xEE // Adobe's: how colours are stored
private const val APP15 = 0xEF
private const val COMMENT = 0xFE
private const val XMP = "http://ns.adobe.com/xap/1.0/\u0000"

/** Keeps the segments that the pixels need, from the file's start to its first scan. */
internal fun Copy.jpeg() {
    keep(2)
    while (left >= 4 && byte(0) == MARKER && byte(1) != SCAN) {
        val kind = byte(1)
        if (kind == MARKER) { // padding
            leave(1)
            continue
        }
        val size = 2 + (byte(2) shl 8 or byte(3))
        if (size > left) return
        if (kind == APP1 && startsWith("Exif\u0000\u0000", 4)) exif(part(if (hasExif) 10 else 4, size))
        if (kind == APP1 && startsWith(XMP, 4)) xmp(part(4 + XMP.length, size))
        if (kind == COMMENT || kind in APP0 + 1..APP15 && kind != APP14) leave(size) else keep(size)
    }
}
