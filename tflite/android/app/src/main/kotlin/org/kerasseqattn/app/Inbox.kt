package org.kerasseqattn.app

import android.content.Context
import android.net.Uri
import android.provider.OpenableColumns
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.util.UUID

private const val NO_SPACE = "No space left on device"

/**
 * Copies what other apps hand over, since their permission ends with this process.
 *
 * Every function throws an [org.kerasseqattn.EdgeException] where a provider gives nothing or the phone is full.
 */
class Inbox(private val context: Context) {
    /** Pictures may be thrown away by the phone when space is low. */
    private val pictures = File(context.cacheDir, "pictures")
    val models = File(context.filesDir, "models")

    fun picture(uri: Uri): File = copied(uri, File(pictures, UUID.randomUUID().toString()))

    /** A model under the name of its document, in a file that [keep] makes a model of the list. */
    fun model(uri: Uri): File = copied(uri, File(context.cacheDir, nameOf(uri)))

    /** Moves a checked model to the others. One of the same name is replaced. */
    fun keep(model: File): File {
        models.mkdirs()
        val kept = File(models, model.name)
        if (!model.renameTo(kept)) {
            write(kept, model::inputStream)
            model.delete()
        }
        return kept
    }

    private fun nameOf(uri: Uri): String {
        val shown = try {
            context.contentResolver.query(uri, arrayOf(OpenableColumns.DISPLAY_NAME), null, null, null)?.use {
                if (it.moveToFirst()) it.getString(0) else null
            }
        } catch (_: Exception) { // a provider may throw anything; the document itself tells whether it can be read
            null
        }
        val name = (shown ?: uri.lastPathSegment.orEmpty()).substringAfterLast('/').removeSuffix(SUFFIX)
        return name.filter { it.isLetterOrDigit() || it in "._- " }.trim('.').ifEmpty { "model" } + SUFFIX
    }

    private fun copied(uri: Uri, target: File): File {
        target.parentFile?.mkdirs()
        write(target) { context.contentResolver.openInputStream(uri) ?: throw IOException() }
        return target
    }

    /** Writes a file whole, or leaves none. */
    internal fun write(target: File, open: () -> InputStream) {
        try {
            open().use { from -> target.outputStream().use { from.copyTo(it) } }
        } catch (error: Exception) { // a provider may throw anything
            target.delete()
            throw if (error.message.orEmpty().contains(NO_SPACE)) {
                context.refusal(R.string.problem_space_rule, R.string.problem_space_fix, cause = error)
            } else {
                context.refusal(R.string.problem_source_rule, R.string.problem_source_fix, mapOf("error" to error.message), error)
            }
        }
    }
}
