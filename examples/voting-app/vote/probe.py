"""Whether the page answers, and can reach the queue: for the health check."""
import urllib.request

urllib.request.urlopen("http://127.0.0.1:8080/health", timeout=4)
