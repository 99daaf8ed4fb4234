package org.kerasseqattn.runtime

/** Remembers which files gave their golden outputs on this device, so that each is tested once. */
interface Memory {
    /** Whether a test passed under this key. */
    fun holds(key: String): Boolean

    /** Keeps that it did. */
    fun keep(key: String)
}
