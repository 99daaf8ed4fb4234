package org.kerasseqattn.decoding

import java.nio.ByteBuffer
import org.kerasseqattn.runtime.Session
import org.kerasseqattn.runtime.floats

/** A signature that writes a whole sequence, `greedy` or `beam`. Its buffers belong to the thread that owns the session. */
internal class FileLoop(private val session: Session, private val signature: String) {
    private val source = session.inputs(signature).single().run { name to buffer() }
    private val outputs = session.outputs(signature).associate { it.name to (it to it.buffer()) }
    private val buffers = outputs.mapValues { (_, output) -> output.second }

    /**
     * Writes about a source; of several sequences it returns the first, which is the best.
     *
     * @param fill writes the source into the buffer of the file's input
     */
    fun run(fill: (ByteBuffer) -> Unit): Decoded = session.owned {
        fill(source.second)
        run(signature, mapOf(source), buffers)
        val length = values("lengths")[0].toInt()
        Decoded(values("tokens").take(length).map(Float::toInt), values("scores")[0])
    }

    private fun values(name: String) = outputs.getValue(name).let { (tensor, buffer) -> floats(tensor, buffer) }
}
