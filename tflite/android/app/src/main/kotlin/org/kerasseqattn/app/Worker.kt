package org.kerasseqattn.app

import android.os.Handler
import android.os.Looper
import java.util.concurrent.ExecutorService
import java.util.concurrent.Executors
import java.util.concurrent.Future

/**
 * One thread, which owns the models and does one task after the other.
 *
 * Call it from the main thread. What a cancelled task would still have told is dropped.
 */
class Worker {
    private class Task(var future: Future<*>? = null)

    internal val thread: ExecutorService = Executors.newSingleThreadExecutor { Thread(it, "models") }
    private val main = Handler(Looper.getMainLooper())
    private var current: Task? = null

    /**
     * Cancels the task that runs, and starts another.
     *
     * @param work runs on the worker's thread; what it hands to `tell` runs on the main thread
     * @param done runs on the main thread at the end, with the error if there was one
     */
    fun start(work: (tell: (() -> Unit) -> Unit) -> Unit, done: (Throwable?) -> Unit) {
        cancel()
        val task = Task()
        current = task
        fun tell(step: () -> Unit) = main.post { if (current === task) step() }
        task.future = thread.submit {
            val error = runCatching { work { tell(it) } }.exceptionOrNull() // a lack of memory too is told
            tell {
                current = null
                done(error)
            }
        }
    }

    fun cancel() {
        current?.future?.cancel(true)
        current = null
    }

    /** Cancels, runs `last` on the worker's thread, and ends the thread. */
    fun close(last: () -> Unit) {
        cancel()
        thread.execute(last)
        thread.shutdown()
    }
}
