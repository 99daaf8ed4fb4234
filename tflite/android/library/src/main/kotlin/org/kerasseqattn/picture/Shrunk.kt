package org.kerasseqattn.picture

import kotlin.math.min

/** The means of blocks of `side` × `side` pixels; those at the right and at the bottom may be smaller. */
internal class Shrunk(private val rows: Rows, private val side: Int) : Rows {
    override val width = (rows.width + side - 1) / side
    override val height = (rows.height + side - 1) / side
    private val line = ByteArray(3 * rows.width)
    private val sums = IntArray(3 * width)

    override fun read(row: Int, target: ByteArray, at: Int) {
        sums.fill(0)
        val lines = min(side, rows.height - row * side)
        for (y in 0 until lines) {
            rows.read(row * side + y, line)
            for (block in 0 until width) {
                for (x in 3 * block * side until min(3 * (block + 1) * side, line.size)) {
                    sums[3 * block + x % 3] += line[x].toInt() and 255
                }
            }
        }
        for (block in 0 until width) {
            val pixels = lines * min(side, rows.width - block * side)
            for (i in 3 * block until 3 * block + 3) target[at + i] = ((sums[i] + pixels / 2) / pixels).toByte()
        }
    }
}
