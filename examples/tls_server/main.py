# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""A server of HTTPS by asyncio. Its certificate and key lie beside this file; to try it, make them:

cd examples/tls_server
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 \
    -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem
cd ../..
./inv run examples/tls_server --net user --publish 8443:443
curl --cacert examples/tls_server/cert.pem https://localhost:8443/
"""

import asyncio
import os
import ssl
import sys


async def answer(reader, writer):
    try:
        while (await reader.readline()).strip():
            pass  # The request, to its blank line.
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nHello by TLS.\n")
        await writer.drain()
    except OSError as error:
        print("a client:", error)
    finally:
        writer.close()
        await writer.wait_closed()


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("cert.pem", "key.pem")
    server = await asyncio.start_server(answer, "0.0.0.0", 443, ssl=context)
    await server.wait_closed()


if "cert.pem" not in os.listdir():
    sys.exit("no cert.pem: main.py tells how to make one")
asyncio.run(main())
