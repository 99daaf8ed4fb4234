package org.kerasseqattn

import org.kerasseqattn.runtime.Memory
import org.kerasseqattn.runtime.Runtimes
import org.kerasseqattn.runtime.defaultRuntimes

/**
 * How a file is run.
 *
 * @property threads CPU threads of one run; small models are fastest with one or two
 * @property runtimes what runs it; by default the runtime that the app is built with
 * @property memory where a passed self-test is remembered; without it each opening tests
 */
data class Options(val threads: Int = 2, val runtimes: Runtimes = defaultRuntimes, val memory: Memory? = null) {
    init {
        if (threads < 1) throw EdgeException("`threads` must be at least 1", mapOf("threads" to threads), "pass 1, or leave it out")
    }
}
