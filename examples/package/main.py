"""A package from PyPI: requirements.txt names it, and its routes answer without a network here."""

import asyncio

from microdot import Microdot
from microdot.test_client import TestClient

app = Microdot()


@app.get("/hello/<name>")
async def hello(request, name):
    return {"hello": name}


async def main():
    response = await TestClient(app).get("/hello/world")
    print(response.status_code, response.json)


asyncio.run(main())
