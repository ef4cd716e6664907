"""Makes pin.tsv: PIN blocks and key check values as psec computes them, for the tests of `scheme`.

    python3 -m venv venv && venv/bin/pip install psec==1.3.0
    venv/bin/python services/shared/scheme/tests/oracle/pin.py > services/shared/scheme/tests/oracle/pin.tsv

One line for each block: format, key, card number, PIN, random (format 4 only), encrypted block, key check value. psec has no
check value of AES keys; that column is CMAC of zeros by `cryptography`, which psec brings.
"""

import random

from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from psec import aes, des, pinblock, tools

random.seed(9564)


def digits(count):
    return "".join(random.choice("0123456789") for _ in range(count))


def check_value(key):
    cmac = CMAC(AES(key))
    cmac.update(bytes(16))
    return cmac.finalize()[:5]


print("# psec 1.3.0, by pin.py: format, key, card number, PIN, random, block, key check value")
for length in range(12, 20):
    for pin_length in (4, 5, 6, 9, 12):
        pan, pin = digits(length), digits(pin_length)

        key = random.randbytes(random.choice((16, 24)))
        # psec takes the twelve digits before the check digit, and asks for thirteen in all.
        if length > 12:
            block = des.encrypt_tdes_ecb(key, pinblock.encode_pinblock_iso_0(pin, pan))
            print("\t".join(["0", key.hex(), pan, pin, "-", block.hex(), des.generate_kcv(key, 3).hex()]))

        key = random.randbytes(random.choice((16, 24, 32)))
        # psec draws the random fill itself, so it is put in here.
        field = pinblock.encode_pin_field_iso_4(pin)[:8] + random.randbytes(8)
        inner = aes.encrypt_aes_ecb(key, field)
        block = aes.encrypt_aes_ecb(key, tools.xor(inner, pinblock.encode_pan_field_iso_4(pan)))
        assert pinblock.decipher_pinblock_iso_4(key, block, pan) == pin
        print("\t".join(["4", key.hex(), pan, pin, field[8:].hex(), block.hex(), check_value(key).hex()]))
