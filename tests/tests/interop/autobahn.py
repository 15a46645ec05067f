"""Autobahn's cases against an echo server that takes binary messages alone, as MQTT does.

What a case sends as text goes out as binary, and comes back to it as text: it tells whether frames are read and written as RFC
6455 says. What it tells of UTF-8 in texts is not asked for. Prints a line for each case that fails, and how many passed.
"""

import asyncio
import os
import sys

from kosoku import FailureError, _caseindex, run_fuzzingclient

# Texts that are no UTF-8, and compression, which is not offered.
NOT_OURS = ["6.*", "12.*", "13.*"]

TEXT, BINARY = 1, 2


class AsBinary:
    """A case's way to the server."""

    def __init__(self, protocol):
        self.__dict__.update(protocol=protocol, sends_text=False)

    def __getattr__(self, name):
        return getattr(self.protocol, name)

    def __setattr__(self, name, value):
        setattr(self.protocol, name, value)

    @property
    def txFrameStats(self):
        sent = dict(self.protocol.txFrameStats)
        if self.sends_text and BINARY in sent:
            sent[TEXT] = sent.pop(BINARY)
        return sent

    def sendFrame(self, opcode, **rest):
        self.__dict__["sends_text"] |= opcode == TEXT
        self.protocol.sendFrame(opcode=BINARY if opcode == TEXT else opcode, **rest)

    def sendMessage(self, payload, isBinary=False, **rest):
        self.__dict__["sends_text"] |= not isBinary
        self.protocol.sendMessage(payload, isBinary=True, **rest)


def let_text_be_binary():
    _caseindex.initialize_shims()
    from case import Case

    prepare = Case.__init__

    def init(self, protocol):
        prepare(self, AsBinary(protocol))
        take = self.onMessage
        self.onMessage = lambda message, binary: take(message, binary and not self.p.sends_text)

    Case.__init__ = init


async def play(port, **which):
    try:
        return await run_fuzzingclient(f"ws://127.0.0.1:{port}", **which)
    except FailureError as failure:
        return failure.results


async def main(port):
    let_text_be_binary()
    results = {case.case_id: case for case in await play(port, exclude_cases=NOT_OURS)}
    # Most give a second for the answer, which a busy machine may not have: what is wrong with us is so again.
    again = [name for name, case in results.items() if not case.passed]
    if again:
        results |= {case.case_id: case for case in await play(port, cases=again)}
    failed = [case for case in results.values() if not case.passed]
    for case in failed:
        print(f"failed {case.case_id}: {case.description} {case.result} {case.result_close}", flush=True)
    print(f"passed {len(results) - len(failed)} of {len(results)}", flush=True)


asyncio.run(main(int(sys.argv[1])))
# Not by the end of the script: a thread of kosoku may still run then, which aborts the interpreter.
os._exit(0)
