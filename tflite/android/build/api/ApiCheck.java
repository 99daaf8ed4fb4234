import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.jar.JarFile;
import org.codehaus.mojo.animal_sniffer.SignatureChecker;
import org.codehaus.mojo.animal_sniffer.logging.Logger;

/**
 * ApiCheck SIGNATURE CLASSES.jar NEWER.txt MIN_SDK: what the signature lacks must have a line, whose level is at most
 * MIN_SDK or whose callers read SDK_INT. Hidden methods and Java's own that Android lacks are in no signature.
 */
public final class ApiCheck {
    private static final Set<String> OURS = Set.of("org.kerasseqattn.*", "kotlin.*", "org.bytedeco.*", "org.jetbrains.*");

    private record Line(int level, String name) {
        static Line of(String text) {
            String[] parts = text.split(" ", 2);
            return new Line(Integer.parseInt(parts[0]), parts[1]);
        }

        /** A line may name a method or field, or a class with all that is in it. */
        boolean covers(String reference) {
            return reference.equals(name) || reference.startsWith(name + ".") || reference.startsWith(name + "$");
        }
    }

    public static void main(String[] args) throws Exception {
        Map<String, Set<String>> missing = missing(args[0], args[1]);
        List<Line> lines = Files.readAllLines(Path.of(args[2])).stream().filter(it -> !it.startsWith("#")).map(Line::of).toList();
        int least = Integer.parseInt(args[3]);
        Set<String> guarded = readers(args[1], "SDK_INT");
        List<String> faults = new ArrayList<>();
        missing.forEach((reference, callers) -> {
            Line line = lines.stream().filter(it -> it.covers(reference)).findFirst().orElse(null);
            if (line == null) {
                faults.add(reference + " is no API of the signature and has no line, used in " + callers);
            } else if (line.level > least && !guarded.containsAll(callers)) {
                faults.add(reference + " needs API " + line.level + ", but no SDK_INT is read in one of " + callers);
            }
        });
        for (Line line : lines) {
            if (missing.keySet().stream().noneMatch(line::covers)) faults.add("nothing uses " + line.name + ": remove its line");
        }
        faults.forEach(System.err::println);
        System.out.println(missing.size() + " references newer than the signature, " + faults.size() + " faults");
        System.exit(faults.isEmpty() ? 0 : 1);
    }

    /** Callers of each reference that the signature does not know. */
    private static Map<String, Set<String>> missing(String signature, String jar) throws IOException {
        Map<String, Set<String>> found = new TreeMap<>();
        Logger log = (Logger) Proxy.newProxyInstance(ApiCheck.class.getClassLoader(), new Class<?>[] {Logger.class}, (proxy, method, values) -> {
            if (method.getName().equals("error")) record(found, values[0].toString());
            return null;
        });
        SignatureChecker checker = new SignatureChecker(new FileInputStream(signature), new HashSet<>(OURS), log);
        checker.setSourcePath(new ArrayList<>());
        checker.process(new File(jar));
        return found;
    }

    /** From `…jar!/a/B.class:12: Undefined reference: int c.D.e(String)`. */
    private static void record(Map<String, Set<String>> found, String message) {
        String[] parts = message.split(": Undefined reference: ", 2);
        if (parts.length < 2) throw new IllegalStateException(message);
        String caller = parts[0].replaceAll("^.*[!:]/?(?=[\\w/$]+\\.class)|\\.class.*$", "");
        String reference = parts[1].replaceAll("^[^( ]+ (?=\\S)", "");
        found.computeIfAbsent(reference, it -> new TreeSet<>()).add(caller);
    }

    /** Classes whose constants have a word. */
    private static Set<String> readers(String jar, String word) throws IOException {
        Set<String> found = new HashSet<>();
        try (JarFile file = new JarFile(jar)) {
            for (var entries = file.entries(); entries.hasMoreElements(); ) {
                var entry = entries.nextElement();
                String text = new String(file.getInputStream(entry).readAllBytes(), StandardCharsets.ISO_8859_1);
                if (text.contains(word)) found.add(entry.getName().replace(".class", ""));
            }
        }
        return found;
    }
}
