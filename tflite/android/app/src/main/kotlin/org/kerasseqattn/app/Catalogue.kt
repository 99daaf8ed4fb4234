package org.kerasseqattn.app

import android.content.Context
import java.io.File
import org.kerasseqattn.EdgeException
import org.kerasseqattn.ModelFile
import org.kerasseqattn.android.modelFile

private const val FOLDER = "models"

/** The models that this app has: bundled ones, and those that were copied into it. */
class Catalogue(private val context: Context, private val inbox: Inbox) {
    /** Reads every contract. Models of one kind stand together; damaged files come last, with their problem. */
    fun entries(): List<Entry> = sources().map { source ->
        try {
            read(source).let { Entry(source, it.bytes.capacity().toLong(), it.contract, null) }
        } catch (error: EdgeException) {
            Entry(source, 0, null, context.problem(error))
        }
    }.sortedWith(compareBy({ it.contract == null }, { it.contract?.kind }, { it.source.name }))

    /** Checks a file and reads its contract. */
    fun read(source: Source): ModelFile = when (source) {
        is Source.Bundled -> modelFile(context.assets, source.asset)
        is Source.Copied -> ModelFile.of(source.file)
    }

    /** The chosen model if it is of the right kind, or else the first that is. */
    fun fitting(entries: List<Entry>, chosen: Source?, readsText: Boolean?): Source {
        val able = entries.filter { readsText == null || it.contract?.kind?.readsText == readsText }
        val source = able.find { it.source == chosen } ?: able.find { it.contract != null }
        return source?.source ?: throw context.refusal(R.string.problem_model_rule, R.string.problem_model_fix)
    }

    /** Deletes a copied model. */
    fun remove(source: Source.Copied) {
        source.file.delete()
    }

    private fun sources(): List<Source> {
        val bundled = context.assets.list(FOLDER).orEmpty().filter { it.endsWith(SUFFIX) }.map { Source.Bundled("$FOLDER/$it") }
        val copied = inbox.models.listFiles().orEmpty().filter { it.name.endsWith(SUFFIX) }.map { Source.Copied(File(it.path)) }
        return bundled + copied
    }
}
