"""The page to vote on. Every browser has one vote, which it may change."""
import json
import os
import secrets
import socket

import redis
from flask import Flask, abort, make_response, render_template, request

CHOICES = {"a": os.environ.get("OPTION_A", "Tea"), "b": os.environ.get("OPTION_B", "Coffee")}
YEAR = 365 * 24 * 3600

app = Flask(__name__)
queue = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), socket_timeout=5)


@app.get("/")
def show():
    return page(None)


@app.post("/")
def vote():
    choice = request.form.get("choice")
    if choice not in CHOICES:
        abort(400, f"There is no choice {choice!r}: vote for one of {', '.join(CHOICES)}.")
    voter = request.cookies.get("voter") or secrets.token_hex(16)
    queue.rpush("votes", json.dumps({"voter": voter[:64], "choice": choice}))
    print("vote for", CHOICES[choice])
    return page(choice, voter)


@app.get("/health")
def health():
    queue.ping()
    return "ok\n"


def page(chosen, voter=None):
    html = render_template("index.html", choices=CHOICES, chosen=chosen, host=socket.gethostname())
    answer = make_response(html)
    voter = voter or request.cookies.get("voter") or secrets.token_hex(16)
    answer.set_cookie("voter", voter, max_age=YEAR, httponly=True, samesite="Lax")
    return answer
