"""Repayment plan for a small loan. All amounts are cents (ints!)."""
import sys

EXTRA_EVERY = 6


def monthly_interest(balance, rate_bp):
    # rate in basis points a year -> 10000 * 12, rounded half up
    return (balance * rate_bp + 60000) // 120000


def schedule(principal, rate_bp, payment, extra=0):
    """Yield (month, interest, paid, balance)."""
    balance = principal
    month = 0
    while balance > 0:
        month += 1
        interest = monthly_interest(balance, rate_bp)
        due = payment
        if month % EXTRA_EVERY == 0:
            due += extra
        paid = min(due, balance + interest)
        balance = balance + interest - paid
        yield month, interest, paid, balance


def main(argv):
    if len(argv) < 4:
        print("usage: loan_schedule.py PRINCIPAL RATE_BP PAYMENT [EXTRA]")
        return 1
    nums = [int(a) for a in argv[1:]]
    total = 0
    for month, interest, paid, balance in schedule(*nums):
        total += interest
        print(f"{month:4d} {interest/100:10.2f} {paid/100:10.2f} {balance/100:12.2f}")
    print("interest paid in all: %.2f" % (total / 100))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
