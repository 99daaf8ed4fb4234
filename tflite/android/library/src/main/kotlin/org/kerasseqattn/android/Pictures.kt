package org.kerasseqattn.android

import android.content.ContentResolver
import android.graphics.Bitmap
import android.net.Uri
import java.io.IOException
import org.kerasseqattn.Captioner
import org.kerasseqattn.Category
import org.kerasseqattn.EdgeException
import org.kerasseqattn.ImageClassifier
import org.kerasseqattn.picture.Picture
import org.kerasseqattn.picture.upright
import org.kerasseqattn.readable

/**
 * Decodes a picture's file as `keras_seqattn.data.images.decode` does: upright, transparency on white, colour profiles ignored.
 *
 * @throws EdgeException for what is no whole picture, or does not fit into memory
 */
fun picture(bytes: ByteArray): Picture = decode(bytes, "${bytes.size} bytes", 0 to 0)

/**
 * Decodes a document, such as one that a picker gave.
 *
 * A large photo is made smaller while it is decoded: 2, 4, 8 … pixels become one along each side, as long as at least 3 of what
 * comes out become one of the model. The tensor then differs by at most 5 of 255, on average by 0.3 (4000 × 3000 pixels; JPEG
 * and WebP). JPEG and WebP never take the memory of the whole photo; PNG and HEIF take 4 bytes a pixel, outside of Java's heap.
 *
 * @param width pixels that the model wants; without `width` and `height` every pixel is decoded, which differs by nothing
 * @throws EdgeException if the document's provider fails, or for what is no whole picture
 */
fun picture(resolver: ContentResolver, document: Uri, width: Int = 0, height: Int = 0): Picture =
    decode(read(resolver, document), document.toString(), width to height)

/**
 * The pixels of a bitmap, transparency on white, in the colour space sRGB.
 *
 * A bitmap usually has its transparency multiplied in. Then half-transparent pixels differ a little from those of the file.
 *
 * @throws EdgeException if the bitmap was recycled
 */
fun picture(bitmap: Bitmap): Picture = BitmapRows(bitmap).upright(1)

/** Names the likeliest classes of a bitmap. */
fun ImageClassifier.classify(bitmap: Bitmap, top: Int = 5): List<Category> = look(BitmapRows(bitmap), top).categories

/** Writes what is on a bitmap. */
fun Captioner.caption(bitmap: Bitmap, beam: Int = 1): String = caption(picture(bitmap), beam)

private fun read(resolver: ContentResolver, document: Uri): ByteArray =
    readable("picture", document.toString(), "choose the picture again, or another one") {
        resolver.openInputStream(document)?.use { it.readBytes() } ?: throw IOException("the provider gives no bytes")
    }
