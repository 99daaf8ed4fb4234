package org.kerasseqattn

import java.io.File
import java.io.FileInputStream
import java.io.IOException
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.channels.FileChannel
import org.json.JSONObject
import org.kerasseqattn.contract.Contract
import org.kerasseqattn.contract.contractOf

private const val CONTRACT = "contract.json"
private const val TOKENIZER = "tokenizer.json"
private const val MAGIC = "TFL3"
private const val MAGIC_AT = 4

/**
 * An exported file that is whole: its bytes, and what it says of itself.
 *
 * Opening reads all of the file once, for its SHA-256.
 *
 * @property name its name in messages
 * @property bytes all of it, direct; mapped where it lies in a file
 * @property sha256 hash of the file, up to its own hash if it has one
 * @property tokenizer JSON of the tokenizer of a file that reads or writes text
 */
class ModelFile private constructor(
    val name: String,
    val bytes: ByteBuffer,
    val contract: Contract,
    val sha256: String,
    internal val tokenizer: String?,
) {
    companion object {
        /**
         * Checks a file and reads its contract, which is that in the file if there is one.
         *
         * @param bytes direct; they stay as they are while the file is open
         * @param beside the contract that lay beside the file
         * @throws EdgeException for a file that is damaged, cut or of another program
         */
        fun of(name: String, bytes: ByteBuffer, beside: String? = null): ModelFile {
            if (!bytes.isDirect) {
                throw EdgeException(
                    "The bytes of a model must lie in a direct buffer",
                    mapOf("file" to name),
                    "make it by ByteBuffer.allocateDirect, or map the file",
                )
            }
            val all = bytes.duplicate().order(ByteOrder.nativeOrder()).apply { clear() }
            val magic = if (all.capacity() < MAGIC_AT + MAGIC.length) "" else text(all, MAGIC_AT, MAGIC.length)
            if (magic != MAGIC) {
                throw EdgeException(
                    "The file must be a .tflite file, which has TFL3 in its bytes 4 to 7",
                    mapOf("file" to name, "size" to all.capacity(), "bytes" to magic), "choose the file that the export wrote",
                )
            }
            val seal = Seal.of(name, all)
            val contract = seal?.texts?.get(CONTRACT) ?: beside ?: throw EdgeException(
                "The file must hold its contract, or have it beside it", mapOf("file" to name),
                "export the model with keras_seqattn, or put ${name.substringAfterLast('/')}.json beside the file",
            )
            val known = contractOf(contract)
            return ModelFile(name, all, known, seal?.sha256 ?: checked(name, all, contract), seal?.texts?.get(TOKENIZER))
        }

        /** Maps a file; of a file without a contract `FILE.json` beside it is read. */
        fun of(file: File): ModelFile = readable("model", file.path, "choose another file") {
            val beside = File("${file.path}.json")
            of(file.name, mapped(FileInputStream(file)), if (beside.isFile) beside.readText() else null)
        }

        /** The hash of a file that has none inside, which the contract beside it must name. */
        private fun checked(name: String, all: ByteBuffer, contract: String): String {
            val found = hash(listOf(all))
            val said = JSONObject(contract).optString("sha256")
            if (found != said) {
                throw EdgeException(
                    "The file must have the SHA-256 that the contract beside it names",
                    mapOf("file" to name, "sha256" to found, "contract" to said), "take both files from one export",
                )
            }
            return found
        }
    }
}

/** Maps a part of a file, by default all of it, and closes the file. */
internal fun mapped(file: FileInputStream, start: Long = 0, size: Long = file.channel.size() - start): ByteBuffer = file.use {
    if (size > Int.MAX_VALUE) throw IOException("the file has $size bytes, and 2 GiB is the most that can be mapped")
    it.channel.map(FileChannel.MapMode.READ_ONLY, start, size)
}
