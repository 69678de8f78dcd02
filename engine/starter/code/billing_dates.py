"""Due dates for monthly invoices.

Invoices are due on the same day each month. Short months use their last day.
A due date on a weekend moves to Monday, unless that is already next month,
then it goes back to the Friday.
"""
from calendar import monthrange
from datetime import date, timedelta


def month_add(year, month, n):
    total = year * 12 + (month - 1) + n
    return total // 12, total % 12 + 1


def business_day(d):
    if d.weekday() < 5:
        return d
    later = d + timedelta(days=7 - d.weekday())
    if later.month != d.month:
        return d - timedelta(days=d.weekday() - 4)
    return later


def due_dates(first, count, step=1):
    out = []
    for i in range(count):
        y, m = month_add(first.year, first.month, i * step)
        day = min(first.day, monthrange(y, m)[1])
        out.append(business_day(date(y, m, day)))
    return out


if __name__ == "__main__":
    today = date.today()
    print("Next year of invoices")
    for d in due_dates(today, 12):
        print(d.strftime("%a %d %b %Y"))
