package org.kerasseqattn.app

import android.content.Context
import android.text.format.Formatter
import org.kerasseqattn.runtime.Tensor

/** A line of the page about a file. */
data class Fact(val name: Int, val value: String)

/** What a file says of itself, and what this phone found. */
fun Context.facts(model: Description): List<Fact> {
    val contract = model.contract
    val unsaid = getString(R.string.about_unsaid)
    return listOfNotNull(
        Fact(R.string.about_contract, contract.name),
        Fact(R.string.about_does, getString(contract.kind.does)),
        Fact(R.string.about_precision, contract.precision),
        Fact(R.string.about_size, Formatter.formatFileSize(this, model.bytes)),
        Fact(R.string.about_minimum, contract.minimumRuntime?.let { getString(R.string.about_release, it) } ?: unsaid),
        Fact(R.string.about_processors, contract.processors.filterValues { it.isNotEmpty() }.keys.sorted().joinToString().ifEmpty { unsaid }),
        Fact(R.string.about_runtime, getString(R.string.about_runtime_value, model.runtime, model.release)),
        Fact(R.string.about_licence, contract.licence ?: unsaid),
        Fact(R.string.about_input, contract.inputs.joinToString("\n") { tensor(it.tensor, it.content) }),
        Fact(R.string.about_output, contract.outputs.joinToString("\n") { tensor(it.tensor, it.content) }),
        contract.outputs.mapNotNull { it.labels }.firstOrNull()?.let { Fact(R.string.about_labels, it.joinToString()) },
        contract.writer?.let {
            Fact(R.string.about_writing, getString(R.string.about_writing_value, it.maxLength, it.vocabSize, it.beamWidth))
        },
        Fact(R.string.about_test, tested(model)),
        Fact(R.string.about_hash, model.sha256),
    )
}

private fun Context.tested(model: Description) = when (val time = model.selfTestMs) {
    null -> getString(R.string.about_tested_before, duration(model.openingMs))
    else -> getString(R.string.about_tested, duration(time), duration(model.openingMs))
}

private fun Context.tensor(tensor: Tensor, content: String) =
    getString(R.string.about_tensor, tensor.name, content, tensor.shape.joinToString(" × "), tensor.type.name.lowercase())
