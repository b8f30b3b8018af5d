"""A spec that uses the whole format, for tests that change one thing in it."""

# Every kind of table and field, every transform, and every role but `parent_category`, which needs
# one more field. Tests edit it in one place.
WHOLE = """\
name: whole
tables:
  item: {width: 7, vocabulary: learned, min_count: 2}
  brand: {width: 5, vocabulary: brands.txt, dtype: int64}
  kind: {width: 3, values: [a, b, "18-24"]}
  year: {width: 3, values: [1999, -3]}
  term: {width: 5, hash_buckets: 11, dtype: string}
  day: {width: 2, integer_ids: 13}
  level: {width: 2, bucketize: [-1, 0.5, 1e+3]}
session:
  session_id: {metadata: string}
  user_id: {metadata: string}
  time: {metadata: int64}
  kind: {table: kind}
  day: {table: day, optional: true}
  query: {table: term, tokens: whitespace, max_length: 3, pool: max, optional: true}
  age: {dense: int64, default: 1e+1, optional: true}
behaviors:
  sequence: {max_length: 19}
  item: {table: item}
  brand: {table: brand}
  tags: {table: term, max_length: 5, pool: sum}
  year: {table: year}
candidates:
  item: {table: item}
  brand: {table: brand}
  tags: {table: term, max_length: 5, pool: sum}
  level: {table: level}
  price: {dense: float32, transform: [log1p, {clip: [0, 5]}, {standardize: learned}]}
  score: {dense: float32, transform: {standardize: [1, 2.5]}, default: -2}
  truth: {metadata: float32}
labels:
  click: {label: binary}
  order: {label: binary}
roles:
  item: [item, brand, tags]
  query: [query]
  category: brand
  scenario: kind
  session_id: session_id
  user_id: user_id
  time: time
  popularity: score
  oracle: {click: truth}
  segments: [day, kind]
"""


def edited(old: str, new: str, text: str = WHOLE) -> str:
    """The text with the one place `old` changed to `new`."""
    assert text.count(old) == 1, (old, text.count(old))
    return text.replace(old, new)
