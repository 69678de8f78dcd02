"""The programs that run in the guest interpreter: the launcher, the zygote and the harness of a
job.

Standard library of Python 3.9 and later only, and nothing of the rest of the house: whichever
interpreter runs the jobs, these modules run in it.
"""
