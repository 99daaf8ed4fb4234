import java.io.File
import org.kerasseqattn.Captioner
import org.kerasseqattn.ImageClassifier
import org.kerasseqattn.Translator
import org.kerasseqattn.picture.Picture

/** Opens the models of a folder, each of which gives its golden output at opening, and lets each answer. */
fun main(args: Array<String>) {
    fun model(name: String) = File(args[0], "$name.tflite")
    val grey = Picture(97, 61, ByteArray(97 * 61 * 3) { 127 })
    ImageClassifier.open(model("vit_eurosat")).use { println(it.look(grey, top = 1).categories.single()) }
    Captioner.open(model("captioner_emoji")).use { println(it.caption(grey)) }
    Translator.open(model("translate_fra_eng")).use { println(it.write("Where is the station?", beam = 4) {}) }
}
