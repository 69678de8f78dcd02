"""Income tax by brackets (made-up country)."""

BRACKETS = [(0, 0), (9000, 14), (20000, 24), (48000, 38)]
CHILD_ALLOWANCE = 1500
CREDIT = 300


def taxable(income, children):
    return max(0, income - children * CHILD_ALLOWANCE)


def tax_parts(base, brackets=BRACKETS):
    """Tax in cents for each bracket that is touched."""
    parts = []
    for n, (lower, percent) in enumerate(brackets):
        if base <= lower:
            break
        upper = brackets[n + 1][0] if n + 1 < len(brackets) else base
        piece = min(base, upper) - lower
        parts.append(piece * percent)     # whole money * percent == cents
    return parts


def tax(income, children=0):
    total = sum(tax_parts(taxable(income, children)))
    return max(0, total - CREDIT * 100)


def report(income, children):
    t = tax(income, children)
    rate = round(t / income, 2) if income else 0.0
    print("income %d, %d children: tax %.2f (%.2f %%)" % (income, children, t / 100, rate))


if __name__ == "__main__":
    for inc in (8000, 15000, 31000, 70000):
        report(inc, 0)
        report(inc, 2)
