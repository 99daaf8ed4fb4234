package org.kerasseqattn

import java.io.ByteArrayInputStream
import java.nio.ByteBuffer
import java.security.MessageDigest
import java.util.zip.ZipInputStream

// At a file's end stands a ZIP archive, whose comment is this mark and the SHA-256 of all bytes before the hash.
private const val MARK = "sha256:"
private const val HASH = 64

// Of the archive's directory: size of what ends it, and places of the directory in that, of the first member in the directory.
private const val END = 22
private const val DIRECTORY = 16
private const val FIRST = 42

// Stands in the file's metadata: if there is no hash at the end then, the end was lost.
private const val SEALED = "keras_seqattn: the last 64 bytes are the SHA-256 of those before"
private const val HEAD = 1 shl 22

/**
 * What lies in the archive at a file's end.
 *
 * @property sha256 hash of all bytes before the hash
 * @property texts each member by its name
 */
internal class Seal(val sha256: String, val texts: Map<String, String>) {
    companion object {
        /**
         * Checks the hash and reads the archive.
         *
         * @param all the file
         * @return none for a file that was never sealed
         * @throws EdgeException if the file has been damaged since
         */
        fun of(name: String, all: ByteBuffer): Seal? {
            val mark = all.capacity() - HASH - MARK.length
            if (mark < END || text(all, mark, MARK.length) != MARK) {
                if (saysSealed(all)) throw damaged(name, all, "the end is missing")
                return null
            }
            val said = text(all, all.capacity() - HASH, HASH)
            val found = hash(listOf(all.duplicate().apply { position(0); limit(capacity() - HASH) }))
            if (found != said) throw damaged(name, all, found)
            return try {
                Seal(said, members(all, mark))
            } catch (error: RuntimeException) { // a hash stands behind what is no archive
                throw damaged(name, all, error.message)
            }
        }

        private fun members(all: ByteBuffer, end: Int): Map<String, String> {
            val directory = all.getInt(end - END + DIRECTORY)
            val first = all.getInt(directory + FIRST)
            val archive = ByteArray(all.capacity() - first).also { all.duplicate().run { position(first); get(it) } }
            return ZipInputStream(ByteArrayInputStream(archive)).use { zip ->
                generateSequence(zip::getNextEntry).associate { it.name to zip.readBytes().decodeToString() }
            }
        }

        private fun saysSealed(all: ByteBuffer): Boolean {
            val head = ByteArray(minOf(all.capacity(), HEAD)).also { all.duplicate().run { position(0); get(it) } }
            return String(head, Charsets.ISO_8859_1).contains(SEALED)
        }

        private fun damaged(name: String, all: ByteBuffer, found: String?) = EdgeException(
            "The file must be as it was exported, ending in its own SHA-256",
            mapOf("file" to name, "size" to all.capacity(), "sha256" to found), "copy or export the file again",
        )
    }
}

/** Bytes as text, one character each. */
internal fun text(all: ByteBuffer, at: Int, size: Int) = String(ByteArray(size) { all.get(at + it) }, Charsets.ISO_8859_1)

/** SHA-256 of what remains of each buffer, one after the other, in hexadecimal digits. */
internal fun hash(buffers: Iterable<ByteBuffer>): String {
    val digest = MessageDigest.getInstance("SHA-256")
    buffers.forEach { digest.update(it.duplicate()) }
    return digest.digest().joinToString("") { "%02x".format(it) }
}
