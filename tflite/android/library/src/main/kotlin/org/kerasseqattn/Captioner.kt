package org.kerasseqattn

import org.kerasseqattn.contract.Contract
import org.kerasseqattn.decoding.Writer
import org.kerasseqattn.picture.Picture
import org.kerasseqattn.picture.fit
import org.kerasseqattn.picture.normalise

/**
 * Writes what is on pictures. Any number of threads may call it.
 *
 * ```kotlin
 * Captioner.open(context.assets, "captioner_emoji.tflite").use { it.caption(bitmap) }
 * ```
 */
class Captioner private constructor(private val writer: Writer) : AutoCloseable {
    /** What the file says of itself. */
    val contract: Contract get() = writer.contract

    /** Milliseconds of the self-test at opening, or none where an earlier one was remembered. */
    val selfTestMs: Double? get() = writer.selfTestMs

    private val image = contract.inputs.single()

    /** The text alone. */
    fun caption(picture: Picture, beam: Int = 1): String = write(picture, beam).text

    /**
     * Writes about a picture.
     *
     * @param beam 1, or the width that the file was exported with
     * @param onWord called on this thread with the text so far after each word; then each token is a run of its own. The
     *     text of a beam search may change again. The last text is the answer
     * @throws EdgeException if the file has another width, or the captioner is closed
     * @throws java.util.concurrent.CancellationException if the thread was interrupted; with `onWord` at the next token
     */
    fun write(picture: Picture, beam: Int = 1, onWord: ((String) -> Unit)? = null): Written {
        writer.checkBeam(beam)
        val (_, height, width, channels) = image.tensor.shape
        val pixels = picture.fit(width, height, channels)
        return writer.write(beam, onWord) { normalise(pixels, image, it) }
    }

    /** Waits for the run that is under way. A decode by tokens on another thread ends with [EdgeException]. */
    override fun close() = writer.close()

    companion object : Opener<Captioner>() {
        override fun open(file: ModelFile, options: Options) = Captioner(Writer.open(file, options, source = "image"))
    }
}
