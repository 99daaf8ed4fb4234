package org.kerasseqattn.picture

import kotlin.math.abs
import kotlin.math.floor
import kotlin.math.max
import kotlin.math.min

private const val BITS = 22 // Pillow's fixed-point weights of 8-bit pictures
private const val HALF = 1 shl (BITS - 1)

/** Pillow's BILINEAR filter from `size` pixels to `newSize`: a triangle that grows where the picture shrinks, in whole numbers. */
internal class Triangle(size: Int, private val newSize: Int) {
    private val firsts = IntArray(newSize)
    private val ends = IntArray(newSize)

    /** Most pixels that one new pixel is made of. */
    val longest: Int

    private val weights: IntArray // newSize x longest

    init {
        val scale = size.toDouble() / newSize
        val support = max(scale, 1.0)
        for (position in 0 until newSize) {
            val centre = (position + 0.5) * scale
            firsts[position] = max(0, (centre - support + 0.5).toInt())
            ends[position] = min(size, (centre + support + 0.5).toInt())
        }
        longest = (0 until newSize).maxOf { ends[it] - firsts[it] }
        weights = IntArray(newSize * longest)
        val shares = DoubleArray(longest)
        for (position in 0 until newSize) {
            val from = firsts[position] - (position + 0.5) * scale + 0.5
            val length = ends[position] - firsts[position]
            var total = 0.0
            for (i in 0 until length) {
                shares[i] = max(0.0, 1 - abs((from + i) * (1 / support)))
                total += shares[i]
            }
            for (i in 0 until length) weights[position * longest + i] = floor(0.5 + shares[i] / total * (1 shl BITS)).toInt()
        }
    }

    /** End of the pixels that a new pixel is made of. */
    fun end(position: Int): Int = ends[position]

    /** Filters one row of pixels with 3 channels or 1. The new ones are 0 to 255 too. */
    fun across(source: ByteArray, channels: Int, target: IntArray) =
        if (channels == 1) acrossGrey(source, target) else acrossRgb(source, target)

    private fun acrossRgb(source: ByteArray, target: IntArray) {
        var to = 0
        for (position in 0 until newSize) {
            val first = firsts[position]
            var weight = position * longest
            var from = 3 * first
            var red = HALF
            var green = HALF
            var blue = HALF
            repeat(ends[position] - first) {
                val share = weights[weight++]
                red += (source[from].toInt() and 255) * share
                green += (source[from + 1].toInt() and 255) * share
                blue += (source[from + 2].toInt() and 255) * share
                from += 3
            }
            target[to++] = red shr BITS
            target[to++] = green shr BITS
            target[to++] = blue shr BITS
        }
    }

    private fun acrossGrey(source: ByteArray, target: IntArray) {
        for (position in 0 until newSize) {
            val first = firsts[position]
            val shift = position * longest - first
            var sum = HALF
            for (i in first until ends[position]) sum += (source[i].toInt() and 255) * weights[shift + i]
            target[position] = sum shr BITS
        }
    }

    /**
     * Filters columns: the new row at `position`.
     *
     * @param rows row `y` at `y % rows.size`, each at least as long as `sums`; integers, since compilers make vectors of those alone
     * @param sums scratch, as long as a row
     */
    fun down(rows: Array<IntArray>, position: Int, sums: IntArray, target: ByteArray, at: Int) {
        sums.fill(HALF)
        val first = firsts[position]
        for (y in first until ends[position]) {
            val row = rows[y % rows.size]
            val weight = weights[position * longest + y - first]
            for (i in sums.indices) sums[i] += row[i] * weight
        }
        for (i in sums.indices) target[at + i] = (sums[i] shr BITS).toByte()
    }
}
