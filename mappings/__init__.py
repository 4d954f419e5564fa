"""The rules: what a change means and what is to be done about it.

Pure: no I/O, no clock, no randomness, no logging, standard library only. A rule takes facts and returns a value;
`connectors` and `state` speak these nouns, the lanes of `syncd` call these functions.
"""
