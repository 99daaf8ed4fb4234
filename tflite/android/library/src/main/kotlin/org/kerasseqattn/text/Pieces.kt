package org.kerasseqattn.text

import java.text.Normalizer

/** Stands for the space before a word, as in SentencePiece. */
internal const val SPACE = '\u2581'

/**
 * Cuts a text into words and single other characters, each with the space before it: `Go on, Tom!` becomes
 * `▁Go`, `▁on`, `,`, `▁Tom`, `!`. The rules are those of `keras_seqattn.data.tokenizer.pieces`.
 *
 * @param wholeWords whether marks and joiners belong to words; tokenizers from before they did cut words there
 */
internal fun pieces(text: String, wholeWords: Boolean = true): List<String> =
    words(Normalizer.normalize(text, Normalizer.Form.NFC)).flatMap { cut(it, wholeWords) }

private fun words(text: String): List<String> = text.split(*SPACES).filter(String::isNotEmpty)

/** Cuts a word. A `▁` goes with what follows, of whatever kind. */
private fun cut(word: String, wholeWords: Boolean): List<String> {
    fun isPart(character: Int) = isWord(character) || wholeWords && isMark(character)
    val characters = "$SPACE$word".codePoints().toArray()
    val found = mutableListOf<String>()
    var start = 0
    while (start < characters.size) {
        var end = start
        if (characters[start] == SPACE.code && start + 1 < characters.size) end++
        if (isPart(characters[end++])) while (end < characters.size && isPart(characters[end])) end++
        found += String(characters, start, end - start)
        start = end
    }
    return found
}

/** What Python's `str.isspace` is true of. All of them are one `Char`. */
private val SPACES = charArrayOf(
    '\u0009', '\u000a', '\u000b', '\u000c', '\u000d', '\u001c', '\u001d', '\u001e', '\u001f', '\u0020', '\u0085', '\u00a0', '\u1680',
    '\u2000', '\u2001', '\u2002', '\u2003', '\u2004', '\u2005', '\u2006', '\u2007', '\u2008', '\u2009', '\u200a',
    '\u2028', '\u2029', '\u202f', '\u205f', '\u3000',
)

internal fun isSpace(character: Char) = character in SPACES

/**
 * What `\w` of Python's `re` matches: letters and numbers of all kinds, and `_`; not combining marks.
 *
 * A character that is younger than this device's Unicode is none of them.
 */
internal fun isWord(character: Int) = character == '_'.code || when (Character.getType(character).toByte()) {
    Character.UPPERCASE_LETTER, Character.LOWERCASE_LETTER, Character.TITLECASE_LETTER, Character.MODIFIER_LETTER, Character.OTHER_LETTER,
    Character.DECIMAL_DIGIT_NUMBER, Character.LETTER_NUMBER, Character.OTHER_NUMBER -> true
    else -> false
}

/** Combining marks, such as the vowel signs of Hindi, and the two joiners of letters. */
internal fun isMark(character: Int) = character == 0x200c || character == 0x200d || when (Character.getType(character).toByte()) {
    Character.NON_SPACING_MARK, Character.COMBINING_SPACING_MARK, Character.ENCLOSING_MARK -> true
    else -> false
}
