"""`edge verify`: holds the files of the recordings against what was announced of them. Changes nothing."""
