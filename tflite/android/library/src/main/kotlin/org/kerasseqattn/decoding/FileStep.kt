package org.kerasseqattn.decoding

import java.nio.ByteBuffer
import org.kerasseqattn.runtime.Session
import org.kerasseqattn.runtime.Tensor
import org.kerasseqattn.runtime.floats

internal const val ENCODE = "encode"
internal const val DECODE_STEP = "decode_step"
internal const val TOKENS = "tokens"
internal const val LOGITS = "logits"

/**
 * The signatures `encode` and `decode_step` of a file. One decode at a time may use it; several of them may share a session.
 *
 * States are never copied: two sets of buffers take turns in being read and being written.
 */
internal class FileStep(private val session: Session) : Step {
    private val source = session.inputs(ENCODE).single().run { name to buffer() }
    private val all = session.outputs(ENCODE)
    private val logits: Tensor = session.outputs(DECODE_STEP).first { it.name == LOGITS }
    private val changing = session.outputs(DECODE_STEP).filter { it.name != LOGITS }
    private val fixed = buffers(all.filter { each -> changing.none { it.name == each.name } })
    private val token = session.inputs(DECODE_STEP).first { it.name == TOKENS }.buffer()
    private val written = logits.buffer()
    private var before = mutableListOf<State>()
    private var after = mutableListOf<State>()

    /**
     * Reads a source.
     *
     * @param fill writes the source into the buffer of the file's input
     */
    fun start(fill: (ByteBuffer) -> Unit) {
        fill(source.second)
        session.run(ENCODE, mapOf(source), fixed + before.state(0).values)
    }

    override fun next(tokens: List<Int>, parents: List<Int>): List<FloatArray> {
        val all = tokens.indices.map { place ->
            token.putInt(0, tokens[place])
            session.run(DECODE_STEP, before.state(parents[place]).inputs, after.state(place).outputs)
            floats(logits, written)
        }
        before = after.also { after = before }
        return all
    }

    private fun MutableList<State>.state(place: Int): State {
        while (size <= place) add(State())
        return get(place)
    }

    /** What a step changes. */
    private inner class State {
        val values = buffers(changing)
        val inputs = fixed + values + (TOKENS to token)
        val outputs = values + (LOGITS to written)
    }
}

private fun buffers(tensors: List<Tensor>): Map<String, ByteBuffer> = tensors.associate { it.name to it.buffer() }
