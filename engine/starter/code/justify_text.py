"""Block-justify a paragraph for terminal output."""
import sys


def break_lines(words, width):
    # greedy: put as many words on a line as will fit
    lines, current, used = [], [], 0
    for word in words:
        extra = len(word) + (1 if current else 0)
        if current and used + extra > width:
            lines.append(current)
            current, used, extra = [], 0, len(word)
        current.append(word)
        used += extra
    if current:
        lines.append(current)
    return lines


def stretch(words, width):
    if len(words) == 1:
        return words[0]
    free = width - sum(len(w) for w in words)
    each, left = divmod(free, len(words) - 1)
    out = words[0]
    for i, word in enumerate(words[1:]):
        out += " " * (each + (1 if i < left else 0)) + word
    return out


def justify(text, width):
    lines = break_lines(text.split(), width)
    # last line stays ragged
    return [stretch(l, width) for l in lines[:-1]] + [" ".join(l) for l in lines[-1:]]


if __name__ == "__main__":
    width = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    for line in justify(sys.stdin.read(), width):
        print(line)
