# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""A web server on all CPUs: interpreters, one for each, accept from one listening socket.

./inv run examples/parallel_http_server --cpus 4 --net user --publish 8080:80
curl http://127.0.0.1:8080/30000
"""

import os
import socket
from concurrent.futures import InterpreterPoolExecutor


def serve(listener, number):
    """In an interpreter of its own: answers with the count of primes below what is asked for."""

    def count_primes(end):
        count = 0
        for candidate in range(2, end):
            divisor = 2
            while divisor * divisor <= candidate and candidate % divisor:
                divisor += 1
            count += divisor * divisor > candidate
        return count

    while True:
        connection, _ = listener.accept()
        try:
            with connection:
                connection.settimeout(10)
                path = connection.readline(1000).split(b" ")[1]
                while connection.readline(1000).strip():
                    pass
                text = f"{count_primes(int(path[1:]))} primes, by interpreter {number}\n"
                connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + text.encode())
        except (OSError, ValueError, IndexError) as error:
            print("a client:", error)


def main():
    cpus = os.cpu_count()
    with socket.create_server(("", 80)) as listener, InterpreterPoolExecutor(cpus) as pool:
        for end in [pool.submit(serve, listener, number) for number in range(cpus)]:
            end.result()


main()
