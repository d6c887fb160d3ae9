"""An older HTTP service for the tests of the route table: answers what math.add would, tells what it
was asked, and can be made to misbehave."""
import http.server
import json
import socket
import threading
import time
import urllib.parse


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_any(self):
        service = self.server.service
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        with service.lock:
            service.seen.append((self.command, self.path, dict(self.headers), body))
        if service.hang.is_set():
            service.released.wait(30)
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        status, value = 200, None
        if url.path.startswith("/add/"):
            value = int(url.path[5:]) + int(query.get("b", 0)) + service.error
        elif url.path == "/add":
            pair = json.loads(body)
            value = pair["a"] + pair["b"] + service.error
        else:
            status, value = service.status, {"path": self.path, "text": body.decode()}
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Older", "yes")
        self.send_header("Connection", "X-Private")
        self.send_header("X-Private", "hop")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_any


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class OlderService:
    def __init__(self, port=0):
        self.lock = threading.Lock()
        self.seen = []
        self.status = 201
        self.error = 0
        self.hang = threading.Event()
        self.released = threading.Event()
        self.connections = []
        self.server = Server(("127.0.0.1", port), Handler)
        self.server.service = self
        self.port = self.server.server_address[1]
        accept = self.server.get_request

        def get_request():
            pair = accept()
            self.connections.append(pair[0])
            return pair
        self.server.get_request = get_request
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def asked(self):
        with self.lock:
            return len(self.seen)

    def end(self):
        """As if it were killed: nothing listens any more, and open connections break."""
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
        for one in self.connections:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class RawService:
    """Answers each connection with the same bytes, whatever it is asked, and then ends it."""

    def __init__(self, answer, linger=0.0):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.answer = answer
        self.linger = linger
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(self.answer)
                time.sleep(self.linger)

    def end(self):
        self.socket.close()
