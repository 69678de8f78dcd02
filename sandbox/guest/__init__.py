"""The programs that run in the guest interpreter: the launcher, the zygote and a job's process.

They use the standard library of Python 3.9 and later, and nothing else of this project. Whichever
interpreter runs the jobs, these modules run in it.

`launcher` starts first and `zygote` serves the pool, in frames that `control` reads and writes.
`spawned` takes the launcher's place where an interpreter cannot be forked. `usage` reads what a
process has used, `walls` holds back a job's process, and `program` is what runs in it. All of it
is imported before the walls stand, since the new root does not show these files.
"""
