package org.kerasseqattn.contract

import org.json.JSONArray
import org.json.JSONException
import org.json.JSONObject
import org.kerasseqattn.EdgeException
import org.kerasseqattn.runtime.Tensor
import org.kerasseqattn.runtime.Type

private val FORMATS = 1..2 // those that this library reads

private const val AGAIN = "export the model again"
private const val NEWER = "take a newer release of this library"

/**
 * Reads a contract.
 *
 * @param text JSON
 * @throws EdgeException for another format, or for what is no contract
 */
internal fun contractOf(text: String): Contract = try {
    val json = JSONObject(text)
    val format = json.optInt("format", 0)
    if (format !in FORMATS) {
        throw EdgeException(
            "The contract must have one of the formats $FORMATS", mapOf("format" to json.opt("format")),
            if (format > FORMATS.last) NEWER else AGAIN,
        )
    }
    val old = if (format == 1) json.strings("labels") else null
    Contract(
        name = json.getString("name"),
        licence = json.text("licence"),
        precision = json.getString("precision"),
        minimumRuntime = json.text("minimum_runtime"),
        processors = json.optJSONObject("processors")?.let(::processors).orEmpty(),
        inputs = json.getJSONArray("inputs").map(::input),
        outputs = json.getJSONArray("outputs").map { output(it, old) },
        signatures = json.optJSONArray("signatures")?.map(::signature).orEmpty(),
        golden = golden(json.getJSONObject("golden")),
        writer = json.optJSONObject("writer")?.let(::writing),
    )
} catch (error: JSONException) {
    throw EdgeException("The contract must be the JSON that an export writes", mapOf("error" to error.message), AGAIN, error)
}

private fun input(json: JSONObject): Input {
    val input = Input(tensor(json), json.getString("content"), json.numbers("mean"), json.numbers("std"))
    val counts = listOf(0, 1, input.tensor.shape.lastOrNull())
    val areNumbers = input.mean.all(Float::isFinite) && input.std.all { it > 0 && it.isFinite() }
    if (input.mean.size !in counts || input.std.size !in counts || !areNumbers) {
        throw EdgeException(
            "`mean` and `std` must be one number or one for each channel, `std` above 0",
            mapOf("input" to input.tensor, "mean" to input.mean, "std" to input.std), AGAIN,
        )
    }
    return input
}

/** Contracts of format 1 had one list of labels, that of the logits. */
private fun output(json: JSONObject, old: List<String>?): Output {
    val content = json.getString("content")
    val output = Output(tensor(json), content, json.strings("labels") ?: old.takeIf { content == "logits" })
    val classes = output.tensor.shape.lastOrNull()
    if (output.labels != null && output.labels.size != classes && !(classes == 1 && output.labels.size == 2)) {
        throw EdgeException("The contract must name every class", mapOf("output" to output.tensor, "labels" to output.labels.size), AGAIN)
    }
    return output
}

private fun signature(json: JSONObject) = Signature(json.getString("name"), json.tensors("inputs"), json.tensors("outputs"))

private fun tensor(json: JSONObject): Tensor {
    val type = json.getString("dtype")
    val shape = json.getJSONArray("shape")
    return Tensor(
        json.getString("name"),
        Type.named(type) ?: throw EdgeException("The contract must name a type that this library knows", mapOf("dtype" to type), NEWER),
        List(shape.length(), shape::getInt),
    )
}

private fun processors(json: JSONObject) = json.keys().asSequence().associateWith { json.strings(it).orEmpty() }

private fun golden(json: JSONObject): Golden {
    val named = json.getJSONObject("outputs")
    val outputs = named.keys().asSequence().associateWith { named.getJSONArray(it).floats() }
    if (!outputs.values.flatten().all(Float::isFinite)) {
        throw EdgeException("Golden values must be finite", mapOf("golden" to outputs), AGAIN)
    }
    return Golden(json.getString("input_sha256"), outputs)
}

private fun writing(json: JSONObject) = Writing(
    source = json.getString("source"),
    start = json.getInt("start"),
    ends = ends(json),
    vocabSize = json.getInt("vocab_size"),
    beamWidth = json.getInt("beam_width"),
    lengthPenalty = json.getDouble("length_penalty"),
    maxLength = json.getInt("max_length"),
)

/** One token or a list of them. */
private fun ends(json: JSONObject): Set<Int> = when (val end = json.get("end")) {
    is JSONArray -> List(end.length(), end::getInt).toSet()
    else -> setOf(json.getInt("end"))
}

private fun JSONObject.text(name: String): String? = if (isNull(name)) null else getString(name)

private fun JSONObject.tensors(name: String) = getJSONArray(name).map(::tensor)

private fun JSONObject.strings(name: String): List<String>? =
    if (isNull(name)) null else getJSONArray(name).let { all -> List(all.length(), all::getString) }

/** One number or a list of them; none of what is missing. */
private fun JSONObject.numbers(name: String): List<Float> = when (val value = opt(name)) {
    null, JSONObject.NULL -> emptyList()
    is JSONArray -> value.floats()
    else -> listOf(getDouble(name).toFloat())
}

private fun JSONArray.floats(): List<Float> = List(length()) { getDouble(it).toFloat() }

private fun <T> JSONArray.map(read: (JSONObject) -> T): List<T> = List(length()) { read(getJSONObject(it)) }
