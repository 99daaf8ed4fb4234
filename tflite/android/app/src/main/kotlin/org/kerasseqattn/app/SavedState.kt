package org.kerasseqattn.app

import android.os.Bundle
import java.io.ByteArrayInputStream
import java.io.ByteArrayOutputStream
import java.io.IOException
import java.io.ObjectInputStream
import java.io.ObjectOutputStream

private const val KEY = "saved"

/** Writes the state into a bundle that outlives the process. */
fun Bundle.put(saved: Saved) {
    val bytes = ByteArrayOutputStream()
    ObjectOutputStream(bytes).use { it.writeObject(saved) }
    putByteArray(KEY, bytes.toByteArray())
}

/** Reads the state, or none where another release of the app wrote it. */
fun Bundle.saved(): Saved? = try {
    getByteArray(KEY)?.let { ObjectInputStream(ByteArrayInputStream(it)).readObject() as Saved }
} catch (_: IOException) {
    null
} catch (_: ClassNotFoundException) {
    null
}
