"""What runs in a job's process, beside the untrusted code.

`harness` loads the code and makes its calls, and `encoder` turns their values into text. `tracer`
counts lines, `clock` shifts the time, and `salt` replaces seeds and digests.
"""
