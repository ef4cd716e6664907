"""Makes annuity.tsv: annuities as numpy-financial computes them, for the tests of the loan domain.

    python3 -m venv venv && venv/bin/pip install numpy-financial==1.0.0
    venv/bin/python services/loan/tests/oracle/annuity.py > services/loan/tests/oracle/annuity.tsv

One line for each instalment that is compared: amount (minor units), yearly rate (parts per million), months, the equal
instalment rounded to the minor unit, number of the instalment, its interest in thousandths of a minor unit, and by how
much of that ours may differ (see oracle_tests.rs for why).
"""

import math

import numpy_financial as npf

AMOUNTS = [10_000_000, 123_456, 1_000_000_000]
RATES = [43_500, 33_000, 10_000, 72_000, 240_000, 360_000]
MONTHS = [1, 12, 36, 360, 480]


def cases():
    for amount in AMOUNTS:
        for ppm in RATES:
            for months in MONTHS:
                yield amount, ppm, months


print("# numpy-financial 1.0.0, by annuity.py: amount, ppm, months, instalment, number, interest / 1000, bound / 1000")
for amount, ppm, months in cases():
    rate = ppm / 12_000_000
    payment = -npf.pmt(rate, months, amount)
    if abs(payment % 1 - 0.5) < 0.01:
        continue
    for number in sorted({1, (months + 1) // 2, months}):
        interest = -npf.ipmt(rate, number, months, amount)
        bound = (1 + rate) ** (number - 1) - 1 + 0.5
        # What floating point itself loses in a sum of that size, generously.
        bound += amount * 1e-11
        fields = [amount, ppm, months, round(payment), number, round(float(interest) * 1000), math.ceil(bound * 1000) + 1]
        print("\t".join(str(field) for field in fields))
