package org.kerasseqattn

/**
 * What a model wrote.
 *
 * @property tokens its tokens, the end included
 * @property score log-probability; of a beam search divided by the length penalty
 * @property unknown parts of the source that the model never saw
 * @property dropped tokens of the source that were cut off, since the model reads no more
 */
data class Written(
    val text: String,
    val tokens: List<Int>,
    val score: Float,
    val unknown: List<String> = emptyList(),
    val dropped: Int = 0,
)
