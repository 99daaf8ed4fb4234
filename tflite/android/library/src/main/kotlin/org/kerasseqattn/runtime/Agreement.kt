package org.kerasseqattn.runtime

import org.kerasseqattn.EdgeException
import org.kerasseqattn.ModelFile
import org.kerasseqattn.contract.Signature

private const val WRITES = "greedy" // the signature that the contract of a file that writes speaks of

/** Refuses a file that needs a newer runtime. */
internal fun checkRelease(file: ModelFile, runtimes: Runtimes) {
    val said = file.contract.minimumRuntime ?: return
    val least = Version.of(said) ?: throw EdgeException(
        "The contract must name a release such as 2.16.1", mapOf("file" to file.name, "minimum_runtime" to said), "export the file again")
    if (runtimes.version < least) {
        throw EdgeException(
            "The runtime must be new enough to compute the file rightly",
            mapOf(
                "file" to file.name, "precision" to file.contract.precision, "minimum_runtime" to said,
                "runtime" to runtimes.name, "version" to runtimes.version,
            ),
            "take a newer runtime, or export with another precision",
        )
    }
}

/**
 * Refuses a file whose tensors are not those of its contract.
 *
 * @return the signature that golden values are of
 */
internal fun checkTensors(file: ModelFile, runtime: Runtime): Signature {
    val main = mainSignature(file, runtime.signatures())
    for (said in listOf(main) + file.contract.signatures) {
        val found = if (said.name in runtime.signatures()) runtime.inputs(said.name) + runtime.outputs(said.name) else emptyList()
        val wanted = said.inputs + said.outputs
        if (found.toSet() != wanted.toSet()) {
            throw EdgeException(
                "The tensors of the file must be those of its contract",
                mapOf("file" to file.name, "signature" to said.name, "contract" to wanted, "found" to found),
                "export the file again and take both of its files",
            )
        }
    }
    return main
}

private fun mainSignature(file: ModelFile, found: List<String>): Signature {
    val contract = file.contract
    val name = when {
        contract.writer != null -> WRITES
        contract.signatures.isNotEmpty() -> contract.signatures.first().name
        else -> found.singleOrNull() ?: throw EdgeException(
            "The contract must list the signatures of a file that has not just one",
            mapOf("file" to file.name, "signatures" to found), "export the file again",
        )
    }
    return Signature(name, contract.inputs.map { it.tensor }, contract.outputs.map { it.tensor })
}
