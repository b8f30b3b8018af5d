"""The words of the simulated shop's queries."""

# One line per category: names that mean the same, the most usual first.
CATEGORY_WORDS: tuple[tuple[str, ...], ...] = (
    ("phone", "smartphone", "handset"),
    ("shirt", "tshirt", "tee"),
    ("shoes", "sneakers", "trainers"),
    ("dress", "gown"),
    ("laptop", "notebook", "ultrabook"),
    ("headphones", "earbuds", "headset"),
    ("jacket", "coat", "parka"),
    ("snack", "crisps", "nibbles"),
    ("shampoo", "hairwash"),
    ("lamp", "light", "lantern"),
    ("sofa", "couch", "settee"),
    ("watch", "timepiece", "wristwatch"),
    ("bag", "handbag", "purse"),
    ("coffee", "espresso"),
    ("toy", "plaything"),
    ("camera", "camcorder"),
    ("pan", "skillet", "wok"),
    ("bicycle", "bike"),
    ("perfume", "fragrance", "cologne"),
    ("drill", "screwdriver"),
)

# What a word in front of the category says the user is after.
PLAIN, CHEAP, PREMIUM, POPULAR = range(4)
INTENT_WORDS: tuple[tuple[str, ...], ...] = (
    ("", "", "", "", "new", "gift"),
    ("cheap", "budget"),
    ("premium", "luxury"),
    ("best", "bestselling"),
)
