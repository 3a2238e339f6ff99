# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""A web server by asyncio, with Microdot from PyPI.

./inv run examples/http_server --net user --publish 8080:80
curl http://127.0.0.1:8080/hello/world
"""

import gc

from microdot import Microdot

app = Microdot()
notes = []


@app.get("/")
async def index(request):
    return "<h1>Hello from a machine without an operating system</h1>", {
        "Content-Type": "text/html"
    }


@app.get("/hello/<name>")
async def hello(request, name):
    return {"hello": name, "free": gc.mem_free()}


@app.post("/notes")
async def add(request):
    notes.append(request.json["text"])
    return {"count": len(notes)}, 201


@app.get("/notes")
async def all_notes(request):
    return notes


app.run(port=80)
