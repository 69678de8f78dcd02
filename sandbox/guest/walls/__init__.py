"""The walls around a zygote and around each of its jobs.

`walls` puts up what the others make. `root` makes the namespaces and the root that jobs see, and
`scratch` keeps the folder that jobs write in. `landlock` says which files may be used, `filters`
and `syscalls` which system calls. `kernel` has the calls that Python lacks.
"""
