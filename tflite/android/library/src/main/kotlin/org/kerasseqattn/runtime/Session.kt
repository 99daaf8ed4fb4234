package org.kerasseqattn.runtime

import java.nio.ByteBuffer
import java.util.concurrent.CancellationException
import java.util.concurrent.locks.ReentrantLock
import kotlin.concurrent.withLock
import org.kerasseqattn.EdgeException
import org.kerasseqattn.ModelFile
import org.kerasseqattn.Options
import org.kerasseqattn.contract.Signature
import org.kerasseqattn.orClose

/**
 * A checked file in a runtime, for any number of threads: they take turns.
 *
 * Opening runs the file once, unless `options.memory` knows it: [selfTestMs] tells what that cost.
 *
 * @throws EdgeException if the file needs a newer runtime, or does not do here what its contract says
 */
class Session(val file: ModelFile, options: Options = Options()) : AutoCloseable {
    private val lock = ReentrantLock(true) // fair: who closes does not wait until a sequence of runs ends
    private val guarded: Guarded
    private var runtime: Runtime? // none once it was freed
    private var open = true

    /** What runs the file, with its release. */
    val runtimes: Runtimes = options.runtimes

    /** The signature that the contract's inputs, outputs and golden values are of. */
    val main: Signature

    /** Milliseconds that the self-test took at opening; none where an earlier one was remembered. */
    val selfTestMs: Double?

    init {
        checkRelease(file, runtimes)
        guarded = Guarded(file, runtimes, options.threads)
        runtime = guarded
        main = guarded.orClose { checkTensors(file, it) }
        selfTestMs = guarded.orClose { SelfTest(file, runtimes, options.memory).run(it, main) }
    }

    /** Names of all signatures of the file. */
    fun signatures(): List<String> = guarded.signatures()

    /** The inputs of a signature. */
    fun inputs(signature: String): List<Tensor> = guarded.inputs(signature)

    /** The outputs of a signature. */
    fun outputs(signature: String): List<Tensor> = guarded.outputs(signature)

    /**
     * Runs a signature once. Buffers are as those of [Runtime.run], and belong to the caller.
     *
     * @throws CancellationException if the thread was interrupted before
     * @throws EdgeException if a buffer does not fit, or the session is closed
     */
    fun run(signature: String, inputs: Map<String, ByteBuffer>, outputs: Map<String, ByteBuffer>) = owned {
        run(signature, inputs, outputs)
    }

    /**
     * Has the runtime to itself as long as `work` takes.
     *
     * @throws CancellationException if the thread was interrupted before, or while it waited
     * @throws EdgeException if the session is closed
     */
    internal fun <T> owned(work: Runtime.() -> T): T {
        checkCancelled()
        try {
            lock.lockInterruptibly()
        } catch (error: InterruptedException) {
            throw CancellationException("The thread was interrupted").apply { initCause(error) }
        }
        try {
            val owned = runtime.takeIf { open } ?: throw EdgeException(
                "The model must be open", mapOf("file" to file.name), "open it again, and close it after its last call")
            return owned.work()
        } finally {
            free()
            lock.unlock()
        }
    }

    /** Waits for the run that is under way, then frees the runtime's memory. A second time does nothing. */
    override fun close() = lock.withLock {
        open = false
        free()
    }

    /** Frees the runtime of a closed session. Who closed it in the midst of its own work does so at the work's end. */
    private fun free() {
        if (!open && lock.holdCount == 1) {
            val last = runtime
            runtime = null
            last?.close()
        }
    }
}

/** Ends a call whose thread was interrupted. The interruption is taken: the thread may be used again. */
internal fun checkCancelled() {
    if (Thread.interrupted()) throw CancellationException("The thread was interrupted")
}
