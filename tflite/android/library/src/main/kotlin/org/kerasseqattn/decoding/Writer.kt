package org.kerasseqattn.decoding

import java.nio.ByteBuffer
import java.util.concurrent.ConcurrentLinkedQueue
import org.kerasseqattn.EdgeException
import org.kerasseqattn.ModelFile
import org.kerasseqattn.Options
import org.kerasseqattn.Written
import org.kerasseqattn.contract.Contract
import org.kerasseqattn.contract.Writing
import org.kerasseqattn.imageOf
import org.kerasseqattn.orClose
import org.kerasseqattn.runtime.Session
import org.kerasseqattn.text.Tokenizer
import org.kerasseqattn.textOf

/** Writes about sources with a file, by the loop in the file or token by token. Any number of threads may call it. */
internal class Writer private constructor(
    private val session: Session,
    private val writing: Writing,
    val tokenizer: Tokenizer,
) : AutoCloseable {
    val contract: Contract get() = session.file.contract

    val selfTestMs: Double? get() = session.selfTestMs

    private val greedy = FileLoop(session, GREEDY)
    private val beam = FileLoop(session, BEAM)
    private val steps = ConcurrentLinkedQueue<FileStep>() // those that no decode uses now

    /** Refuses a width of beam that the file was not exported with. */
    fun checkBeam(width: Int) {
        if (width != 1 && width != writing.beamWidth) {
            throw EdgeException(
                "`beam` must be 1 or the width that the file was exported with", mapOf("beam" to width, "beam_width" to writing.beamWidth),
                if (width < 1) "pass 1" else "pass ${writing.beamWidth}, or export again with --beam-width $width",
            )
        }
    }

    /**
     * Writes about a source.
     *
     * @param onWord called on this thread with the text so far after each word; then each token is a run of its own. The
     *     text of a beam search is that of the likeliest beginning, so that words may change again. The last text is the answer
     * @param fill writes the source into the buffer of the file's input
     */
    fun write(width: Int, onWord: ((String) -> Unit)?, fill: (ByteBuffer) -> Unit): Written {
        val decoded = when {
            onWord != null -> byTokens(width, onWord, fill)
            width == 1 -> greedy.run(fill)
            else -> beam.run(fill)
        }
        return Written(tokenizer.decode(decoded.tokens, writing.ends), decoded.tokens, decoded.score)
    }

    /** Its session is free between two tokens, so other threads go on meanwhile, and `onWord` may do what it likes. */
    private fun byTokens(width: Int, onWord: (String) -> Unit, fill: (ByteBuffer) -> Unit): Decoded {
        val step = steps.poll() ?: FileStep(session)
        try {
            step.start(fill)
            val words = Words(tokenizer, writing.ends, onWord)
            val decoded = if (width == 1) greedy(step, writing, words::add) else beam(step, writing, words::add)
            words.finish(decoded.tokens)
            return decoded
        } finally {
            steps += step
        }
    }

    override fun close() = session.close()

    companion object {
        private const val GREEDY = "greedy"
        private const val BEAM = "beam"

        /**
         * Opens a file that writes.
         *
         * @param source what it must write about, `tokens` or `image`
         * @throws EdgeException if the file is of another kind, contradicts itself, or cannot be run right on this device
         */
        fun open(file: ModelFile, options: Options, source: String): Writer {
            val writing = writingAbout(source, file)
            if (source == "tokens") textOf(file) else imageOf(file)
            val tokenizer = tokenizerOf(file, writing)
            return Session(file, options).orClose {
                checkSignatures(it, writing)
                Writer(it, writing, tokenizer)
            }
        }

        private fun writingAbout(source: String, file: ModelFile): Writing {
            val writing = file.contract.writer
            return writing?.takeIf { it.source == source } ?: throw EdgeException(
                "The file must write about ${if (source == "tokens") "text" else "pictures"}",
                mapOf("file" to file.name, "source" to writing?.source, "outputs" to file.contract.outputs.map { it.content }),
                when (writing?.source) {
                    null -> "open it with ImageClassifier, or export a model that writes"
                    "tokens" -> "open it with Translator"
                    else -> "open it with Captioner"
                },
            )
        }

        private fun tokenizerOf(file: ModelFile, writing: Writing): Tokenizer {
            val tokenizer = file.tokenizer?.let(Tokenizer::of)
            if (tokenizer?.vocabSize != writing.vocabSize) {
                throw EdgeException(
                    "The file must hold a tokenizer of the vocabulary that its contract names",
                    mapOf("file" to file.name, "tokenizer" to tokenizer?.vocabSize, "vocab_size" to writing.vocabSize),
                    "export the model again",
                )
            }
            return tokenizer
        }

        private fun checkSignatures(session: Session, writing: Writing) {
            val wanted = mapOf(
                GREEDY to listOf(1, writing.maxLength),
                BEAM to listOf(1, writing.beamWidth, writing.maxLength),
                DECODE_STEP to listOf(1, writing.vocabSize),
            )
            val known = session.signatures()
            val found = wanted.keys.intersect(known.toSet()).associateWith { signature ->
                session.outputs(signature).find { it.name == if (signature == DECODE_STEP) LOGITS else TOKENS }?.shape
            }
            if (found != wanted || ENCODE !in known) {
                throw EdgeException(
                    "The signatures of a file that writes must be those of its contract",
                    mapOf("file" to session.file.name, "contract" to wanted, "found" to found, "signatures" to known),
                    "export the model again",
                )
            }
        }
    }
}
