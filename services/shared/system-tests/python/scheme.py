#!/usr/bin/env python3
"""A card scheme that shares no code with the bank: sign-on, echo, purchase, the same again, reversal, sign-off.

Messages are written and read by pyiso8583 from PyPI, after the table in docs/reference/iso8583.md as typed in here once
more. Run by the system test `python.rs`, with the gateway, the certificates and a card as JSON on standard input; answers
what it was answered, step by step, as JSON on standard output. Whether that is right, the test says.
"""

import datetime
import json
import socket
import ssl
import struct
import sys

import iso8583

ACQUIRER = "4711"
TERMINAL = "PYTHON01"
TIMEOUT_S = 20


def element(kind, length, prefix=0):
    """A data element: `kind` is "b" for bytes, or the encoding of text; `prefix` is how many digits say its length."""
    return {"data_enc": kind, "len_enc": "ascii", "len_type": prefix, "max_len": length, "desc": ""}


SPEC = {str(number): element("ascii", 0) for number in range(2, 129)}
SPEC |= {
    "h": element("ascii", 0),
    "t": element("ascii", 4),
    "p": element("b", 8),
    "1": element("b", 8),
    "2": element("ascii", 19, 2),
    "3": element("ascii", 6),
    "4": element("ascii", 12),
    "7": element("ascii", 10),
    "11": element("ascii", 6),
    "12": element("ascii", 6),
    "13": element("ascii", 4),
    "14": element("ascii", 4),
    "18": element("ascii", 4),
    "19": element("ascii", 3),
    "22": element("ascii", 3),
    "25": element("ascii", 2),
    "32": element("ascii", 11, 2),
    "33": element("ascii", 11, 2),
    "35": element("ascii", 37, 2),
    "37": element("ascii", 12),
    "38": element("ascii", 6),
    "39": element("ascii", 2),
    "41": element("ascii", 8),
    "42": element("ascii", 15),
    "43": element("ascii", 40),
    "48": element("ascii", 999, 3),
    "49": element("ascii", 3),
    "52": element("b", 8),
    "53": element("ascii", 16),
    "54": element("ascii", 120, 3),
    "63": element("ascii", 999, 3),
    "70": element("ascii", 3),
    "90": element("ascii", 42),
    "125": element("b", 16),
}


class Scheme:
    """A connection to the gateway."""

    def __init__(self, told):
        host, port = told["gateway"].rsplit(":", 1)
        plain = socket.create_connection((host, int(port)), timeout=TIMEOUT_S)
        context = ssl.create_default_context(cafile=told["authority"])
        context.load_cert_chain(told["certificate"], told["key"])
        self.line = context.wrap_socket(plain, server_hostname=host)
        self.trace_number = 0

    def ask(self, **fields):
        """Sends a message under a new trace number, and reads its answer."""
        self.trace_number += 1
        now = datetime.datetime.now(datetime.timezone.utc)
        return self.send({"7": now.strftime("%m%d%H%M%S"), "11": f"{self.trace_number:06}"} | fields)

    def send(self, message):
        """Sends a message as it is, and reads its answer: both, decoded."""
        raw, _ = iso8583.encode(message, SPEC)
        self.line.sendall(struct.pack(">H", len(raw)) + raw)
        (length,) = struct.unpack(">H", self.read(2))
        answer, _ = iso8583.decode(self.read(length), SPEC)
        return message, answer

    def read(self, length):
        """So many bytes, or an error."""
        got = b""
        while len(got) < length:
            part = self.line.recv(length - len(got))
            if not part:
                raise EOFError("the gateway closed the connection")
            got += part
        return got


def purchase(card, mti, amount_minor, reference):
    """In a shop, by chip, without a PIN."""
    return {
        "t": mti,
        "2": card["number"],
        "3": "000000",
        "4": f"{amount_minor:012}",
        "14": card["expiry"],
        "18": "5411",
        "19": "156",
        "22": "051",
        "25": "00",
        "32": ACQUIRER,
        "37": reference,
        "41": TERMINAL,
        "49": "156",
    }


def reversal(original):
    """Of this message."""
    zeros = "0" * 11
    named = original["t"] + original["11"] + original["7"] + original["32"].zfill(11) + zeros
    kept = {field: original[field] for field in ("3", "4", "32", "37", "41", "49")}
    return {"t": "0400", "90": named} | kept


def main():
    told = json.load(sys.stdin)
    card, amount_minor = told["card"], told["amount_minor"]
    scheme, steps = Scheme(told), []

    def note(step, asked, answer):
        repeated = {field: answer.get(field) for field in asked if field in answer and field not in "tp1"}
        agrees = all(asked[field] == value for field, value in repeated.items())
        steps.append({
            "step": step,
            "type": answer["t"],
            "response_code": answer.get("39"),
            "approval_code": answer.get("38"),
            "reference": answer.get("63"),
            "repeats_what_was_asked": agrees and "11" in repeated,
        })

    note("before sign-on", *scheme.ask(**purchase(card, "0100", amount_minor, "PY0000000000")))
    note("sign-on", *scheme.ask(t="0800", **{"70": "001"}))
    note("echo", *scheme.ask(t="0800", **{"70": "301"}))
    bought, answer = scheme.ask(**purchase(card, "0100", amount_minor, "PY0000000001"))
    note("purchase", bought, answer)
    note("purchase again", *scheme.send(bought | {"t": "0101"}))
    note("too much", *scheme.ask(**purchase(card, "0100", told["too_much_minor"], "PY0000000002")))
    undone, answer = scheme.ask(**reversal(bought))
    note("reversal", undone, answer)
    note("reversal again", *scheme.send(undone | {"t": "0401"}))
    note("unknown card", *scheme.ask(**purchase(card | {"number": "4000001234567899"}, "0100", 100, "PY0000000003")))
    note("sign-off", *scheme.ask(t="0800", **{"70": "002"}))
    json.dump(steps, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
