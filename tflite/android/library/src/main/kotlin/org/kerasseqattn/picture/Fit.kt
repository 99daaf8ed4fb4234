package org.kerasseqattn.picture

import kotlin.math.max

/** Brings a picture to a size and to 3 channels or 1, byte for byte as Pillow's BILINEAR: `(height, width, channels)`. */
internal fun Picture.fit(newWidth: Int, newHeight: Int, channels: Int): ByteArray = Fitter(newWidth, newHeight, channels).fit(this)

/**
 * Brings pictures to one size and to 3 channels or 1, byte for byte as Pillow's BILINEAR. One thread at a time may use it.
 *
 * Memory: the result, and the few rows of the picture that one row of the result is made of. Both are kept for the next picture.
 */
internal class Fitter(private val width: Int, private val height: Int, private val channels: Int) {
    private val pixels = ByteArray(width * height * channels)
    private var pass: Pass? = null

    /** Bytes `(height, width, channels)`. The next picture is written over them. */
    fun fit(rows: Rows): ByteArray {
        val ready = pass?.takeIf { it.oldWidth == rows.width && it.oldHeight == rows.height } 
            ?: Pass(rows.width, rows.height).also { pass = it }
        ready.over(rows)
        return pixels
    }

    /** What pictures of one size need. */
    private inner class Pass(val oldWidth: Int, val oldHeight: Int) {
        private val across = Triangle(oldWidth, width)
        private val down = Triangle(oldHeight, height)

        // The order moves roundings. Pillow 13 goes down first where that cuts enough rows away.
        private val downFirst = oldHeight - height > max(0, 2 * (oldWidth - width))
        private val row = ByteArray(3 * oldWidth)
        private val sums = IntArray((if (downFirst) oldWidth else width) * channels)
        private val window = Array(down.longest) { IntArray(sums.size) }
        private val line = IntArray(if (downFirst) width * channels else 0)

        fun over(rows: Rows) {
            var next = 0
            for (y in 0 until height) {
                while (next < down.end(y)) load(rows, next++)
                val at = y * width * channels
                if (downFirst) {
                    down.down(window, y, sums, row, 0)
                    across.across(row, channels, line)
                    for (i in line.indices) pixels[at + i] = line[i].toByte()
                } else {
                    down.down(window, y, sums, pixels, at)
                }
            }
        }

        private fun load(rows: Rows, y: Int) {
            val place = window[y % window.size]
            rows.read(y, row)
            if (channels == 1) grey(row)
            if (!downFirst) return across.across(row, channels, place)
            for (i in place.indices) place[i] = row[i].toInt() and 255
        }
    }
}

/** ITU-R 601 luma with Pillow's weights, written over the first third of the row. */
private fun grey(rgb: ByteArray) {
    fun at(i: Int) = rgb[i].toInt() and 255
    for (i in 0 until rgb.size / 3) rgb[i] = ((at(3 * i) * 19595 + at(3 * i + 1) * 38470 + at(3 * i + 2) * 7471 + 0x8000) shr 16).toByte()
}
