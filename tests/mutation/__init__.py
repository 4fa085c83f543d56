"""Mutation testing: small changes of our code, each of which some test must notice.

    python -m tests.mutation                         # every area, for hours
    python -m tests.mutation states permissions      # some of them
    python -m tests.mutation deployments/states.py   # a file of one
    python -m tests.mutation reconciler --sample 100 # so many by chance, the same ones
    python -m tests.mutation store --again           # what survived, and what is left

`making` makes mutants, `session` tries each in a fork of a pytest that has collected,
`living` puts it there, `running` starts sessions. What no running process can take
(a class's own fields) and what survived as a value of a module is tried once more in a
process that imports the mutant. Texts and annotations stay as they are. What came of
each is kept in `.mutants/`.
"""
