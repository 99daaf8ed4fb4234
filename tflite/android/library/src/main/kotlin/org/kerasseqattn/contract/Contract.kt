package org.kerasseqattn.contract

import org.kerasseqattn.runtime.Tensor

/**
 * What an exported file says of itself.
 *
 * @property precision how its numbers are stored, by AI Edge Quantizer's names
 * @property minimumRuntime first release of TensorFlow Lite that computes it rightly, such as `2.17.0`, if known
 * @property processors names of the signatures that each processor takes whole, such as `gpu`; none where the file does not say
 * @property signatures shapes of each signature, where a file has several for inputs of several shapes
 * @property writer how it writes sequences, if it does
 */
data class Contract(
    val name: String,
    val licence: String?,
    val precision: String,
    val minimumRuntime: String?,
    val processors: Map<String, List<String>>,
    val inputs: List<Input>,
    val outputs: List<Output>,
    val signatures: List<Signature>,
    val golden: Golden,
    val writer: Writing?,
) {
    /** What it says of inputs and outputs, with the shapes of another of the file's [signatures]. */
    fun of(signature: Signature) = copy(
        inputs = inputs.map { it.copy(tensor = signature.inputs.named(it.tensor.name)) },
        outputs = outputs.map { it.copy(tensor = signature.outputs.named(it.tensor.name)) },
    )

    private fun List<Tensor>.named(name: String) = first { it.name == name }
}

/**
 * An input.
 *
 * @property mean what is subtracted from the pixels of an image: one number, or one per channel
 * @property std what divides the rest
 */
data class Input(val tensor: Tensor, val content: String, val mean: List<Float>, val std: List<Float>) {
    /** Whether it takes pictures. */
    internal val isImage: Boolean get() = content == "image"
}

/**
 * An output.
 *
 * @property labels names of its classes; of one value those of no and yes, or that of yes
 */
data class Output(val tensor: Tensor, val content: String, val labels: List<String>?) {
    /** Whether it counts or names: then any other value is another answer. */
    internal val isCounted: Boolean get() = content == "tokens" || content == "indices"
}

/** Inputs and outputs of one signature. */
data class Signature(val name: String, val inputs: List<Tensor>, val outputs: List<Tensor>)

/**
 * What the file computes of an input that any language can make.
 *
 * @property inputSha256 hash of that input's bytes
 * @property outputs the first values of each output, by its name
 */
data class Golden(val inputSha256: String, val outputs: Map<String, List<Float>>)

/**
 * How a file writes sequences of tokens.
 *
 * @property source what it reads, `tokens` or `image`
 * @property start token that stands before the first
 * @property ends tokens that end a sequence
 * @property maxLength largest number of tokens that it writes
 */
data class Writing(
    val source: String,
    val start: Int,
    val ends: Set<Int>,
    val vocabSize: Int,
    val beamWidth: Int,
    val lengthPenalty: Double,
    val maxLength: Int,
)
