package org.kerasseqattn

import java.io.IOException

/**
 * Reads what other programs wrote or hold, which fail in every way: each becomes an [EdgeException].
 *
 * @param what `model` or `picture`
 * @param name what a message calls it
 * @param fix what to do about it
 */
internal fun <T> readable(what: String, name: String, fix: String, read: () -> T): T {
    fun unreadable(error: Throwable, fix: String) =
        EdgeException("The $what must be readable", mapOf(what to name, "error" to (error.message ?: error.toString())), fix, error)
    return try {
        read()
    } catch (error: IOException) {
        throw unreadable(error, fix)
    } catch (error: RuntimeException) {
        throw error as? EdgeException ?: unreadable(error, fix)
    } catch (error: OutOfMemoryError) {
        throw unreadable(error, "choose a smaller $what, or close other models")
    }
}
