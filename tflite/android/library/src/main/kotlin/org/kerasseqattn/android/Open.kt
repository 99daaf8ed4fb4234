package org.kerasseqattn.android

import android.content.ContentResolver
import android.content.res.AssetManager
import android.net.Uri
import java.io.File
import java.io.FileInputStream
import java.io.IOException
import java.io.InputStream
import java.nio.ByteBuffer
import org.kerasseqattn.ModelFile
import org.kerasseqattn.Opener
import org.kerasseqattn.Options
import org.kerasseqattn.mapped
import org.kerasseqattn.readable

private const val FIX = "choose another file, or free some space"

/** Opens an asset; without a contract inside, `NAME.json` beside it is read. */
fun <T> Opener<T>.open(assets: AssetManager, name: String, options: Options = Options()): T = open(modelFile(assets, name), options)

/** Opens a document, such as one that a file picker gave. It must have its contract inside. */
fun <T> Opener<T>.open(resolver: ContentResolver, document: Uri, options: Options = Options()): T =
    open(modelFile(resolver, document), options)

/**
 * Reads and checks an asset. One that is stored as it is, is mapped. A deflated one is unpacked into a file of the cache.
 *
 * @throws EdgeException if it is missing, damaged, or there is no space to unpack it
 */
fun modelFile(assets: AssetManager, name: String): ModelFile = readable("model", name, FIX) {
    val bytes = try {
        assets.openFd(name).use { mapped(FileInputStream(it.fileDescriptor), it.startOffset, it.length) }
    } catch (_: IOException) { // deflated; or missing, which the next line says
        copied(assets.open(name))
    }
    val beside = "$name.json"
    val known = assets.list(name.substringBeforeLast('/', "")).orEmpty()
    val contract = if (beside.substringAfterLast('/') in known) assets.open(beside).use { it.readBytes().decodeToString() } else null
    ModelFile.of(name, bytes, contract)
}

/**
 * Reads and checks a document. One that lies in a file is mapped; another is copied into a file of the cache.
 *
 * @throws EdgeException if its provider does not give it, it is damaged, or there is no space for the copy
 */
fun modelFile(resolver: ContentResolver, document: Uri): ModelFile = readable("model", document.toString(), FIX) {
    val bytes = inFile(resolver, document)
        ?: copied(resolver.openInputStream(document) ?: throw IOException("the provider gives no bytes"))
    ModelFile.of(document.lastPathSegment ?: document.toString(), bytes)
}

/** The document, mapped, or none where its provider gives a pipe. */
private fun inFile(resolver: ContentResolver, document: Uri): ByteBuffer? = try {
    resolver.openAssetFileDescriptor(document, "r")?.use { part ->
        if (part.parcelFileDescriptor.statSize < 0) null else mapped(FileInputStream(part.fileDescriptor), part.startOffset, part.length)
    }
} catch (_: IOException) { // what is wrong the stream tells again
    null
}

/** A copy in the cache, mapped. It has no name any more, so it goes when nobody reads it. */
private fun copied(stream: InputStream): ByteBuffer = stream.use { from ->
    val copy = File.createTempFile("model", null)
    try {
        copy.outputStream().use(from::copyTo)
        mapped(FileInputStream(copy))
    } finally {
        copy.delete()
    }
}
