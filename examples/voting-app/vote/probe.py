"""Whether the page answers, and can reach the queue: for the health check. It runs often, so it loads little."""
import socket
import sys

try:
    with socket.create_connection(("127.0.0.1", 8080), timeout=4) as connection:
        connection.sendall(b"GET /health HTTP/1.0\r\n\r\n")
        answer = connection.recv(100)
except OSError as error:
    sys.exit(str(error))
sys.exit(0 if b" 200 " in answer else answer.decode())
