"""`edge web`: the site's journal, its state, API, pages and health over HTTP."""
