package org.kerasseqattn

/**
 * Everything that this library refuses: the rule, what came in, and what to do.
 *
 * @param rule what must hold, as a sentence without a full stop
 * @param received every value that the rule speaks of, by its name
 * @param fix what to do about it, as the end of a sentence
 */
class EdgeException(
    val rule: String,
    val received: Map<String, Any?>,
    val fix: String,
    cause: Throwable? = null,
) : RuntimeException(
    "$rule. Received: ${received.entries.joinToString { "${it.key}=${shown(it.value)}" }}. To fix: $fix.",
    cause,
)

private const val LONGEST = 200

private fun shown(value: Any?): String {
    val text = if (value is String) "\"$value\"" else value.toString()
    return if (text.length > LONGEST) text.take(LONGEST) + "…" else text
}
