package org.kerasseqattn

import java.io.File
import java.nio.ByteBuffer

/** Opens files as one kind of model. `org.kerasseqattn.android` adds assets and documents. */
abstract class Opener<T> {
    /**
     * Loads a checked file and tests it.
     *
     * @throws EdgeException if the file is of another kind, or cannot be run right on this device
     */
    abstract fun open(file: ModelFile, options: Options = Options()): T

    /** Opens a file, with `FILE.json` beside it if it has no contract inside. */
    fun open(file: File, options: Options = Options()): T = open(ModelFile.of(file), options)

    /**
     * Opens what lies in memory.
     *
     * @param bytes direct
     * @param contract JSON of a contract, for a file that has none inside
     */
    fun open(bytes: ByteBuffer, contract: String? = null, options: Options = Options()): T =
        open(ModelFile.of("a buffer", bytes, contract), options)
}
