package org.kerasseqattn.app

import android.content.Context
import android.util.Log
import org.kerasseqattn.EdgeException

/** An error of the app itself, in the words of its resources. */
fun Context.refusal(rule: Int, fix: Int, received: Map<String, Any?> = emptyMap(), cause: Throwable? = null) =
    EdgeException(getString(rule), received, getString(fix), cause)

/** Tells people what went wrong. What nobody foresaw is logged too. */
fun Context.problem(error: Throwable): Problem {
    val told = when (error) {
        is EdgeException -> error
        is OutOfMemoryError -> refusal(R.string.problem_memory_rule, R.string.problem_memory_fix, cause = error)
        else -> {
            Log.e(packageName, error.toString(), error)
            refusal(R.string.problem_other_rule, R.string.problem_other_fix, mapOf("error" to error.message), error)
        }
    }
    val fix = told.fix.trimEnd('.')
    return Problem(
        getString(R.string.problem_rule, told.rule),
        getString(R.string.problem_fix, fix),
        told.received.entries.joinToString(" · ") { "${it.key} ${it.value}" },
    )
}
