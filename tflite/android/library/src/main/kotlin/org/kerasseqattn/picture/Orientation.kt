package org.kerasseqattn.picture

import java.nio.ByteBuffer
import java.nio.ByteOrder

private const val ORIENTATION = 0x0112
private const val SHORT = 3
private const val LONG = 4
private const val ENTRY = 12 // bytes of one tag

/** EXIF's orientation, 1 to 8 where it is sound: how the camera was held. None if the EXIF data does not tell. */
internal fun exifOrientation(exif: ByteArray): Int? {
    var start = 0
    while (start < 12 && exif.startsWith("Exif\u0000\u0000", start)) start += 6
    val tiff = ByteBuffer.wrap(exif, start, exif.size - start).slice()
    if (tiff.limit() < 8) return null
    tiff.order(if (exif.startsWith("MM", start)) ByteOrder.BIG_ENDIAN else ByteOrder.LITTLE_ENDIAN)
    val directory = tiff.getInt(4)
    if (directory < 8 || directory > tiff.limit() - 2) return null
    val count = tiff.getShort(directory).toInt() and 0xFFFF
    for (at in directory + 2..tiff.limit() - ENTRY step ENTRY) {
        if (at >= directory + 2 + count * ENTRY) break
        if (tiff.getShort(at).toInt() == ORIENTATION) {
            return when (tiff.getShort(at + 2).toInt()) {
                SHORT -> tiff.getShort(at + 8).toInt()
                LONG -> tiff.getInt(at + 8)
                else -> null
            }
        }
    }
    return null
}

/** XMP's orientation, which counts where EXIF has none. */
internal fun xmpOrientation(xmp: ByteArray): Int? =
    Regex("tiff:Orientation(?:=\"|>)([0-9])").find(xmp.toString(Charsets.ISO_8859_1))?.groupValues?.get(1)?.toInt()

/** Turns a picture as its orientation says. */
internal fun Rows.upright(orientation: Int): Picture {
    val newWidth = if (orientation in 5..8) height else width
    fun place(x: Int, y: Int): Int {
        val left = width - 1 - x
        val up = height - 1 - y
        val (across, down) = when (orientation) {
            2 -> left to y
            3 -> left to up
            4 -> x to up
            5 -> y to x
            6 -> up to x
            7 -> up to left
            8 -> y to left
            else -> x to y
        }
        return 3 * (down * newWidth + across)
    }
    val rgb = ByteArray(3 * width * height)
    val row = ByteArray(3 * width)
    val step = if (width > 1) place(1, 0) - place(0, 0) else 0
    for (y in 0 until height) {
        if (step == 3) {
            read(y, rgb, place(0, y))
            continue
        }
        read(y, row)
        var to = place(0, y)
        for (from in row.indices step 3) {
            rgb[to] = row[from]
            rgb[to + 1] = row[from + 1]
            rgb[to + 2] = row[from + 2]
            to += step
        }
    }
    return Picture(newWidth, width * height / newWidth, rgb)
}
