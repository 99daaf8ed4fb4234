package org.kerasseqattn.bench

import android.graphics.Bitmap
import android.graphics.ImageDecoder
import java.io.File
import java.nio.ByteBuffer
import kotlin.math.abs
import org.junit.Test
import org.junit.runner.RunWith
import org.kerasseqattn.PhoneTestRunner
import org.kerasseqattn.android.BitmapRows
import org.kerasseqattn.picture.Fitter
import org.kerasseqattn.picture.Rows
import org.kerasseqattn.picture.Shrunk

/** What a smaller decode before the exact filter costs, of 255. `bench.sh PictureSampling` runs it. */
@RunWith(PhoneTestRunner::class)
class PictureSampling {
    @Test
    fun print() {
        println("| picture, 4000 x 3000 | to | decoder skips or averages | pixels left per new one | largest | mean |")
        println("|---|---|---|---|---|---|")
        for (file in listOf("camera.jpg", "camera.webp", "camera.png")) {
            val bytes = File(System.getProperty("bench"), file).readBytes()
            val whole = decoded(bytes, 1)
            for (side in listOf(64, 224, 384)) {
                val exact = Fitter(side, side, 3).fit(BitmapRows(whole))
                for (factor in listOf(2, 4, 8, 16)) {
                    val left = whole.height.toDouble() / factor / side
                    if (left < 1) continue
                    row(file, side, "decoder, $factor", left, exact, BitmapRows(decoded(bytes, factor)))
                    if (file == "camera.png") row(file, side, "means, $factor", left, exact, Shrunk(BitmapRows(whole), factor))
                }
            }
        }
    }

    private fun row(file: String, side: Int, way: String, left: Double, exact: ByteArray, rows: Rows) {
        val found = Fitter(side, side, 3).fit(rows)
        val differences = exact.indices.map { abs((exact[it].toInt() and 255) - (found[it].toInt() and 255)) }
        println("| %s | %d | %s | %.1f | %d | %.2f |".format(file, side, way, left, differences.max(), differences.average()))
    }
}

internal fun decoded(bytes: ByteArray, factor: Int = 1): Bitmap =
    ImageDecoder.decodeBitmap(ImageDecoder.createSource(ByteBuffer.wrap(bytes))) { decoder, _, _ ->
        decoder.allocator = ImageDecoder.ALLOCATOR_SOFTWARE
        decoder.setTargetSampleSize(factor)
    }
