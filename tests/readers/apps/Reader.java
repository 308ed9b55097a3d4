import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.Locale;

/** What a servlet reads in Tomcat, as one line of JSON in the file READINGS. */
public class Reader extends HttpServlet {
    private static final String PLAIN = "/:@!$&'()*+,;=-._~";
    private static FileOutputStream out;

    private static synchronized void write(String line) throws IOException {
        if (out == null) out = new FileOutputStream(System.getProperty("readings"), true);
        out.write(line.getBytes(StandardCharsets.UTF_8));
    }

    private static String text(String value) {
        if (value == null) return "\"\"";
        StringBuilder made = new StringBuilder("\"");
        for (char c : value.toCharArray()) {
            if (c < ' ' || c == '"' || c == '\\' || c > '~') made.append(String.format("\\u%04x", (int) c));
            else made.append(c);
        }
        return made.append('"').toString();
    }

    private static String encoded(String path) {
        StringBuilder made = new StringBuilder();
        for (byte b : path.getBytes(StandardCharsets.UTF_8)) {
            char c = (char) (b & 0xff);
            boolean plain = c < 0x80 && (Character.isLetterOrDigit(c) || PLAIN.indexOf(c) >= 0);
            if (plain) made.append(c);
            else made.append(String.format("%%%02X", (int) c));
        }
        return made.toString();
    }

    private static String fields(HttpServletRequest request) {
        StringBuilder fields = new StringBuilder();
        for (String name : Collections.list(request.getHeaderNames())) {
            for (String value : Collections.list(request.getHeaders(name))) {
                if (fields.length() > 0) fields.append(',');
                fields.append('[').append(text(name.toLowerCase(Locale.ROOT))).append(',').append(text(value)).append(']');
            }
        }
        return fields.toString();
    }

    @Override
    protected void service(HttpServletRequest request, HttpServletResponse response) throws IOException {
        // As Spring's HiddenHttpMethodFilter reads it: the query, or a form, which is then no body any more.
        String asked = request.getMethod().equals("POST") ? request.getParameter("_method") : null;
        String method = asked == null || asked.isEmpty() ? request.getMethod() : asked.toUpperCase(Locale.ROOT);
        byte[] body = request.getInputStream().readAllBytes();
        String shown = new String(body, 0, Math.min(body.length, 512), StandardCharsets.ISO_8859_1);
        String info = request.getPathInfo();
        String path = request.getServletPath() + (info == null ? "" : info);
        // What follows a `;` is a parameter here, and no part of the path.
        String bare = request.getRequestURI().replaceAll(";[^/]*", "");
        String user = request.getRemoteUser();
        write("{\"method\":" + text(method)
            + ",\"script\":" + text(request.getContextPath())
            + ",\"path\":" + text(encoded(path))
            + ",\"also\":[" + text(bare) + "]"
            + ",\"query\":" + text(request.getQueryString())
            + ",\"headers\":[" + fields(request) + "]"
            + ",\"body\":" + text(shown)
            + ",\"length\":" + body.length
            + ",\"facts\":{\"client\":" + text(request.getRemoteAddr())
            + ",\"scheme\":" + text(request.getScheme())
            + ",\"host\":" + text(request.getServerName())
            + (user == null ? "" : ",\"REMOTE_USER\":" + text(user)) + "}}\n");
        String seen = request.getHeader("x-rig-tag");
        String host = request.getHeader("host");
        byte[] bytes = path.getBytes(StandardCharsets.UTF_8);
        int last = bytes.length == 0 ? 0 : bytes[bytes.length - 1] & 0xff;
        String tenant = request.getHeader("x-tenant");
        int length = (host == null ? 0 : host.split(":", -1)[0].length()) + (tenant == null ? 0 : tenant.length());
        response.setContentType("application/json");
        response.setHeader("X-Rig-Seen", seen == null ? "" : seen);
        response.getWriter().write("{\"ownerId\":" + ((last + length) % 2 == 0 ? 2 : 1) + "}");
    }
}
