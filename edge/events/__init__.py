"""What Saksi's processes say to each other and to HQ: catalog, envelope, topics and the schemas of all of it.

Pure values: bytes and models only. Knows no broker, no database and no file but the schemas that it writes.
"""
