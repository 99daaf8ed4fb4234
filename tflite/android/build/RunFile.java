import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.kerasseqattn.runtime.Runtime;
import org.kerasseqattn.runtime.Runtimes;
import org.kerasseqattn.runtime.Tensor;

/**
 * RunFile RUNTIMES FILE.tflite INPUT OUTPUT: runs the first signature of a file once, without the library's checks.
 *
 * <p>RUNTIMES is an object of the library such as TfLiteRuntimes. INPUT has the bytes of the only input, and OUTPUT gets
 * those of the first output. Exit status 3 says that the runtime does not run the file.
 */
public final class RunFile {
    private static final int REFUSED = 3;

    public static void main(String[] args) throws Exception {
        Runtimes runtimes = (Runtimes) Class.forName("org.kerasseqattn.runtime." + args[0]).getField("INSTANCE").get(null);
        try (Runtime runtime = runtimes.open(direct(Files.readAllBytes(Path.of(args[1]))), 2)) {
            String signature = runtime.signatures().get(0);
            Tensor input = runtime.inputs(signature).get(0);
            Tensor output = runtime.outputs(signature).get(0);
            ByteBuffer made = output.buffer();
            runtime.run(signature, Map.of(input.getName(), direct(Files.readAllBytes(Path.of(args[2])))), Map.of(output.getName(), made));
            byte[] bytes = new byte[output.getBytes()];
            made.get(0, bytes);
            Files.write(Path.of(args[3]), bytes);
        } catch (RuntimeException error) {
            System.err.println(error);
            System.exit(REFUSED);
        }
    }

    private static ByteBuffer direct(byte[] bytes) {
        return ByteBuffer.allocateDirect(bytes.length).order(ByteOrder.nativeOrder()).put(bytes).clear();
    }
}
