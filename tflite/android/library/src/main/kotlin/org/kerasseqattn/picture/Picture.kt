package org.kerasseqattn.picture

import org.kerasseqattn.EdgeException

/** Pillow's limit: a file that promises more is taken for an attack on memory. */
internal const val MOST_PIXELS = 178_956_970L

/** Pixels that are read row by row, so that nobody must hold all of them at once. */
internal interface Rows {
    val width: Int
    val height: Int

    /** Writes the red, green and blue of each pixel of a row into `target`, from `at` on. Rows are asked for from top to bottom. */
    fun read(row: Int, target: ByteArray, at: Int = 0)
}

/**
 * RGB, row by row, 0 to 255.
 *
 * @property rgb `3 * width * height` bytes; nobody may change them while a model looks at the picture
 * @throws EdgeException if that is not their number
 */
class Picture(override val width: Int, override val height: Int, val rgb: ByteArray) : Rows {
    init {
        if (width < 1 || height < 1 || rgb.size.toLong() != 3L * width * height) {
            throw EdgeException(
                "A picture must have pixels, and 3 bytes for each of them",
                mapOf("width" to width, "height" to height, "bytes" to rgb.size), "pass 3 * width * height bytes: red, green, blue",
            )
        }
    }

    override fun read(row: Int, target: ByteArray, at: Int) {
        rgb.copyInto(target, at, 3 * row * width, 3 * (row + 1) * width)
    }
}
