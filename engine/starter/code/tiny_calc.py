# integer calculator, two passes: to postfix, then evaluate
import sys

PREC = {"+": 1, "-": 1, "*": 2, "/": 2}


def tokens(text):
    num = ""
    for ch in text:
        if ch.isdigit():
            num += ch
            continue
        if num:
            yield num
            num = ""
        if not ch.isspace():
            yield ch
    if num:
        yield num


def to_postfix(text):
    out, ops = [], []
    for t in tokens(text):
        if t.isdigit():
            out.append(t)
        elif t == "(":
            ops.append(t)
        elif t == ")":
            while ops[-1] != "(":
                out.append(ops.pop())
            ops.pop()
        else:
            while ops and ops[-1] != "(" and PREC[ops[-1]] >= PREC[t]:
                out.append(ops.pop())
            ops.append(t)
    return out + ops[::-1]


def evaluate(postfix):
    st = []
    for t in postfix:
        if t.isdigit():
            st.append(int(t))
            continue
        b, a = st.pop(), st.pop()
        st.append({"+": a + b, "-": a - b, "*": a * b}[t] if t != "/" else a // b)
    return st[0]


if __name__ == "__main__":
    p = to_postfix(" ".join(sys.argv[1:]))
    print(" ".join(p), "=", evaluate(p))
