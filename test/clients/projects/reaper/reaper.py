"""What testcontainers' own reaper (ryuk) does: it is told labels over TCP, and when the teller is gone it removes what has them."""
import http.client
import json
import socket
import urllib.parse


class Engine(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect("/var/run/docker.sock")


def call(method, path):
    engine = Engine("engine")
    engine.request(method, path)
    body = engine.getresponse().read()
    return json.loads(body) if body else None


server = socket.create_server(("", 8080))
print("Started", flush=True)
teller, _ = server.accept()
labels = []
for line in teller.makefile("r"):
    labels += [value for key, value in urllib.parse.parse_qsl(line.strip()) if key == "label"]
    teller.sendall(b"ACK\n")
for label in labels:
    wanted = urllib.parse.quote(json.dumps({"label": [label]}))
    for container in call("GET", f"/containers/json?all=1&filters={wanted}"):
        if container["Labels"].get("org.testcontainers.ryuk") != "true":
            call("DELETE", f"/containers/{container['Id']}?force=1&v=1")
