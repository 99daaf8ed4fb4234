package org.kerasseqattn

import java.nio.ByteBuffer
import org.kerasseqattn.contract.Contract
import org.kerasseqattn.contract.Input
import org.kerasseqattn.decoding.Writer
import org.kerasseqattn.runtime.Type
import org.kerasseqattn.text.isSpace

/**
 * Writes texts in another language. Any number of threads may call it.
 *
 * ```kotlin
 * Translator.open(context.assets, "translate_fra_eng.tflite").use { it.translate("Where is the station?") }
 * ```
 */
class Translator private constructor(private val writer: Writer) : AutoCloseable {
    /** What the file says of itself. */
    val contract: Contract get() = writer.contract

    /** Milliseconds of the self-test at opening, or none where an earlier one was remembered. */
    val selfTestMs: Double? get() = writer.selfTestMs

    private val longest = contract.inputs.single().tensor.size

    /** The text alone. */
    fun translate(text: String, beam: Int = 1): String = write(text, beam).text

    /**
     * Writes what a text says in the other language; nothing of a text without any word.
     *
     * @param text of any length: what the model cannot read is cut off at the end, and [Written.dropped] counts it
     * @param beam 1, or the width that the file was exported with
     * @param onWord called on this thread with the text so far after each word; then each token is a run of its own. The
     *     text of a beam search may change again. The last text is the answer
     * @throws EdgeException if the file has another width, or the translator is closed
     * @throws java.util.concurrent.CancellationException if the thread was interrupted; with `onWord` at the next token
     */
    fun write(text: String, beam: Int = 1, onWord: ((String) -> Unit)? = null): Written {
        writer.checkBeam(beam)
        if (text.all(::isSpace)) return Written("", emptyList(), 0f)
        val source = writer.tokenizer.sequence(text, longest)
        return writer.write(beam, onWord) { put(source.ids, it) }
            .copy(unknown = writer.tokenizer.unknown(text), dropped = source.dropped)
    }

    /** Behind the ids stands padding, which is 0. */
    private fun put(ids: List<Int>, buffer: ByteBuffer) {
        for (place in 0 until longest) buffer.putInt(place * Int.SIZE_BYTES, ids.getOrElse(place) { 0 })
    }

    /** Waits for the run that is under way. A decode by tokens on another thread ends with [EdgeException]. */
    override fun close() = writer.close()

    companion object : Opener<Translator>() {
        override fun open(file: ModelFile, options: Options) = Translator(Writer.open(file, options, source = "tokens"))
    }
}

/** The one input of a file that takes one text, int32 `(1, S)`. */
internal fun textOf(file: ModelFile): Input {
    val text = file.contract.inputs.singleOrNull()
    if (text == null || text.tensor.type != Type.INT32 || text.tensor.shape.size != 2 || text.tensor.shape[0] != 1) {
        throw EdgeException(
            "The file must take one text, as int32 ids of tokens",
            mapOf("file" to file.name, "inputs" to file.contract.inputs.map { "${it.tensor.name}: ${it.tensor.type} ${it.tensor.shape}" }),
            "open it as what it is, or export a model that reads tokens",
        )
    }
    return text
}
