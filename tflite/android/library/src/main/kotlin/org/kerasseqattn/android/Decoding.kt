package org.kerasseqattn.android

import android.graphics.Bitmap
import android.graphics.ColorSpace
import android.graphics.ImageDecoder
import java.io.IOException
import kotlin.math.min
import org.kerasseqattn.EdgeException
import org.kerasseqattn.picture.Bare
import org.kerasseqattn.picture.MOST_PIXELS
import org.kerasseqattn.picture.Picture
import org.kerasseqattn.picture.Shrunk
import org.kerasseqattn.picture.bare
import org.kerasseqattn.picture.upright
import org.kerasseqattn.readable

private const val FIX = "choose another picture: JPEG, PNG, WebP, GIF, BMP, or HEIF where the device reads it"
private const val NO_MAGIC = "image/vnd.wap.wbmp" // a few zero bytes make one, so that any file might be one

/** Pixels that stay, along each side, for one that is wanted: 3 or more are at most 5 of 255 off, 2 are 8 (build/bench). */
private const val ROOM = 3

/** JPEG's decoder averages over blocks up to this side, then skips pixels. */
private const val MOST_AVERAGED = 8

/**
 * Decodes a file.
 *
 * @param name what a message calls the file
 * @param wanted width and height that are needed, or 0 and 0 for every pixel
 */
internal fun decode(file: ByteArray, name: String, wanted: Pair<Int, Int>): Picture = readable("picture", name, FIX) {
    val bare = bare(file)
    var factor = 1
    val bitmap = ImageDecoder.decodeBitmap(ImageDecoder.createSource(bare.bytes)) { decoder, info, _ ->
        check(info, name)
        val (width, height) = if (bare.orientation in 5..8) wanted.second to wanted.first else wanted
        factor = factor(info.size.width, info.size.height, width, height)
        decoder.allocator = ImageDecoder.ALLOCATOR_SOFTWARE
        decoder.isUnpremultipliedRequired = true
        if (averages(info.mimeType)) {
            val first = min(factor, MOST_AVERAGED)
            decoder.setTargetSampleSize(first)
            factor /= first
        }
    }
    upright(bitmap, factor, bare)
}

private fun check(info: ImageDecoder.ImageInfo, name: String) {
    val pixels = info.size.width.toLong() * info.size.height
    if (pixels > MOST_PIXELS) {
        throw EdgeException(
            "A picture must have at most $MOST_PIXELS pixels",
            mapOf("picture" to name, "width" to info.size.width, "height" to info.size.height),
            "choose a smaller picture",
        )
    }
    if (info.mimeType == NO_MAGIC) throw IOException("a file without a mark of its format")
}

/** How many pixels of the file may become one along each side. */
private fun factor(width: Int, height: Int, newWidth: Int, newHeight: Int): Int {
    if (newWidth < 1 || newHeight < 1) return 1
    var factor = 1
    while (width >= 2 * factor * ROOM * newWidth && height >= 2 * factor * ROOM * newHeight) factor *= 2
    return factor
}

/** The decoders of these formats make a smaller picture of averages. Those of the others skip pixels, so they decode all of them. */
private fun averages(mimeType: String) = mimeType == "image/jpeg" || mimeType == "image/webp"

private fun upright(bitmap: Bitmap, factor: Int, file: Bare): Picture {
    // Only the label changes, so that the pixels stay what the file has. Files whose profile stayed inside need it.
    if (bitmap.config == Bitmap.Config.ARGB_8888) bitmap.setColorSpace(ColorSpace.get(ColorSpace.Named.SRGB))
    val rows = BitmapRows(bitmap)
    return (if (factor > 1) Shrunk(rows, factor) else rows).upright(file.orientation).also { bitmap.recycle() }
}
