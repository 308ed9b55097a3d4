/* A CGI program that reports what it reads, as one line of JSON in the file READINGS: in C, as Apache starts it for
   every request. */

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static char line[1 << 17];
static size_t used;

static void put(const char *text) {
    size_t length = strlen(text);
    if (used + length < sizeof line) {
        memcpy(line + used, text, length);
        used += length;
    }
}

static void byte(unsigned char c) {
    char text[8] = {(char)c, 0};
    if (c < ' ' || c == '"' || c == '\\' || c >= 0x7f) snprintf(text, sizeof text, "\\u%04x", c);
    put(text);
}

static void string(const char *text, size_t length) {
    put("\"");
    for (size_t at = 0; at < length; at++) byte((unsigned char)text[at]);
    put("\"");
}

static const char *variable(const char *name) {
    const char *value = getenv(name);
    return value ? value : "";
}

/* A decoded path, encoded again: all but what no server takes for a separator. */
static void path(const char *text) {
    put("\"");
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        char escape[4];
        if (isalnum(c) || strchr("/:@!$&'()*+,;=-._~", c)) {
            byte(c);
        } else {
            snprintf(escape, sizeof escape, "%%%02X", c);
            put(escape);
        }
    }
    put("\"");
}

static void field(const char *name, size_t length, const char *value) {
    put("[\"");
    for (size_t at = 0; at < length; at++) byte(name[at] == '_' ? '-' : (unsigned char)tolower((unsigned char)name[at]));
    put("\",");
    string(value, strlen(value));
    put("]");
}

static void fields(void) {
    int first = 1;
    for (char **at = environ; *at; at++) {
        char *equal = strchr(*at, '=');
        int http = strncmp(*at, "HTTP_", 5) == 0;
        int content = strncmp(*at, "CONTENT_", 8) == 0 && equal && equal[1];
        if (!equal || !(http || content)) continue;
        if (!first) put(",");
        first = 0;
        const char *name = *at + (http ? 5 : 0);
        field(name, (size_t)(equal - name), equal + 1);
    }
}

int main(void) {
    static char body[1 << 18];
    size_t length = 0;
    long promised = atol(variable("CONTENT_LENGTH"));
    int chunked = strstr(variable("HTTP_TRANSFER_ENCODING"), "chunked") != NULL;
    while (length < sizeof body && (chunked || (long)length < promised)) {
        ssize_t count = read(0, body + length, sizeof body - length);
        if (count <= 0) break;
        length += (size_t)count;
    }

    put("{\"method\":");
    string(variable("REQUEST_METHOD"), strlen(variable("REQUEST_METHOD")));
    put(",\"script\":");
    path(variable("SCRIPT_NAME"));
    put(",\"path\":");
    path(variable("PATH_INFO"));
    put(",\"also\":[");
    const char *uri = variable("REQUEST_URI");
    string(uri, strcspn(uri, "?"));
    put("],\"query\":");
    string(variable("QUERY_STRING"), strlen(variable("QUERY_STRING")));
    put(",\"headers\":[");
    fields();
    put("],\"body\":");
    string(body, length < 512 ? length : 512);
    char count[32];
    snprintf(count, sizeof count, ",\"length\":%zu", length);
    put(count);
    put(",\"facts\":{\"REMOTE_ADDR\":");
    string(variable("REMOTE_ADDR"), strlen(variable("REMOTE_ADDR")));
    if (*variable("REMOTE_USER")) {
        put(",\"REMOTE_USER\":");
        string(variable("REMOTE_USER"), strlen(variable("REMOTE_USER")));
    }
    put("}}\n");
    int out = open(variable("READINGS"), O_WRONLY | O_APPEND | O_CREAT, 0644);
    if (out < 0 || write(out, line, used) != (ssize_t)used) return 1;

    const char *info = variable("PATH_INFO");
    unsigned last = *info ? (unsigned char)info[strlen(info) - 1] : 0;
    const char *host = variable("HTTP_HOST");
    int owner = (last + strcspn(host, ":") + strlen(variable("HTTP_X_TENANT"))) % 2 ? 1 : 2;
    printf("Content-Type: application/json\r\nX-Rig-Seen: %s\r\n\r\n{\"ownerId\":%d}", variable("HTTP_X_RIG_TAG"), owner);
    return 0;
}
