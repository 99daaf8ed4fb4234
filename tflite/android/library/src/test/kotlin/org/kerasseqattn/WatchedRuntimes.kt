package org.kerasseqattn

import java.nio.ByteBuffer
import java.util.concurrent.atomic.AtomicInteger
import org.kerasseqattn.runtime.Runtime
import org.kerasseqattn.runtime.Runtimes
import org.kerasseqattn.runtime.defaultRuntimes

/** The default runtime, whose runs are counted and told. */
internal class WatchedRuntimes(private val onRun: (signature: String) -> Unit = {}) : Runtimes by defaultRuntimes {
    val runs = AtomicInteger()
    val closed = AtomicInteger()

    override fun open(model: ByteBuffer, threads: Int): Runtime = Watched(defaultRuntimes.open(model, threads))

    private inner class Watched(private val runtime: Runtime) : Runtime by runtime {
        override fun run(signature: String, inputs: Map<String, ByteBuffer>, outputs: Map<String, ByteBuffer>) {
            runs.incrementAndGet()
            onRun(signature)
            runtime.run(signature, inputs, outputs)
        }

        override fun close() {
            closed.incrementAndGet()
            runtime.close()
        }
    }
}
