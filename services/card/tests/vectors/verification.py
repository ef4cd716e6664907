"""Makes verification.tsv: PVVs, CVV2s and key check values as psec computes them, for the tests of card's keys.

    python3 -m venv venv && venv/bin/pip install psec==1.3.0
    venv/bin/python services/card/tests/vectors/verification.py > services/card/tests/vectors/verification.tsv

One line for each value: kind, key, card number, PIN (pvv) or expiry YYMM (cvv2), value. Those of kind `pvv` go through every
length of a card number; every fifth has so few decimal digits in its block that letters are used. psec leaves out the
letters of a CVV2, so only CVV2s of three decimal digits are here. Key check values of AES are CMAC of zeros by `cryptography`,
which psec brings.
"""

import random

from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from psec import cvv, des, pin

random.seed(3624)


def digits(count):
    return "".join(random.choice("0123456789") for _ in range(count))


def few_digits(key, pan, number):
    block = des.encrypt_tdes_ecb(key, bytes.fromhex(pan[-12:-1] + "1" + number)).hex()
    return sum(digit.isdecimal() for digit in block) < 4


def row(kind, key, pan, extra, value):
    print("\t".join([kind, key.hex(), pan, extra, value]))


print("# psec 1.3.0, by verification.py: kind, key, card number, PIN or expiry, value")
for index in range(40):
    letters = index % 5 == 0
    while True:
        key, pan, number = random.randbytes(random.choice((16, 24))), digits(12 + index % 8), digits(4)
        step = {int(b) - int(a) for a, b in zip(number, number[1:])}
        if few_digits(key, pan, number) == letters and step not in ({0}, {1}, {-1}):
            break
    row("pvv", key, pan, number, pin.generate_visa_pvv(key, "1", number, pan))
for index in range(32):
    while True:
        key, pan = random.randbytes(16), digits(12 + index % 8)
        expiry = f"{random.randrange(26, 40)}{random.randrange(1, 13):02}"
        value = cvv.generate_cvv(key, pan, expiry, "000")
        if len(value) == 3:
            break
    row("cvv2", key, pan, expiry, value)
for length in (16, 24) * 10:
    key = random.randbytes(length)
    row("3des", key, "-", "-", des.generate_kcv(key, 3).hex())
for length in (16, 24, 32) * 7:
    key = random.randbytes(length)
    cmac = CMAC(AES(key))
    cmac.update(bytes(16))
    row("aes", key, "-", "-", cmac.finalize()[:5].hex())
