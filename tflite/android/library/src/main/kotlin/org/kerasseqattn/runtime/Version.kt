package org.kerasseqattn.runtime

/**
 * A release of TensorFlow Lite, such as 2.16.1.
 *
 * @property early whether it was built before that release, as `2.20.0-dev0` was: LiteRT 1.4 calls itself so, and
 *     lacks what came with 2.20.0
 */
data class Version(val numbers: List<Int>, val early: Boolean = false) : Comparable<Version> {
    override fun compareTo(other: Version): Int {
        for (i in 0 until maxOf(numbers.size, other.numbers.size)) {
            val order = numbers.getOrElse(i) { 0 }.compareTo(other.numbers.getOrElse(i) { 0 })
            if (order != 0) return order
        }
        return other.early.compareTo(early)
    }

    override fun toString() = numbers.joinToString(".") + if (early) "-dev" else ""

    companion object {
        private val FORM = Regex("""(\d+(?:\.\d+)+)(-\S+)?""")

        /**
         * Reads `2.16.1` or `2.20.0-rc1`.
         *
         * @return none for what is no release
         */
        fun of(text: String): Version? = FORM.matchEntire(text)?.let { found ->
            val (numbers, suffix) = found.destructured
            Version(numbers.split('.').map { it.toIntOrNull() ?: return null }, suffix.isNotEmpty())
        }
    }
}
