package org.kerasseqattn.android

import android.graphics.Bitmap
import kotlin.math.min
import org.kerasseqattn.EdgeException
import org.kerasseqattn.picture.Rows

private const val BAND = 8192 // pixels that are read at once where a row is shorter: each question to the bitmap costs

/** The rows of a bitmap, transparency on white. */
internal class BitmapRows(bitmap: Bitmap) : Rows {
    private val bitmap = readable(bitmap)
    override val width: Int = bitmap.width
    override val height: Int = bitmap.height
    private val opaque = !bitmap.hasAlpha()
    private val lines = (BAND / width).coerceIn(1, height)
    private val band = IntArray(width * lines)
    private var top = -lines // first row of the band

    override fun read(row: Int, target: ByteArray, at: Int) {
        if (row !in top until top + lines) {
            top = row
            // Bitmap.copyPixelsToBuffer would give the bytes in an order of the device.
            bitmap.getPixels(band, 0, width, 0, top, width, min(lines, height - top))
        }
        val first = (row - top) * width
        if (opaque) split(first, target, at) else blend(first, target, at)
    }

    private fun split(first: Int, target: ByteArray, at: Int) {
        var to = at
        for (i in first until first + width) {
            val pixel = band[i]
            target[to] = (pixel shr 16).toByte()
            target[to + 1] = (pixel shr 8).toByte()
            target[to + 2] = pixel.toByte()
            to += 3
        }
    }

    private fun blend(first: Int, target: ByteArray, at: Int) {
        var to = at
        for (i in first until first + width) {
            val pixel = band[i]
            val alpha = pixel ushr 24
            target[to] = onWhite((pixel shr 16) and 255, alpha)
            target[to + 1] = onWhite((pixel shr 8) and 255, alpha)
            target[to + 2] = onWhite(pixel and 255, alpha)
            to += 3
        }
    }
}

private fun readable(bitmap: Bitmap): Bitmap {
    if (bitmap.isRecycled) {
        throw EdgeException("A bitmap must have its pixels", mapOf("bitmap" to "recycled"), "recycle it after the call")
    }
    if (bitmap.config != Bitmap.Config.HARDWARE) return bitmap
    return bitmap.copy(Bitmap.Config.ARGB_8888, false) ?: throw EdgeException(
        "A hardware bitmap must be readable", mapOf("width" to bitmap.width, "height" to bitmap.height), "pass a software bitmap")
}

/** Pillow's `alpha_composite` over white, with its roundings. */
private fun onWhite(value: Int, alpha: Int): Byte {
    if (alpha == 255) return value.toByte()
    val sum = ((value * alpha + 255 * (255 - alpha)) shl 7) + (0x80 shl 7)
    return (((sum shr 8) + sum) shr 15).toByte()
}
