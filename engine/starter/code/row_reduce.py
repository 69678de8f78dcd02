"""Gauss-Jordan over the integers mod p (p prime)."""


def rref(matrix, p):
    a = [[x % p for x in row] for row in matrix]
    pivots = []
    r = 0
    for c in range(len(a[0])):
        # find a row with something in this column
        k = r
        while k < len(a) and a[k][c] == 0:
            k += 1
        if k == len(a):
            continue
        a[r], a[k] = a[k], a[r]
        inv = pow(a[r][c], p - 2, p)
        a[r] = [x * inv % p for x in a[r]]
        for i in range(len(a)):
            if i != r and a[i][c]:
                f = a[i][c]
                a[i] = [(x - f * y) % p for x, y in zip(a[i], a[r])]
        pivots.append(c)
        r += 1
        if r == len(a):
            break
    return a, pivots


def rank(matrix, p):
    return len(rref(matrix, p)[1])


def show(a):
    for row in a:
        print(" ".join("%3d" % x for x in row))


if __name__ == "__main__":
    m = [[2, 1, 4], [3, 3, 1], [5, 4, 5]]
    red, piv = rref(m, 7)
    show(red)
    print("pivot columns", piv)
