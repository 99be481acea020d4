"""What the site says to people, in English and Indonesian: one catalog of words, and what is made of it. Pure."""
