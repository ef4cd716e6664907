"""Makes message.tsv: messages as pyiso8583 encodes them, for the tests of `scheme`.

    python3 -m venv venv && venv/bin/pip install pyiso8583==4.0.1
    venv/bin/python services/shared/scheme/tests/oracle/message.py > services/shared/scheme/tests/oracle/message.tsv

One line for each message: its bytes in hexadecimal digits, its type, then number=value of each data element, the value in
hexadecimal digits. The lengths are those of ISO 8583:1987, written here a second time on purpose.
"""

import copy
import random
import string

import iso8583
from iso8583.specs import default_ascii

random.seed(8583)

N, AN = string.digits, string.ascii_letters + string.digits
ANS, Z = AN + string.punctuation + " ", string.digits + "=D"
# Number: alphabet (None: bytes), digits of the length (0: fixed), longest.
ELEMENTS = {
    2: (N, 2, 19), 3: (N, 0, 6), 4: (N, 0, 12), 7: (N, 0, 10), 11: (N, 0, 6), 12: (N, 0, 6), 13: (N, 0, 4),
    14: (N, 0, 4), 18: (N, 0, 4), 19: (N, 0, 3), 22: (N, 0, 3), 25: (N, 0, 2), 32: (N, 2, 11), 33: (N, 2, 11),
    35: (Z, 2, 37), 37: (AN, 0, 12), 38: (AN, 0, 6), 39: (AN, 0, 2), 41: (ANS, 0, 8), 42: (ANS, 0, 15),
    43: (ANS, 0, 40), 48: (ANS, 3, 999), 49: (N, 0, 3), 52: (None, 0, 8), 53: (N, 0, 16), 54: (ANS, 3, 120),
    63: (ANS, 3, 999), 70: (N, 0, 3), 90: (N, 0, 42), 125: (None, 0, 16),
}

spec = copy.deepcopy(default_ascii)
for name in ("p", "1"):
    spec[name].update(data_enc="b", max_len=8)
for number, (alphabet, digits, longest) in ELEMENTS.items():
    encoding = "b" if alphabet is None else "ascii"
    spec[str(number)].update(data_enc=encoding, len_enc="ascii", len_type=digits, max_len=longest)


def value(alphabet, digits, longest):
    length = random.randint(1, longest) if digits else longest
    if alphabet is None:
        return random.randbytes(length)
    return "".join(random.choice(alphabet) for _ in range(length)).encode()


print("# pyiso8583 4.0.1, by message.py: bytes, type, number=value...")
for _ in range(60):
    mti = random.choice(["0100", "0101", "0110", "0120", "0200", "0210", "0220", "0230", "0400", "0420", "0430", "0800", "0810"])
    chosen = sorted(random.sample(sorted(ELEMENTS), random.randint(0, len(ELEMENTS))))
    # Few of the long ones: they say no more than short ones.
    chosen = [number for number in chosen if ELEMENTS[number][2] < 500 or random.random() < 0.1]
    values = {number: value(*ELEMENTS[number]) for number in chosen}
    document = {str(n): v.hex().upper() if ELEMENTS[n][0] is None else v.decode() for n, v in values.items()}
    encoded, _ = iso8583.encode({"t": mti, **document}, spec)
    print("\t".join([bytes(encoded).hex(), mti] + [f"{n}={v.hex()}" for n, v in values.items()]))
