"""Find free time in a calendar day."""


def to_min(hhmm):
    h, m = hhmm.split(":")
    return int(h) * 60 + int(m)


def to_str(minutes):
    return "%02d:%02d" % divmod(minutes, 60)


def merge(blocks):
    merged = []
    for lo, hi in sorted(blocks):
        if merged and lo <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], hi)
        else:
            merged.append([lo, hi])
    return merged


def free_slots(busy, opens="08:00", closes="18:00", shortest=30):
    pos = to_min(opens)
    end = to_min(closes)
    free = []
    for lo, hi in merge([to_min(a), to_min(b)] for a, b in busy):
        lo = min(lo, end)
        if lo - pos >= shortest:
            free.append((to_str(pos), to_str(lo)))
        pos = max(pos, hi)
    if end - pos >= shortest:
        free.append((to_str(pos), to_str(end)))
    return free


if __name__ == "__main__":
    meetings = [("09:00", "10:15"), ("10:00", "10:30"), ("12:00", "13:00"), ("17:45", "19:00")]
    for a, b in free_slots(meetings):
        print(a, "-", b)
