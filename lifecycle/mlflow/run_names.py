"""Names for runs that nobody named, in the manner of the protocol's own server."""

import secrets
from typing import Final

# fmt: off
_QUALITIES: Final = (
    "able", "amused", "bald", "bold", "brave", "bright", "calm", "capable",
    "charming", "clean", "clever", "crafty", "dapper", "dazzling", "efficient",
    "enchanting", "fearless", "flawless", "fortunate", "gentle", "glamorous",
    "handsome", "honorable", "illustrious", "inquisitive", "intelligent", "kindly",
    "languid", "learned", "legendary", "likeable", "luminous", "marvelous",
    "masked", "merciful", "mercurial", "monumental", "nebulous", "nervous",
    "nimble", "nosy", "omniscient", "orderly", "overjoyed", "painted", "peaceful",
    "persistent", "polite", "powerful", "puzzled", "rare", "rebellious", "redolent",
    "respected", "resilient", "rogue", "serious", "shivering", "sincere",
    "skillful", "smiling", "spiffy", "stately", "suave", "thoughtful", "tasteful",
    "traveling", "trusting", "unique", "upbeat", "useful", "valuable", "victorious",
    "vaunted", "whimsical", "wise", "youthful", "zealous",
)
# fmt: on
# fmt: off
_CREATURES: Final = (
    "ant", "ape", "asp", "auk", "bass", "bat", "bear", "bee", "bird", "boar", "bug",
    "calf", "carp", "cat", "chimp", "cod", "colt", "conch", "cow", "crab", "crane",
    "cub", "deer", "dog", "dolphin", "donkey", "dove", "duck", "eel", "elk", "fawn",
    "finch", "fish", "flea", "fly", "foal", "fowl", "fox", "frog", "gnat", "gnu",
    "goat", "goose", "grouse", "grub", "gull", "hare", "hawk", "hen", "hog",
    "horse", "hound", "jay", "kit", "kite", "koi", "lamb", "lark", "loon", "lynx",
    "mare", "midge", "mink", "mole", "moose", "moth", "mouse", "mule", "newt",
    "owl", "ox", "panda", "penguin", "perch", "pig", "pug", "quail", "ram", "rat",
    "ray", "robin", "roo", "rook", "seal", "shad", "shark", "sheep", "shoat",
    "shrew", "shrike", "shrimp", "skink", "skunk", "sloth", "slug", "smelt",
    "snail", "snake", "snipe", "sow", "sponge", "squid", "squirrel", "stag",
    "steed", "stoat", "stork", "swan", "tern", "toad", "trout", "turtle", "vole",
    "wasp", "whale", "wolf", "worm", "wren", "yak", "zebra",
)
# fmt: on


def random_name() -> str:
    """Return something like `upbeat-owl-417`."""
    number = secrets.randbelow(1000)
    return f"{secrets.choice(_QUALITIES)}-{secrets.choice(_CREATURES)}-{number}"
