"""Tables of named columns in and out, in the formats and objects that astronomers have."""
