package org.kerasseqattn

import java.nio.ByteBuffer
import java.util.Base64
import org.json.JSONArray
import org.json.JSONObject
import org.kerasseqattn.contract.Signature
import org.kerasseqattn.picture.Picture
import org.kerasseqattn.runtime.Runtime
import org.kerasseqattn.runtime.Runtimes
import org.kerasseqattn.runtime.Version

/** What Python makes of the small files in `kinds/`. */
object Kinds {
    private val all = JSONObject(fixture("kinds/expected.json").readText())
    private val files = all.getJSONObject("files")

    val picture: Picture = all.getJSONObject("picture").run {
        Picture(getInt("width"), getInt("height"), Base64.getDecoder().decode(getString("rgb")))
    }

    val classifiers: List<String> = files.keySet().filter { files.getJSONObject(it).has("categories") }.sorted()

    val names: List<String> = files.keySet().filter { files.getJSONObject(it).has("signatures") }.sorted()

    fun file(name: String): ModelFile = ModelFile.of(fixture("kinds/$name.tflite"))

    fun categories(name: String): List<Pair<String, Double>> = files.getJSONObject(name).getJSONArray("categories").run {
        List(length()) { getJSONArray(it).run { getString(0) to getDouble(1) } }
    }

    /** Values of each output of each signature; the only signature of a file has an empty name. */
    fun outputs(name: String): Map<String, Map<String, FloatArray>> = files.getJSONObject(name).getJSONObject("signatures").run {
        keySet().associateWith { signature -> getJSONObject(signature).run { keySet().associateWith { floats(getJSONArray(it)) } } }
    }

    private fun floats(array: JSONArray) = FloatArray(array.length()) { array.getDouble(it).toFloat() }
}

/** `kinds/beside.tflite`, whose contract lies beside it, with a contract that was changed. */
fun changed(change: JSONObject.() -> Unit): ModelFile {
    val file = fixture("kinds/beside.tflite")
    val contract = JSONObject(fixture("kinds/beside.tflite.json").readText()).apply(change)
    return ModelFile.of(file.name, direct(file.readBytes()), contract.toString())
}

fun direct(bytes: ByteArray): ByteBuffer = ByteBuffer.allocateDirect(bytes.size).apply { put(bytes); clear() }

/** What an [EdgeException] says; fails if there is none. */
fun refusal(work: () -> Unit): String {
    val error = try {
        work()
        null
    } catch (error: EdgeException) {
        error
    }
    return checkNotNull(error) { "nothing was refused" }.message!!.also { check("To fix: " in it) { it } }
}

/** A runtime that computes nothing: outputs are as they were, or as `run` fills them. */
class FakeRuntimes(
    private val signatures: List<Signature>,
    release: String = "2.21.0",
    private val close: () -> Unit = {},
    private val run: (Map<String, ByteBuffer>) -> Unit = {},
) : Runtimes {
    override val name = "a fake"
    override val version = checkNotNull(Version.of(release))
    var opened = 0
    var closed = 0
    var runs = 0

    override fun open(model: ByteBuffer, threads: Int): Runtime = object : Runtime {
        init {
            opened++
        }

        override fun signatures() = signatures.map { it.name }

        override fun inputs(signature: String) = signatures.first { it.name == signature }.inputs

        override fun outputs(signature: String) = signatures.first { it.name == signature }.outputs

        override fun run(signature: String, inputs: Map<String, ByteBuffer>, outputs: Map<String, ByteBuffer>) {
            runs++
            this@FakeRuntimes.run(outputs)
        }

        override fun close() {
            closed++
            this@FakeRuntimes.close.invoke()
        }
    }
}
