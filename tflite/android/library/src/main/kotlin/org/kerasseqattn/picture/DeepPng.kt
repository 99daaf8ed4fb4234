package org.kerasseqattn.picture

import java.io.ByteArrayInputStream
import java.io.ByteArrayOutputStream
import java.io.DataInputStream
import java.io.EOFException
import java.io.IOException
import java.util.zip.CRC32
import java.util.zip.Deflater
import java.util.zip.DeflaterOutputStream
import java.util.zip.InflaterInputStream

private const val HEAD = 33 // bytes of the signature and of IHDR
private const val GREY = 0
private val SAMPLES = mapOf(GREY to 1, 2 to 3, 4 to 2, 6 to 4) // by the colour type

/** First column and row of each of Adam7's passes, and their steps. */
private val INTERLACED = listOf(
    listOf(0, 0, 8, 8), listOf(4, 0, 8, 8), listOf(0, 4, 4, 8), listOf(2, 0, 4, 4), listOf(0, 2, 2, 4),
    listOf(1, 0, 2, 2), listOf(0, 1, 1, 2),
)
private val PLAIN = listOf(listOf(0, 0, 1, 1))

/**
 * Makes 8 bits of a bare PNG file of 16 bits a sample, as Pillow does: the upper byte, or of grey alone the nearest.
 * Android's decoder rounds through half floats, one off in every few samples.
 *
 * Nothing comes of other files and of what is damaged. Source: the PNG specification, sections 8 and 9.
 */
internal fun withEightBits(png: ByteArray): ByteArray? {
    if (!isDeep(png)) return null
    return try {
        val data = ByteArrayOutputStream()
        DeflaterOutputStream(data, Deflater(Deflater.BEST_SPEED)).use {
            shorten(png, DataInputStream(InflaterInputStream(stored(png))), it)
        }
        ByteArrayOutputStream(data.size() + HEAD + 24).apply {
            write(png, 0, 8)
            chunk("IHDR", png.copyOfRange(16, 29).also { it[8] = 8 })
            chunk("IDAT", data.toByteArray())
            chunk("IEND", ByteArray(0))
        }.toByteArray()
    } catch (_: IOException) { // half a file, which the decoder refuses in its own words
        null
    }
}

private fun isDeep(png: ByteArray): Boolean {
    if (png.size < HEAD || !png.startsWith("IHDR", 12) || png[24].toInt() != 16 || png[25].toInt() !in SAMPLES) return false
    return png.int(16) > 0 && png.int(20) > 0 && png.int(16).toLong() * png.int(20) <= MOST_PIXELS
}

/** The deflated samples, which may lie in several chunks. Pillow does not ask for an end behind them. */
private fun stored(png: ByteArray): ByteArrayInputStream {
    val data = ByteArrayOutputStream(png.size)
    var at = 8
    while (at <= png.size - 12 && !png.startsWith("IEND", at + 4)) {
        val size = png.int(at)
        if (size < 0 || size > png.size - 12 - at) throw EOFException("half a chunk")
        val checksum = CRC32().apply { update(png, at + 4, size + 4) }.value.toInt()
        if (checksum != png.int(at + 8 + size)) throw IOException("a wrong checksum")
        if (png.startsWith("IDAT", at + 4)) data.write(png, at + 8, size)
        at += size + 12
    }
    return ByteArrayInputStream(data.toByteArray())
}

private fun shorten(png: ByteArray, from: DataInputStream, to: DeflaterOutputStream) {
    val width = png.int(16)
    val height = png.int(20)
    val samples = SAMPLES.getValue(png[25].toInt())
    for ((left, top, across, down) in if (png[28].toInt() == 1) INTERLACED else PLAIN) {
        val columns = (width - left + across - 1) / across
        val rows = (height - top + down - 1) / down
        if (columns == 0) continue
        var above = ByteArray(2 * samples * columns)
        var row = ByteArray(above.size)
        val short = ByteArray(1 + row.size / 2) // the first byte says that it is not filtered
        repeat(rows) {
            val filter = from.readByte().toInt()
            from.readFully(row)
            unfilter(filter, row, above, 2 * samples)
            for (i in 1 until short.size) {
                val value = ((row[2 * i - 2].toInt() and 255) shl 8) or (row[2 * i - 1].toInt() and 255)
                short[i] = (if (samples == 1) (value + 128) / 257 else value shr 8).toByte()
            }
            to.write(short)
            above = row.also { row = above }
        }
    }
}

private fun unfilter(filter: Int, row: ByteArray, above: ByteArray, step: Int) {
    for (i in row.indices) {
        val left = if (i < step) 0 else row[i - step].toInt() and 255
        val up = above[i].toInt() and 255
        val corner = if (i < step) 0 else above[i - step].toInt() and 255
        val guess = when (filter) {
            0 -> 0
            1 -> left
            2 -> up
            3 -> (left + up) / 2
            4 -> paeth(left, up, corner)
            else -> throw IOException("an unknown filter")
        }
        row[i] = (row[i] + guess).toByte()
    }
}

private fun paeth(left: Int, up: Int, corner: Int): Int {
    val near = Math.abs(up - corner)
    val nearUp = Math.abs(left - corner)
    val nearCorner = Math.abs(left + up - 2 * corner)
    return if (near <= nearUp && near <= nearCorner) left else if (nearUp <= nearCorner) up else corner
}

private fun ByteArray.int(at: Int) =
    (this[at].toInt() shl 24) or ((this[at + 1].toInt() and 255) shl 16) or ((this[at + 2].toInt() and 255) shl 8) or
        (this[at + 3].toInt() and 255)

private fun ByteArrayOutputStream.chunk(kind: String, data: ByteArray) {
    val typed = kind.toByteArray(Charsets.ISO_8859_1) + data
    int(data.size)
    write(typed)
    int(CRC32().apply { update(typed) }.value.toInt())
}

private fun ByteArrayOutputStream.int(value: Int) {
    for (shift in 24 downTo 0 step 8) write(value ushr shift)
}
