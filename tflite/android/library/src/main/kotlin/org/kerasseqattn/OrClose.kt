package org.kerasseqattn

/** Does what may fail with what was opened. If it fails, what was opened is closed, as nobody else could. */
internal inline fun <C : AutoCloseable, T> C.orClose(make: (C) -> T): T = try {
    make(this)
} catch (error: Throwable) {
    close()
    throw error
}
