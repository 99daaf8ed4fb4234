"""A web server on this machine, whose every fault is asked for."""

import http.server
import re


class Server(http.server.ThreadingHTTPServer):
    """Serves `files`, path to bytes, and notes `(path, Range header, status, bytes sent)`.

    Each request takes the first of `faults`, if there is any. A number cuts the connection after
    so many bytes, and a string is a status to answer with. `meet` is called before any byte of
    content.
    """

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.files, self.redirects = {}, {}
        self.faults, self.requests = [], []
        self.knows_range = True
        self.meet = lambda: None

    def stop(self):
        self.shutdown()
        self.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server, asked = self.server, self.headers["Range"]
        fault = server.faults.pop(0) if server.faults else None
        content = server.files.get(self.path)
        start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and server.knows_range else 0
        if isinstance(fault, str):
            status, content = int(fault), b""
        elif self.path in server.redirects:
            status, content = 302, b""
        elif content is None:
            status, content = 404, b""
        elif start and start >= len(content):
            status, content = 416, b""
        else:
            status, content = 206 if start else 200, content[start:]
        sent = content[:fault] if isinstance(fault, int) else content
        server.requests.append((self.path, asked, status, len(sent)))
        server.meet()
        self.send_response(status)
        if status == 302:
            self.send_header("Location", server.redirects[self.path])
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, *_):
        """Keeps quiet."""
