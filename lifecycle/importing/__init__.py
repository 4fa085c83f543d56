"""Brings a whole MLflow history in: experiments, runs, points, files, models, versions.

`sources` reads a store as it is and never writes to it; its rows are what a stranger
wrote, so `cells` checks every value before it goes on. `locations` finds files below
the folders that the operator names, and opens nothing else. `experiments`, `runs`,
`logged_models` and `registry` map what was read and decide what is new; what is written
goes through `writer`, which alone calls the store, or only counts where the run is dry.
`importer` puts them in order.
"""
