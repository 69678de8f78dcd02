"""Signed ints <-> bytes. Zigzag first, then 7 bits per byte, low bits first."""


def zigzag(n):
    return n * 2 if n >= 0 else -n * 2 - 1


def unzigzag(z):
    return z // 2 if z % 2 == 0 else -(z + 1) // 2


def encode_one(n):
    z = zigzag(n)
    out = bytearray()
    while z >= 0x80:
        out.append(z & 0x7F | 0x80)
        z >>= 7
    out.append(z)
    return bytes(out)


def encode(values):
    body = b"".join(encode_one(v) for v in values)
    check = 0
    for b in body:
        check = (check ^ b) & 0xFF
    return body + bytes([check])


def decode(data):
    body = data[:-1]
    values, z, shift = [], 0, 0
    for b in body:
        z |= (b & 0x7F) << shift
        shift += 7
        if b < 0x80:
            values.append(unzigzag(z))
            z = shift = 0
    return values


if __name__ == "__main__":
    sample = [0, -1, 63, 64, -300, 12345]
    data = encode(sample)
    print(data.hex(" "))
    assert decode(data) == sample
