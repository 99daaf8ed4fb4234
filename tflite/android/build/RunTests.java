import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.jar.JarFile;
import org.junit.runner.Description;
import org.junit.runner.JUnitCore;
import org.junit.runner.Result;
import org.junit.runner.notification.Failure;
import org.junit.runner.notification.RunListener;

/**
 * RunTests TESTS.jar [WORD]: runs the classes named …Test, or those with a word in their names. A skipped test is a failure,
 * as all of them can run here, and so are fewer tests than the whole has.
 */
public final class RunTests {
    private static final int WHOLE = 150;

    private record Timed(String name, long ms) {}

    /** Of the whole process: other programs on the machine do not change it. */
    private static long cpuMs() {
        return ProcessHandle.current().info().totalCpuDuration().orElseThrow().toMillis();
    }

    public static void main(String[] args) throws Exception {
        List<Timed> times = new ArrayList<>();
        JUnitCore core = new JUnitCore();
        core.addListener(new RunListener() {
            private long start;

            @Override
            public void testStarted(Description test) {
                start = cpuMs();
            }

            @Override
            public void testFinished(Description test) {
                times.add(new Timed(test.getDisplayName(), cpuMs() - start));
            }

            @Override
            public void testFailure(Failure failure) {
                System.out.println("FAILED " + failure.getDescription().getDisplayName() + "\n" + failure.getTrimmedTrace());
            }
        });
        String word = args.length > 1 ? args[1] : "";
        Result result = core.run(classes(args[0], word));
        times.stream().sorted(Comparator.comparing(Timed::ms).reversed()).limit(5)
            .forEach(each -> System.out.printf("%6d ms of CPU  %s%n", each.ms, each.name));
        System.out.printf("%d tests, %d failed, %d skipped, %.1f s, %.1f s of CPU%n", result.getRunCount(), result.getFailureCount(),
            result.getIgnoreCount() + result.getAssumptionFailureCount(), result.getRunTime() / 1e3, cpuMs() / 1e3);
        int least = word.isEmpty() ? WHOLE : 1;
        if (result.getRunCount() < least) System.out.printf("at least %d tests must run%n", least);
        boolean good = result.wasSuccessful() && result.getRunCount() >= least
            && result.getIgnoreCount() + result.getAssumptionFailureCount() == 0;
        System.exit(good ? 0 : 1);
    }

    private static Class<?>[] classes(String jar, String word) throws IOException, ClassNotFoundException {
        List<Class<?>> found = new ArrayList<>();
        try (JarFile file = new JarFile(jar)) {
            for (var entries = file.entries(); entries.hasMoreElements(); ) {
                String name = entries.nextElement().getName();
                if (name.endsWith("Test.class") && !name.contains("$") && name.contains(word)) {
                    found.add(Class.forName(name.substring(0, name.length() - 6).replace('/', '.')));
                }
            }
        }
        return found.toArray(new Class<?>[0]);
    }
}
